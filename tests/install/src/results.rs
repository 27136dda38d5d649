//! Results of checks, of scenarios and of the whole run, as lines and as JSON.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// What it is.
    pub name: String,
    /// Whether it is as it must be.
    pub passed: bool,
    /// What was seen.
    pub measured: String,
    /// What should have been seen.
    pub expected: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.passed { "pass" } else { "FAIL" };
        write!(f, "  {mark}  {}: {}", self.name, shown(&self.measured))?;
        if !self.passed {
            write!(f, "\n        expected: {}", shown(&self.expected))?;
        }
        Ok(())
    }
}

/// A text of one line, or of several indented ones.
fn shown(text: &str) -> String {
    match text.trim() {
        "" => "(nothing)".to_owned(),
        text => text.replace('\n', "\n        "),
    }
}

/// The result of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// Its name.
    pub scenario: &'static str,
    /// Whether every check passed and nothing ended it early.
    pub passed: bool,
    /// The error that ended it early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// What was measured along the way, for people.
    pub notes: Vec<String>,
    /// Its checks.
    pub checks: Vec<Check>,
    /// Folder with its logs and screenshots.
    pub artifacts: PathBuf,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed { "passed" } else { "FAILED" };
        let failed = self.checks.iter().filter(|check| !check.passed).count();
        write!(
            f,
            "{} {verdict} in {:.0} s: {} checks, {failed} failed",
            self.scenario,
            self.seconds,
            self.checks.len()
        )?;
        if let Some(error) = &self.error {
            write!(f, "\n  ended early: {}", error.replace('\n', "\n  "))?;
        }
        if !self.passed {
            write!(f, "\n  logs and screenshots: {}", self.artifacts.display())?;
        }
        Ok(())
    }
}

/// The whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The ISO.
    pub iso: PathBuf,
    /// Its root hash.
    pub root_hash: String,
    /// How the processor was virtualised.
    pub accelerator: &'static str,
    /// Seed of what was random.
    pub seed: u64,
    /// Whether every scenario passed.
    pub passed: bool,
    /// The scenarios.
    pub scenarios: Vec<Outcome>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.scenarios {
            writeln!(f, "{outcome}")?;
        }
        let passed = self.scenarios.iter().filter(|outcome| outcome.passed).count();
        write!(
            f,
            "{passed} passed, {} failed, under {}, seed {}",
            self.scenarios.len() - passed,
            self.accelerator,
            self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(passed: bool) -> Check {
        Check {
            name: "host name".into(),
            passed,
            measured: "a\nb".into(),
            expected: String::new(),
        }
    }

    #[test]
    fn lines() {
        assert_eq!(check(true).to_string(), "  pass  host name: a\n        b");
        assert_eq!(
            check(false).to_string(),
            "  FAIL  host name: a\n        b\n        expected: (nothing)"
        );
        let outcome = Outcome {
            scenario: "luks",
            passed: false,
            error: Some("one\ntwo".into()),
            seconds: 61.4,
            notes: Vec::new(),
            checks: vec![check(true), check(false)],
            artifacts: "/a".into(),
        };
        assert_eq!(
            outcome.to_string(),
            "luks FAILED in 61 s: 2 checks, 1 failed\n  ended early: one\n  two\n  logs and screenshots: /a"
        );
        let report = Report {
            iso: "a.iso".into(),
            root_hash: "ab".into(),
            accelerator: "TCG",
            seed: 7,
            passed: false,
            scenarios: vec![outcome.clone()],
        };
        assert_eq!(
            report.to_string(),
            format!("{outcome}\n0 passed, 1 failed, under TCG, seed 7")
        );
    }
}
