//! How the guest's use of the tryboot flag is noticed: the kernel module says on the console what it has told the firmware.
//! QEMU answers its request on a Pi 4 and keeps nothing; on `virt` there is no firmware, and the module only remembers.

/// What the module says before the value.
const SAID: &str = "sigmavault_tryboot: flag ";

/// What the flag was last set to; `None` when it was not touched.
pub fn last<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<bool> {
    let values = lines.into_iter().filter_map(|line| {
        let (_, value) = line.split_once(SAID)?;
        match value.trim_end() {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    });
    values.last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_word_counts() {
        for (lines, expected) in [
            (&[][..], None),
            (&["[    0.0] Linux version 7.2"], None),
            (&["[   31.5] sigmavault_tryboot: flag 1"], Some(true)),
            (
                &[
                    "[   31.5] sigmavault_tryboot: flag 1",
                    "[   32.0] sigmavault_tryboot: flag 0",
                ],
                Some(false),
            ),
            (
                &[
                    "[   31.5] sigmavault_tryboot: flag 1",
                    "[   40.0] reboot: Restarting",
                ],
                Some(true),
            ),
            (&["sigmavault_tryboot: flag 12"], None),
        ] {
            assert_eq!(last(lines.iter().copied()), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "\\PC{0,60}") {
            let _ = last([line.as_str()]);
        }
    }
}
