//! Boot loader entries of type 1 (UAPI.1 Boot Loader Specification) and the counters in their names (UAPI Automatic
//! Boot Assessment): `sigmavault-a+LEFT-DONE.conf`, and `sigmavault-a.conf` once a start was good.

use std::fmt::Write as _;

use sigmavault_types::slots::Slot;

/// Sort key of a slot that precedes all others while a disk is being rewritten.
pub const NEWEST: &str = "sigmavault-0";
/// Sort key of the slot that starts.
pub const FIRST: &str = "sigmavault-1";
/// Sort key of the slot that stands by.
pub const SECOND: &str = "sigmavault-2";

/// The name of an entry's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The slot it starts.
    pub slot: Slot,
    /// Starts that are left; `None` without a counter.
    pub tries_left: Option<u32>,
    /// Starts used up, if the counter says so.
    pub tries_done: Option<u32>,
}

impl Name {
    /// A name without a counter, or with this many tries.
    pub const fn new(slot: Slot, tries_left: Option<u32>) -> Self {
        Self {
            slot,
            tries_left,
            tries_done: None,
        }
    }

    /// Parses a file's name; `None` if it is not an entry of a slot.
    pub fn parse(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(".conf")?.strip_prefix("sigmavault-")?;
        let (slot, counter) = match stem.split_once('+') {
            None => (stem, None),
            Some((slot, counter)) => (slot, Some(counter)),
        };
        let slot = Slot::ALL.into_iter().find(|known| known.name() == slot)?;
        let Some(counter) = counter else {
            return Some(Self::new(slot, None));
        };
        let (left, done) = match counter.split_once('-') {
            None => (counter, None),
            Some((left, done)) => (left, Some(number(done)?)),
        };
        Some(Self {
            slot,
            tries_left: Some(number(left)?),
            tries_done: done,
        })
    }

    /// The file's name.
    pub fn file(self) -> String {
        let mut file = format!("sigmavault-{}", self.slot.name());
        if let Some(left) = self.tries_left {
            let _ = write!(file, "+{left}");
            if let Some(done) = self.tries_done {
                let _ = write!(file, "-{done}");
            }
        }
        file + ".conf"
    }

    /// The entry's name for the boot loader: without the counter.
    pub fn id(self) -> String {
        Self::new(self.slot, None).file()
    }

    /// Whether no tries are left.
    pub fn is_bad(self) -> bool {
        self.tries_left == Some(0)
    }
}

fn number(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The parsed name of its file.
    pub name: Name,
    /// The name of its file.
    pub file: String,
    /// `version`.
    pub version: Option<String>,
    /// `sort-key`; the smallest one starts first.
    pub sort_key: Option<String>,
    /// `efi`: the kernel image, as a path on the boot partition.
    pub image: Option<String>,
    /// Size of the kernel image, filled in by the caller.
    pub bytes: Option<u64>,
    /// The whole text.
    pub text: String,
}

impl Entry {
    /// Parses an entry. Unknown keys and malformed lines stay in the text.
    pub fn parse(name: Name, file: String, text: String) -> Self {
        let value = |key| {
            text.lines()
                .filter_map(field)
                .rfind(|(name, _)| *name == key)
                .map(|(_, value)| value.to_owned())
        };
        Self {
            name,
            file,
            version: value("version"),
            sort_key: value("sort-key"),
            image: value("efi"),
            bytes: None,
            text,
        }
    }
}

/// The text of an entry with another sort key and otherwise unchanged.
pub fn with_sort_key(text: &str, key: &str) -> String {
    let mut new = String::with_capacity(text.len() + key.len() + 10);
    let mut written = false;
    for line in text.lines() {
        if field(line).is_none_or(|(name, _)| name != "sort-key") {
            let _ = writeln!(new, "{line}");
        } else if !written {
            let _ = writeln!(new, "sort-key {key}");
            written = true;
        }
    }
    if !written {
        let _ = writeln!(new, "sort-key {key}");
    }
    new
}

/// Key and value of a line.
fn field(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let (key, value) = line.split_once([' ', '\t'])?;
    (!key.starts_with('#')).then(|| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "# made by the installer\ntitle SigmaVault NAS OS 0.1.0 (slot A)\nversion 0.1.0\n\
                        sort-key\tsigmavault-1\nefi  /EFI/sigmavault/slot-a.efi\n";

    fn name(slot: Slot, tries_left: Option<u32>, tries_done: Option<u32>) -> Name {
        Name {
            slot,
            tries_left,
            tries_done,
        }
    }

    #[test]
    fn names_carry_the_counter() {
        for (file, expected) in [
            ("sigmavault-a.conf", Some(name(Slot::A, None, None))),
            ("sigmavault-b+3.conf", Some(name(Slot::B, Some(3), None))),
            ("sigmavault-a+0-3.conf", Some(name(Slot::A, Some(0), Some(3)))),
            ("sigmavault-c.conf", None),
            ("sigmavault-a", None),
            ("sigmavault-a+.conf", None),
            ("sigmavault-a+1-.conf", None),
            ("sigmavault-a+-1.conf", None),
            ("sigmavault-a++1.conf", None),
            ("sigmavault-a+99999999999.conf", None),
            ("sigmavault-a.conf.new", None),
            ("memtest.conf", None),
        ] {
            assert_eq!(Name::parse(file), expected, "{file}");
        }
        assert!(name(Slot::A, Some(0), Some(3)).is_bad());
        assert!(!name(Slot::A, None, None).is_bad());
        assert_eq!(name(Slot::B, Some(2), Some(1)).id(), "sigmavault-b.conf");
    }

    #[test]
    fn fields_are_read_and_comments_are_not() {
        let entry = Entry::parse(Name::new(Slot::A, None), "sigmavault-a.conf".into(), TEXT.into());
        assert_eq!(entry.version.as_deref(), Some("0.1.0"));
        assert_eq!(entry.sort_key.as_deref(), Some("sigmavault-1"));
        assert_eq!(entry.image.as_deref(), Some("/EFI/sigmavault/slot-a.efi"));
    }

    #[test]
    fn only_the_sort_key_changes() {
        assert_eq!(
            with_sort_key(TEXT, "sigmavault-2"),
            TEXT.replace("sort-key\tsigmavault-1", "sort-key sigmavault-2")
        );
        assert_eq!(with_sort_key("title x", "k"), "title x\nsort-key k\n");
    }

    proptest! {
        #[test]
        fn names_round_trip(b: bool, left in proptest::option::of(any::<u32>()), done in proptest::option::of(any::<u32>())) {
            let slot = if b { Slot::B } else { Slot::A };
            let name = name(slot, left, left.and(done));
            prop_assert_eq!(Name::parse(&name.file()), Some(name));
        }

        #[test]
        fn any_name_is_read_without_panic(file in "(sigmavault-)?[ab]?[+0-9-]{0,12}(\\.conf)?|.{0,40}") {
            Name::parse(&file);
        }

        #[test]
        fn the_new_sort_key_is_the_one_read(text in "(([a-z-]{1,8}|sort-key)[ \\t][ -~]{0,8}\\r?\\n){0,6}") {
            let new = with_sort_key(&text, "sigmavault-1");
            let entry = Entry::parse(Name::new(Slot::A, None), String::new(), new.clone());
            prop_assert_eq!(entry.sort_key.as_deref(), Some("sigmavault-1"));
            let others = |text: &str| -> Vec<String> {
                let keep = |line: &&str| field(line).is_none_or(|(name, _)| name != "sort-key");
                text.lines().filter(keep).map(str::to_owned).collect()
            };
            prop_assert_eq!(others(&new), others(&text));
        }
    }
}
