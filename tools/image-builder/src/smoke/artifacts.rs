//! What a run leaves behind: the logs of its machine, and its report.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sigmavault_vm::{Accelerator, Firmware, Logs, Medium, Memory};

use super::error::Error;
use super::judgement::{CheckResult, Outcome};

/// What a smoke test found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The ISO.
    pub iso: PathBuf,
    /// Its profile.
    pub profile: String,
    /// Its version.
    pub version: String,
    /// Its root hash.
    pub root_hash: String,
    /// How it was attached.
    #[serde(rename = "as")]
    pub medium: Medium,
    /// Firmware of the machine.
    pub firmware: Firmware,
    /// Memory of the machine.
    pub memory: Memory,
    /// Processor model of the machine.
    pub cpu: String,
    /// How the processor was virtualised.
    pub accelerator: Accelerator,
    /// Why it was not KVM, when that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_kvm: Option<String>,
    /// How long everything took.
    pub seconds: f64,
    /// Whether every check passed or was skipped.
    pub passed: bool,
    /// The error that ended the test early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The checks.
    pub checks: Vec<CheckResult>,
    /// Folder with the logs, the journal and the screenshot.
    pub artifacts: PathBuf,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            writeln!(f, "{check}")?;
        }
        let failed = self
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Fail)
            .count();
        let verdict = if failed == 0 {
            "passed".to_owned()
        } else {
            format!("{failed} checks failed")
        };
        writeln!(
            f,
            "{} {} as {} under {}, {} memory, {}: {verdict} in {:.0} s",
            self.profile,
            self.version,
            self.medium,
            self.firmware,
            self.memory,
            self.accelerator.name(),
            self.seconds
        )?;
        if let Some(why) = &self.no_kvm {
            writeln!(f, "Emulated, because {why}.")?;
        }
        write!(f, "Logs and screenshot: {}", self.artifacts.display())
    }
}

/// Name of the [`Report`] as JSON.
const REPORT: &str = "report.json";

/// Creates the folder that a run leaves behind and removes what an earlier run left under the same names.
pub fn prepare(folder: &Path) -> Result<Logs, Error> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let folder = fs::canonicalize(folder).map_err(Error::io("open", folder))?;
    for name in Logs::NAMES.into_iter().chain([REPORT]) {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(Logs::new(folder))
}

impl Report {
    /// Writes it beside the logs.
    pub fn write(&self) -> Result<(), Error> {
        let path = self.artifacts.join(REPORT);
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&path, text + "\n").map_err(Error::io("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::smoke::judgement::Judgement;

    #[test]
    fn artifacts_of_an_earlier_run_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("new");
        prepare(&at).unwrap();
        for name in ["screenshot.png", "report.json", "notes.txt"] {
            fs::write(at.join(name), "old").unwrap();
        }
        let logs = prepare(&at).unwrap();
        let left: Vec<_> = fs::read_dir(logs.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["notes.txt"]);
    }

    #[test]
    fn a_report_for_machines_and_people() {
        let report = Report {
            iso: "/out/a.iso".into(),
            profile: "vm-test".into(),
            version: "0.1.0".into(),
            root_hash: "ab".into(),
            medium: Medium::Cd,
            firmware: Firmware::Bios,
            memory: Memory::gib(4),
            cpu: "max".into(),
            accelerator: Accelerator::Tcg,
            no_kvm: Some("the guest reset itself in early boot".into()),
            seconds: 123.4,
            passed: false,
            error: None,
            checks: vec![
                CheckResult::new(
                    "nfs",
                    Judgement::of("a", "b", &["no".into()]),
                    Duration::from_secs(2),
                ),
                CheckResult::new("screen", Judgement::skip("headless"), Duration::ZERO),
            ],
            artifacts: "/out/logs".into(),
        };
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (&json["as"], &json["firmware"], &json["accelerator"]),
            (&"cd".into(), &"bios".into(), &"tcg".into())
        );
        assert_eq!(
            (&json["memory"], &json["root-hash"]),
            (&"4G".into(), &"ab".into())
        );
        assert_eq!(
            (&json["checks"][0]["outcome"], &json["checks"][0]["reason"]),
            (&"fail".into(), &"no".into())
        );
        assert!(json.get("error").is_none());
        let text = report.to_string();
        assert!(
            text.contains("vm-test 0.1.0 as cd under bios, 4G memory, TCG: 1 checks failed in 123 s\n"),
            "{text}"
        );
        assert!(
            text.contains("Emulated, because the guest reset itself in early boot."),
            "{text}"
        );
    }
}
