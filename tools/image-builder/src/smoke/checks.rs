//! The checks: a registry of named ones, and their judgement.

use std::time::Duration;

use sigmavault_vm::guest::{Guest, Section};

use super::judge;
use super::judgement::{CheckResult, Expected, Judgement, Outcome};

/// A check whose facts the guest gathers.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Name, the same as in the guest's script.
    pub name: &'static str,
    /// Judges the guest's facts.
    judge: fn(&Section, &Expected) -> Judgement,
}

/// All of them, in the order of the report.
pub const REGISTRY: [Check; 12] = [
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
        name: "storage",
        judge: judge::storage,
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

/// Judges everything that the guest reported.
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
    use super::*;
    use sigmavault_vm::guest::Event;
    use sigmavault_vm::{Firmware, Medium};

    fn expected() -> Expected {
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
}
