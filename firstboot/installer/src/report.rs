//! How an unattended installation ended, in one line for programs.

use std::time::Duration;

use serde::Serialize;

use crate::answers::Mode;
use crate::execute::ExecuteError;
use crate::machine::{Disk, Source};
use crate::once::Mark;
use crate::plan::{InstallPlan, Refusal};
use crate::progress::Outcome;

/// What the line begins with; the rest of it is JSON.
pub const MARK: &str = "sigmavault-installer-report: ";

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The system is on the disk and was read back.
    Installed,
    /// Nothing was written: these answers have installed the disk already.
    AlreadyInstalled,
    /// Nothing was written.
    Refused,
    /// Something went wrong while writing.
    Failed,
    /// A stop was requested.
    Stopped,
}

/// How an unattended installation ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// How it ended.
    pub result: Verdict,
    /// Device of the system disk, once it is known.
    pub disk: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Version of the system, when this installation wrote it.
    pub version: Option<String>,
    /// Its root hash.
    pub root_hash: Option<String>,
    /// Seconds that the installation took.
    pub seconds: u64,
    /// Where the sheet with the recovery key and the pool's key is kept, when there is one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_key_kept: Option<String>,
    /// Why no plan could be made.
    pub refusals: Vec<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// What was to happen to the system disk, once that is known; for a person.
    #[serde(skip)]
    pub mode: Option<Mode>,
}

impl Report {
    /// Nothing was written, for this reason, which is none against the plan: answers or machine could not be read, or a
    /// recovery key could not be kept.
    pub fn unreadable(error: &impl ToString) -> Self {
        Self {
            error: Some(error.to_string()),
            ..Self::nothing()
        }
    }

    /// Nothing was written, since no plan could be made.
    pub fn refused(refusals: &[Refusal]) -> Self {
        Self {
            refusals: refusals.iter().map(ToString::to_string).collect(),
            ..Self::nothing()
        }
    }

    /// Nothing was written, since these answers have installed the disk already.
    pub fn already_installed(disk: &Disk, mark: &Mark) -> Self {
        Self {
            result: Verdict::AlreadyInstalled,
            disk: Some(disk.path.clone()),
            serial: disk.serial.clone(),
            root_hash: Some(mark.root_hash.clone()),
            ..Self::nothing()
        }
    }

    /// The last step of a setup that a power cut kept from it was taken, or failed.
    pub fn setup_ended(disk: &Disk, source: &Source, result: &Result<(), ExecuteError>) -> Self {
        Self {
            result: if result.is_ok() {
                Verdict::Installed
            } else {
                Verdict::Failed
            },
            disk: Some(disk.path.clone()),
            serial: disk.serial.clone(),
            version: Some(source.version.clone()),
            root_hash: Some(source.root_hash.clone()),
            error: result.as_ref().err().map(ToString::to_string),
            mode: Some(Mode::Setup),
            ..Self::nothing()
        }
    }

    /// The plan was carried out, or failed.
    pub fn ended(plan: &InstallPlan, took: Duration, result: &Result<Outcome, ExecuteError>) -> Self {
        Self {
            result: match result {
                Ok(_) => Verdict::Installed,
                Err(ExecuteError::Stopped) => Verdict::Stopped,
                Err(ExecuteError::NotTaken { .. }) => Verdict::Refused,
                Err(_) => Verdict::Failed,
            },
            disk: Some(plan.disk.path.clone()),
            serial: plan.disk.serial.clone(),
            version: Some(plan.source.version.clone()),
            root_hash: Some(plan.source.root_hash.clone()),
            seconds: took.as_secs(),
            recovery_key_kept: None,
            refusals: Vec::new(),
            error: result.as_ref().err().map(ToString::to_string),
            mode: Some(plan.mode),
        }
    }

    fn nothing() -> Self {
        Self {
            result: Verdict::Refused,
            disk: None,
            serial: None,
            version: None,
            root_hash: None,
            seconds: 0,
            recovery_key_kept: None,
            refusals: Vec::new(),
            error: None,
            mode: None,
        }
    }

    /// The line, without its end.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{MARK}{}", serde_json::to_string(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_whatever_the_error_says() {
        let report = Report::unreadable(&"line 3, column 1: wrong\n  try: \"right\"");
        assert_eq!(
            report.line().unwrap(),
            "sigmavault-installer-report: {\"result\":\"refused\",\"disk\":null,\"serial\":null,\"version\":null,\
             \"root-hash\":null,\"seconds\":0,\"refusals\":[],\
             \"error\":\"line 3, column 1: wrong\\n  try: \\\"right\\\"\"}"
        );
    }
}
