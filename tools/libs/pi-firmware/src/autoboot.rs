//! `autoboot.txt` on the first FAT partition: which partition is started, and what the tryboot flag means.
//!
//! The file is limited to 512 bytes, one sector, so that a power cut leaves its old or its new contents. What the firmware
//! does with more is not documented: the model reads the first 512 and ignores a line that they cut in two.

use crate::filter::{Facts, Filters};
use crate::lines::{Line, lines, number};
use crate::note::Note;

/// Its name.
pub const FILE: &str = "autoboot.txt";
/// Bytes of it that are read.
pub const LIMIT: usize = 512;

/// What it says for one start. Without the file, nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Autoboot {
    /// The partition to start; 0 and none are the default one.
    pub boot_partition: Option<u32>,
    /// Whether the tryboot flag chooses among partitions only, and `config.txt` is read in a try too.
    pub tryboot_a_b: bool,
    /// What was odd.
    pub notes: Vec<Note>,
}

/// Reads it. Lines that make no sense are left out, which leaves the default.
pub fn parse(bytes: &[u8], facts: &Facts) -> Autoboot {
    let mut said = Autoboot::default();
    let mut read = bytes;
    if bytes.len() > LIMIT {
        said.notes.push(Note::AutobootTooLong {
            bytes: bytes.len() as u64,
        });
        let whole = bytes[..LIMIT].iter().rposition(|byte| *byte == b'\n');
        read = &bytes[..whole.map_or(0, |end| end + 1)];
    }
    let text = String::from_utf8_lossy(read);
    let mut filters = Filters::default();
    for (line, _) in lines(&text) {
        match line {
            Line::Filter(filter) => filters.take(filter, facts),
            Line::Setting("boot_partition", value) if filters.pass() => {
                said.boot_partition = number(value).or(said.boot_partition);
            }
            Line::Setting("tryboot_a_b", value) if filters.pass() => {
                said.tryboot_a_b = number(value).map_or(said.tryboot_a_b, |on| on == 1);
            }
            Line::Setting(..) | Line::Words(..) => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use proptest::prelude::*;

    const OURS: &str = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n";

    fn read(bytes: &[u8], tryboot: bool) -> (Option<u32>, bool) {
        let facts = Facts {
            board: Board::Pi5C1,
            serial: 0,
            tryboot,
            partition: 0,
            boot_partition: 0,
        };
        let said = parse(bytes, &facts);
        (said.boot_partition, said.tryboot_a_b)
    }

    #[test]
    fn table() {
        for (text, normal, tried) in [
            (OURS, (Some(2), true), (Some(3), true)),
            ("boot_partition=2", (Some(2), false), (Some(2), false)),
            ("[none]\nboot_partition=2", (None, false), (None, false)),
            (
                "[tryboot]\nboot_partition=3\n[all]\nboot_partition=2",
                (Some(2), false),
                (Some(2), false),
            ),
            (
                "boot_partition=two\ntryboot_a_b=yes",
                (None, false),
                (None, false),
            ),
            (
                "boot_partition=2\nboot_partition=two",
                (Some(2), false),
                (Some(2), false),
            ),
            ("\u{fffd}\0\0garbage", (None, false), (None, false)),
            ("", (None, false), (None, false)),
            (
                "[all]\r\nboot_partition=7\r\n",
                (Some(7), false),
                (Some(7), false),
            ),
        ] {
            assert_eq!(
                (read(text.as_bytes(), false), read(text.as_bytes(), true)),
                (normal, tried),
                "{text}"
            );
        }
    }

    #[test]
    fn padded_to_a_sector_it_says_the_same() {
        for padding in ["\n", "#"] {
            let padded = format!("{OURS}{}", padding.repeat(LIMIT - OURS.len()));
            assert_eq!(padded.len(), LIMIT);
            assert_eq!(read(padded.as_bytes(), true), (Some(3), true));
        }
    }

    #[test]
    fn behind_512_bytes_nothing_is_read() {
        let long = format!("#{}\nboot_partition=1", "x".repeat(494));
        assert_eq!(long.len(), LIMIT);
        assert_eq!(read(long.as_bytes(), false), (Some(1), false));
        // The number goes on behind the last byte that is read.
        assert_eq!(read(format!("{long}2\n").as_bytes(), false), (None, false));
        let late = format!("{OURS}{}boot_partition=4\n", "\n".repeat(LIMIT));
        assert_eq!(read(late.as_bytes(), false), (Some(2), true));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..700), tryboot: bool) {
            read(&bytes, tryboot);
        }
    }
}
