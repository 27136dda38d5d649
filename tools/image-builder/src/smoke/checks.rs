//! The checks: a registry of named ones, and their results.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::judge;
use super::options::{Firmware, Medium};
use super::report::{Guest, Section};

/// What a machine must turn out to be.
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

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it must be.
    Pass,
    /// Not as it must be, or not seen.
    Fail,
    /// Does not apply.
    Skip,
}

/// What was seen, what should have been, and what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen.
    pub measured: String,
    /// What should have been seen.
    pub expected: String,
    /// Why it is no pass.
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
    /// How it came out.
    pub outcome: Outcome,
    /// Why it is no pass.
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

/// A check whose facts the guest gathers.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Name, the same as in the guest's script.
    pub name: &'static str,
    /// Judges the guest's facts.
    judge: fn(&Section, &Expected) -> Judgement,
}

/// All of them, in the order of the report.
pub const REGISTRY: [Check; 11] = [
    Check {
        name: "firmware-to-kernel",
        judge: judge::firmware_to_kernel,
    },
    Check {
        name: "verity-root",
        judge: judge::verity_root,
    },
    Check {
        name: "boot-target",
        judge: judge::boot_target,
    },
    Check {
        name: "failed-units",
        judge: judge::failed_units,
    },
    Check {
        name: "kernel-taint",
        judge: judge::kernel_taint,
    },
    Check {
        name: "detector-tier",
        judge: judge::detector_tier,
    },
    Check {
        name: "api-ready",
        judge: judge::api_ready,
    },
    Check {
        name: "zfs-mirror",
        judge: judge::zfs_mirror,
    },
    Check {
        name: "wireguard",
        judge: judge::wireguard,
    },
    Check {
        name: "samba",
        judge: judge::samba,
    },
    Check {
        name: "nfs",
        judge: judge::nfs,
    },
];

/// The desktop is really drawn; looked at from outside.
pub const SCREEN: &str = "screen";
/// The machine switches itself off cleanly; watched from outside.
pub const POWER_OFF: &str = "power-off";

/// Judges everything the guest told.
pub fn judge_guest(guest: &Guest, expected: &Expected) -> Vec<CheckResult> {
    REGISTRY
        .iter()
        .map(|check| {
            let section = guest.sections.get(check.name);
            let took = section
                .and_then(|section| section.end)
                .map_or(Duration::ZERO, |(_, took)| took);
            CheckResult::new(check.name, judge_section(check, section, expected), took)
        })
        .collect()
}

fn judge_section(check: &Check, section: Option<&Section>, expected: &Expected) -> Judgement {
    let Some(section) = section else {
        return Judgement::of("", "", &["never started in the guest".to_owned()]);
    };
    let judged = (check.judge)(section, expected);
    let why = if let Some(step) = section.fact("failed-step") {
        step.to_owned()
    } else if section.timed_out() {
        "ran past its time limit in the guest".to_owned()
    } else {
        match section.end {
            None => "did not end in the guest".to_owned(),
            Some((0, _)) => return judged,
            Some((status, _)) => format!("the guest's script ended with status {status}"),
        }
    };
    Judgement {
        outcome: Outcome::Fail,
        reason: Some(why),
        ..judged
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Event;
    use super::*;

    pub(crate) fn expected() -> Expected {
        Expected {
            firmware: Firmware::Uefi,
            medium: Medium::Usb,
            iso_bytes: 4096,
            volume_id: "SV".into(),
            root_hash: "ab".into(),
            kernel: "6.12".into(),
            zfs: "2.3.9".into(),
            tier: "bitnet-7b",
        }
    }

    fn told(events: &[Event]) -> Guest {
        let mut guest = Guest::default();
        for event in events {
            guest.note(Ok(event.clone()));
        }
        guest
    }

    fn fact(key: &str, value: &str) -> Event {
        Event::Fact {
            check: "firmware-to-kernel".into(),
            key: key.into(),
            value: value.into(),
        }
    }

    fn end(status: u8) -> Event {
        Event::End {
            check: "firmware-to-kernel".into(),
            status,
            ms: 1_256,
        }
    }

    #[test]
    fn a_check_that_says_nothing_fails() {
        let (kernel, firmware) = (fact("kernel", "6.12"), fact("firmware", "uefi"));
        for (events, outcome, reason) in [
            (vec![], Outcome::Fail, Some("never started in the guest")),
            (
                vec![kernel.clone(), firmware.clone()],
                Outcome::Fail,
                Some("did not end in the guest"),
            ),
            (
                vec![kernel.clone(), firmware.clone(), end(0)],
                Outcome::Pass,
                None,
            ),
            (
                vec![kernel.clone(), firmware.clone(), end(3)],
                Outcome::Fail,
                Some("the guest's script ended with status 3"),
            ),
            (
                vec![kernel.clone(), firmware, end(124)],
                Outcome::Fail,
                Some("ran past its time limit in the guest"),
            ),
            (
                vec![kernel, fact("failed-step", "one: no"), end(1)],
                Outcome::Fail,
                Some("one: no"),
            ),
        ] {
            let result = &judge_guest(&told(&events), &expected())[0];
            assert_eq!(
                (result.outcome, result.reason.as_deref()),
                (outcome, reason),
                "{events:?}"
            );
        }
    }

    #[test]
    fn an_empty_guest_passes_nothing() {
        let results = judge_guest(&Guest::default(), &expected());
        assert_eq!(results.len(), REGISTRY.len());
        assert!(results.iter().all(|result| result.outcome == Outcome::Fail));
        // Even sections that ended well but say nothing.
        let mut guest = Guest::default();
        for check in REGISTRY {
            guest.note(Ok(Event::End {
                check: check.name.into(),
                status: 0,
                ms: 1,
            }));
        }
        for result in judge_guest(&guest, &expected()) {
            assert_eq!(result.outcome, Outcome::Fail, "{}", result.name);
        }
    }

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
