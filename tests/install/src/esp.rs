//! The boot loader's entries on the EFI system partition, read from outside with mtools.

use std::ffi::OsStr;

use sigmavault_types::slots::Slot;
use sigmavault_vm::{Image, Share, ToolsTree};

use crate::disk::Extent;
use crate::error::Error;

/// Names of the boot entries, such as `sigmavault-a+3.conf`, sorted.
pub fn entries(tools: &ToolsTree, image: &Image, esp: Extent) -> Result<Vec<String>, Error> {
    let place = format!("{}@@{}", image.path.display(), esp.offset);
    let arguments = ["-b", "-i", &place, "::/loader/entries"].map(OsStr::new);
    let listing = tools.read("mdir", &[Share::Read(&image.path)], &arguments)?;
    Ok(parse(&listing))
}

fn parse(listing: &str) -> Vec<String> {
    let mut names: Vec<String> = listing
        .lines()
        .filter_map(|line| line.trim().rsplit_once('/'))
        .map(|(_, name)| name.to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names
}

/// The boot counter in an entry's name (`UAPI.10`, Boot Loader Specification, boot counting).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// A start was good: the name has no counter.
    Good,
    /// Starts that are left.
    TriesLeft(u32),
}

/// The counter of a slot.
pub fn counter(entries: &[String], slot: Slot) -> Option<Counter> {
    let stem = format!("sigmavault-{}", slot.name());
    entries.iter().find_map(|entry| {
        let rest = entry.strip_prefix(&stem)?.strip_suffix(".conf")?;
        if rest.is_empty() {
            return Some(Counter::Good);
        }
        let left = rest.strip_prefix('+')?.split('-').next()?;
        left.parse().ok().map(Counter::TriesLeft)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn listings() {
        let listing = "::/loader/entries/sigmavault-b+3.conf\r\n::/loader/entries/sigmavault-a+1-2.conf\n\n";
        let entries = parse(listing);
        assert_eq!(entries, ["sigmavault-a+1-2.conf", "sigmavault-b+3.conf"]);
        assert_eq!(counter(&entries, Slot::A), Some(Counter::TriesLeft(1)));
        assert_eq!(counter(&entries, Slot::B), Some(Counter::TriesLeft(3)));
        assert_eq!(counter(&entries[..1], Slot::B), None);
        assert_eq!(
            counter(&["sigmavault-a.conf".into()], Slot::A),
            Some(Counter::Good)
        );
        assert_eq!(counter(&["sigmavault-a+x.conf".into()], Slot::A), None);
    }

    proptest! {
        #[test]
        fn counters_are_read_back(left: u32, done: Option<u32>) {
            let done = done.map_or_else(String::new, |done| format!("-{done}"));
            let entry = format!("sigmavault-b+{left}{done}.conf");
            prop_assert_eq!(counter(&[entry], Slot::B), Some(Counter::TriesLeft(left)));
        }

        #[test]
        fn any_listing_is_read(text in "(.|\n){0,120}") {
            let _ = counter(&parse(&text), Slot::A);
        }
    }
}
