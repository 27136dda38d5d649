//! The result: a table for people, one object for programs.

use std::fmt;

use serde::Serialize;

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    name: &'static str,
    unit: &'static str,
    value: f64,
    /// Upper limit.
    limit: Option<f64>,
    holds: bool,
}

impl Measure {
    /// A number without a limit.
    pub fn free(name: &'static str, unit: &'static str, value: f64) -> Self {
        Self {
            name,
            unit,
            value,
            limit: None,
            holds: true,
        }
    }

    /// A number with an upper limit.
    pub fn at_most(name: &'static str, unit: &'static str, value: f64, limit: f64) -> Self {
        Self {
            name,
            unit,
            value,
            limit: Some(limit),
            holds: value <= limit,
        }
    }
}

/// All measurements.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The measured model.
    pub model: String,
    /// Number of compute threads.
    pub threads: usize,
    /// The measurements.
    pub measures: Vec<Measure>,
}

impl Report {
    /// Whether every limit is kept.
    pub fn holds(&self) -> bool {
        self.measures.iter().all(|measure| measure.holds)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {} threads", self.model, self.threads)?;
        for measure in &self.measures {
            let number = |value: f64| match measure.unit {
                "s" | "%" => format!("{value:.3}"),
                _ => format!("{value:.0}"),
            };
            write!(
                f,
                "   {:<58} {:>9} {:<6}",
                measure.name,
                number(measure.value),
                measure.unit
            )?;
            match measure.limit {
                Some(limit) if measure.holds => writeln!(f, "  limit {:>6}", number(limit))?,
                Some(limit) => writeln!(f, "  limit {:>6}  DOES NOT HOLD", number(limit))?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_said() {
        let report = Report {
            model: "m".into(),
            threads: 2,
            measures: vec![
                Measure::free("a", "s", 1.0),
                Measure::at_most("b", "MB", 2.4, 2.0),
            ],
        };
        assert!(!report.holds());
        let text = report.to_string();
        assert_eq!(
            text.lines()
                .filter(|line| line.ends_with("DOES NOT HOLD"))
                .count(),
            1,
            "{text}"
        );
    }
}
