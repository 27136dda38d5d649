//! `autoboot.txt`: from which partition the firmware of a Raspberry Pi starts.
//!
//! The file is at most one sector long and is only ever changed in place, in two digits, so that a power cut leaves the old
//! text or the new one. Comments and settings that do not choose a partition stay as they are. A file in which the choice
//! depends on anything else, such as a section for one board, is refused: somebody wrote it by hand and means it.

use sigmavault_types::slots::Slot;

use crate::error::Malformed;

/// Bytes that the firmware reads, and that a drive writes as one.
pub const LONGEST: usize = 512;

/// The text that the image has: slot A is preferred.
pub const TEXT: &str = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n";

/// The image's text with this slot as the preferred one.
pub fn text(preferred: Slot) -> String {
    format!(
        "[all]\ntryboot_a_b=1\nboot_partition={}\n[tryboot]\nboot_partition={}\n",
        digit(preferred),
        digit(preferred.other())
    )
}

/// A text that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autoboot {
    text: String,
    /// The preferred slot.
    pub preferred: Slot,
    /// Where the digits of the preferred and of the other slot are.
    digits: [usize; 2],
}

/// A section of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    All,
    Tryboot,
}

impl Autoboot {
    /// Reads the text; the error says which line is not understood.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > LONGEST {
            return Err(Malformed::new("at most 512 bytes", text));
        }
        // Bytes that are not text were replaced, and could not be written back.
        if !text.is_ascii() {
            return Err(Malformed::new("plain ASCII text", text));
        }
        let mut section = Section::All;
        let (mut a_b, mut all, mut tryboot) = (false, None, None);
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let line = line.trim_end();
            if line.starts_with(char::is_whitespace) {
                return Err(Malformed::new("a line without blanks before it", line));
            }
            if line.starts_with('[') {
                section = match line {
                    "[all]" => Section::All,
                    "[tryboot]" => Section::Tryboot,
                    _ => return Err(Malformed::new("a section [all] or [tryboot]", line)),
                };
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
                continue;
            };
            let digit = start + key.len() + 1;
            match (key, section) {
                ("tryboot_a_b", Section::All) if value == "1" => a_b = true,
                ("tryboot_a_b", _) => return Err(Malformed::new("tryboot_a_b=1 in [all]", line)),
                // A later line counts more than an earlier one, and [all] counts for a try too.
                ("boot_partition", Section::All) if all.is_none() && tryboot.is_none() => {
                    all = Some((partition(line, value)?, digit));
                }
                ("boot_partition", Section::Tryboot) if all.is_some() && tryboot.is_none() => {
                    tryboot = Some((partition(line, value)?, digit));
                }
                ("boot_partition", _) => {
                    return Err(Malformed::new(
                        "boot_partition once in [all] and after that once in [tryboot]",
                        line,
                    ));
                }
                (key, _) if key.trim() != key || key.eq_ignore_ascii_case("boot_partition") => {
                    return Err(Malformed::new("KEY=VALUE without blanks, in small letters", line));
                }
                _ => {}
            }
        }
        let (Some((preferred, first)), Some((other, second)), true) = (all, tryboot, a_b) else {
            return Err(Malformed::new(
                "tryboot_a_b=1 and boot_partition in [all], and boot_partition in [tryboot]",
                text,
            ));
        };
        if preferred == other {
            return Err(Malformed::new(
                "boot_partition=2 in one section and boot_partition=3 in the other",
                text,
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            preferred,
            digits: [first, second],
        })
    }

    /// The text in which this slot is the preferred one: as long as the old one, and the same but for two digits.
    pub fn preferring(&self, slot: Slot) -> String {
        let mut text = self.text.clone();
        for (at, slot) in self.digits.into_iter().zip([slot, slot.other()]) {
            text.replace_range(at..=at, digit(slot));
        }
        text
    }
}

/// The number of the boot partition of a slot.
const fn digit(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "2",
        Slot::B => "3",
    }
}

