//! What a check expects, how it is judged, and its result as a line and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sigmavault_vm::{Firmware, Medium};

/// What the machine must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Firmware it was started with.
    pub firmware: Firmware,
    /// How the ISO is attached.
    pub medium: Medium,
    /// Length of the ISO in bytes.
    pub iso_bytes: u64,
    /// Volume id of the ISO.
    pub volume_id: String,
    /// Root hash of the image.
    pub root_hash: String,
    /// Kernel release of the image.
    pub kernel: String,
    /// Version of the ZFS module in the image.
    pub zfs: String,
    /// Model tier that the machine's memory and processor imply.
    pub tier: &'static str,
}

/// The result of a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As expected.
    Pass,
    /// Not as expected, or not seen.
    Fail,
    /// The check does not apply.
    Skip,
}

/// What was seen, what should have been, and what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The result.
    pub outcome: Outcome,
    /// What was seen.
    pub measured: String,
    /// What should have been seen.
    pub expected: String,
    /// Why the check did not pass.
    pub reason: Option<String>,
}

impl Judgement {
    /// A pass when there are no complaints, else a failure for all of them.
    pub fn of(measured: impl Into<String>, expected: impl Into<String>, complaints: &[String]) -> Self {
        let failed = !complaints.is_empty();
        Self {
            outcome: if failed { Outcome::Fail } else { Outcome::Pass },
            measured: measured.into(),
            expected: expected.into(),
            reason: failed.then(|| complaints.join("; ")),
        }
    }

    /// A check that does not apply.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Skip,
            measured: String::new(),
            expected: String::new(),
            reason: Some(reason.into()),
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CheckResult {
    /// Name of the check.
    pub name: &'static str,
    /// The result.
    pub outcome: Outcome,
    /// Why the check did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was seen.
    pub measured: String,
    /// What should have been seen.
    pub expected: String,
    /// How long it took.
    pub seconds: f64,
}

impl CheckResult {
    /// A judgement with its name and time.
    pub fn new(name: &'static str, judgement: Judgement, took: Duration) -> Self {
        Self {
            name,
            outcome: judgement.outcome,
            reason: judgement.reason,
            measured: judgement.measured,
            expected: judgement.expected,
            seconds: (took.as_secs_f64() * 100.0).round() / 100.0,
        }
    }
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::Skip => "skip",
        };
        write!(f, "{mark}  {:<19} {:>6.1} s  ", self.name, self.seconds)?;
        match (&self.reason, self.outcome) {
            (Some(reason), Outcome::Fail) => {
                write!(
                    f,
                    "{}",
                    reason.replace('\n', "\n                                ")
                )?;
                if !self.measured.is_empty() && !reason.contains(&self.measured) {
                    write!(f, " (measured: {})", self.measured.replace('\n', " | "))?;
                }
                Ok(())
            }
            (Some(reason), _) => f.write_str(reason),
            (None, _) => f.write_str(&self.measured.replace('\n', " | ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_a_person() {
        let pass = CheckResult::new(
            "nfs",
            Judgement::of("a\nb", "x", &[]),
            Duration::from_millis(1234),
        );
        assert_eq!(pass.to_string(), "pass  nfs                    1.2 s  a | b");
        let fail = CheckResult::new("nfs", Judgement::of("a", "x", &["no".into()]), Duration::ZERO);
        assert_eq!(
            fail.to_string(),
            "FAIL  nfs                    0.0 s  no (measured: a)"
        );
        let skip = CheckResult::new("nfs", Judgement::skip("headless"), Duration::ZERO);
        assert_eq!(skip.to_string(), "skip  nfs                    0.0 s  headless");
    }
}
