//! Lists with one record per line and tab-separated fields: failed starts (`TIME SLOT REASON`) and boots
//! (`TIME SLOT BOOT-ID`). A line that a power cut left incomplete is skipped.

use sigmavault_types::slots::{BootFailure, BootRecord, Slot};

use crate::terminal::single_line;

/// Maximum length of a reason, in characters.
const LONGEST: usize = 600;

/// Failed starts, in file order.
pub fn failures(text: &str) -> Vec<BootFailure> {
    records(text)
        .map(|(time, slot, reason)| BootFailure {
            time: time.to_owned(),
            slot,
            reason: readable(reason),
        })
        .collect()
}

/// Boots, in file order.
pub fn boots(text: &str) -> Vec<BootRecord> {
    records(text)
        .map(|(time, slot, boot_id)| BootRecord {
            time: time.to_owned(),
            slot,
            boot_id: boot_id.trim().to_owned(),
        })
        .collect()
}

/// The line of a failed start, with its newline.
pub fn failure_line(failure: &BootFailure) -> String {
    line(&failure.time, failure.slot, &failure.reason)
}

/// The line of a boot, with its newline.
pub fn boot_line(boot: &BootRecord) -> String {
    line(&boot.time, boot.slot, &boot.boot_id)
}

fn line(time: &str, slot: Slot, rest: &str) -> String {
    format!("{}\t{}\t{}\n", readable(time), slot.name(), readable(rest))
}

fn records(text: &str) -> impl Iterator<Item = (&str, Slot, &str)> {
    text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, '\t');
        let (time, slot, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let slot = Slot::from_name(slot)?;
        (!time.is_empty() && !rest.trim().is_empty()).then_some((time, slot, rest))
    })
}

/// A reason on one line, cut to a readable length.
fn readable(text: &str) -> String {
    let mut line = single_line(text);
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST - 1).collect();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn failures_are_read_and_torn_lines_are_not() {
        let text = "2026-11-20T10:00:00Z\ta\troot hash does not match\n\
                    2026-11-20T10:05:00Z\tB\tone\ttwo\x1b[2J\n\
                    2026-11-20T10:06:00Z\tc\tno such slot\n\n\
                    2026-11-20T10:07:00Z\ta";
        let read: Vec<_> = failures(text)
            .into_iter()
            .map(|failure| (failure.time, failure.slot, failure.reason))
            .collect();
        assert_eq!(
            read,
            [
                (
                    "2026-11-20T10:00:00Z".into(),
                    Slot::A,
                    "root hash does not match".into()
                ),
                ("2026-11-20T10:05:00Z".into(), Slot::B, "one two [2J".to_owned()),
            ]
        );
    }

    #[test]
    fn a_boot_is_a_line() {
        let boot = BootRecord {
            time: "2026-11-20T10:00:00Z".into(),
            slot: Slot::B,
            boot_id: "5b1a".into(),
        };
        assert_eq!(boot_line(&boot), "2026-11-20T10:00:00Z\tb\t5b1a\n");
        assert_eq!(boots(&boot_line(&boot)), [boot]);
    }

    #[test]
    fn long_reasons_are_cut() {
        let reason = failures(&format!("t\ta\t{}", "x".repeat(1000)))[0].reason.clone();
        assert_eq!(reason.chars().count(), 600);
        assert!(reason.ends_with("x…"), "{reason}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(.|\\t|\\n|a\\t){0,80}") {
            failures(&text);
            boots(&text);
        }

        #[test]
        fn a_failure_stays_one_record(reason in ".*[a-z].*", b: bool) {
            let slot = if b { Slot::B } else { Slot::A };
            let failure = BootFailure { time: "2026-11-20T10:00:00Z".into(), slot, reason };
            let line = failure_line(&failure);
            let read = failures(&line);
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(failure_line(&read[0]), line);
        }
    }
}