fn partition(line: &str, value: &str) -> Result<Slot, Malformed> {
    Slot::ALL
        .into_iter()
        .find(|slot| digit(*slot) == value)
        .ok_or_else(|| Malformed::new("boot_partition=2 for slot A or boot_partition=3 for slot B", line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_images_text_prefers_slot_a() {
        let read = Autoboot::parse(TEXT).unwrap();
        assert_eq!(read.preferred, Slot::A);
        assert_eq!(read.preferring(Slot::A), TEXT);
        assert_eq!(text(Slot::A), TEXT);
        assert_eq!(text(Slot::B), read.preferring(Slot::B));
        assert_eq!(
            read.preferring(Slot::B),
            "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n"
        );
    }

    #[test]
    fn what_chooses_no_partition_stays() {
        let text = "# my Pi\r\n[all]\r\nbootloader_update=0\r\ntryboot_a_b=1\r\nboot_partition=3\r\n\r\n[tryboot]\r\n\
                    # boot_partition=9\r\nboot_partition=2\r\n[all]\r\n#####\n\n\n";
        let read = Autoboot::parse(text).unwrap();
        assert_eq!(read.preferred, Slot::B);
        let swapped = read.preferring(Slot::A);
        assert_eq!(
            swapped,
            text.replace("\r\nboot_partition=3", "\r\nboot_partition=x")
                .replace("\r\nboot_partition=2", "\r\nboot_partition=3")
                .replace("=x", "=2")
        );
        // The first section may be left out.
        assert_eq!(
            Autoboot::parse(&TEXT["[all]\n".len()..]).unwrap().preferred,
            Slot::A
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let error = |text: &str| Autoboot::parse(text).unwrap_err().to_string();
        for (text, expected) in [
            (
                String::new(),
                "tryboot_a_b=1 and boot_partition in [all], and boot_partition in [tryboot] expected, found \"\"",
            ),
            (
                TEXT.replace("[all]", "[pi5]"),
                "a section [all] or [tryboot] expected, found \"[pi5]\"",
            ),
            (
                TEXT.replace("=2", "=1"),
                "boot_partition=2 for slot A or boot_partition=3 for slot B expected, found \"boot_partition=1\"",
            ),
            (
                TEXT.replace("=2", "=22"),
                "boot_partition=2 for slot A or boot_partition=3 for slot B expected, found \"boot_partition=22\"",
            ),
            (
                TEXT.replace("a_b=1", "a_b=0"),
                "tryboot_a_b=1 in [all] expected, found \"tryboot_a_b=0\"",
            ),
            (
                TEXT.replace("boot_partition=2", "boot_partition =2"),
                "KEY=VALUE without blanks, in small letters expected, found \"boot_partition =2\"",
            ),
            (
                TEXT.replace("[try", " [try"),
                "a line without blanks before it expected, found \" [tryboot]\"",
            ),
            (
                TEXT.replace("boot_partition=3", "# \u{fffd}"),
                "plain ASCII text expected, found \"[all]\\ntryboot_a_b=1\\nboot_partition=2\\n[tryboot]\\n# \u{fffd}\\n\"",
            ),
            (
                format!("{TEXT}[all]\nboot_partition=2\n"),
                "boot_partition once in [all] and after that once in [tryboot] expected, found \"boot_partition=2\"",
            ),
            (
                "[tryboot]\nboot_partition=3\n[all]\ntryboot_a_b=1\nboot_partition=2\n".to_owned(),
                "boot_partition once in [all] and after that once in [tryboot] expected, found \"boot_partition=3\"",
            ),
        ] {
            assert_eq!(error(&text), expected, "{text}");
        }
        assert!(error(&TEXT.replace("=2", "=3")).starts_with("boot_partition=2 in one section and "));
        assert!(error(&TEXT.replace("tryboot_a_b=1\n", "")).starts_with("tryboot_a_b=1 and boot_partition"));
        assert!(error(&format!("{TEXT}{}", "#".repeat(512))).starts_with("at most 512 bytes expected"));
        assert_eq!(
            Autoboot::parse(&format!("{TEXT:\n<512}")).unwrap().preferred,
            Slot::A
        );
    }

    /// What the firmware would start, by its documented rules: a later line counts more, [tryboot] for a try only.
    fn firmware(text: &str, trying: bool) -> Option<String> {
        let mut counts = true;
        let mut found = None;
        for line in text.lines() {
            match line {
                "[all]" => counts = true,
                "[tryboot]" => counts = trying,
                _ if counts => {
                    if let Some(value) = line.strip_prefix("boot_partition=") {
                        found = Some(value.to_owned());
                    }
                }
                _ => {}
            }
        }
        found
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(\\[(all|tryboot|x)\\]|boot_partition=|tryboot_a_b=1|[23]|[ -~]|.|\\r?\\n){0,40}") {
            let _ = Autoboot::parse(&text);
        }

        #[test]
        fn what_is_understood_is_what_the_firmware_does(
            text in "((\\[all\\]|\\[tryboot\\]|boot_partition=[23]|tryboot_a_b=1|# .{0,8}|arm_64bit=1)\\n){0,9}",
            b: bool,
        ) {
            if let Ok(read) = Autoboot::parse(&text) {
                let wanted = if b { Slot::B } else { Slot::A };
                for (text, preferred) in [(text.clone(), read.preferred), (read.preferring(wanted), wanted)] {
                    prop_assert_eq!(firmware(&text, false), Some(digit(preferred).to_owned()));
                    prop_assert_eq!(firmware(&text, true), Some(digit(preferred.other()).to_owned()));
                    prop_assert_eq!(Autoboot::parse(&text).unwrap().preferring(read.preferred), read.text.clone());
                }
            }
        }
    }
}
