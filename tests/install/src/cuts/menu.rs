//! What the firmware and systemd-boot find on an EFI system partition: the loader itself, and the entries that it lists,
//! in its order (Boot Loader Specification, "Sorting"; Automatic Boot Assessment).

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use sha2::{Digest, Sha256};
use sigmavault_image_builder::fat32::{self, Fat32, FatError};
use sigmavault_types::slots::Slot;
use sigmavault_verity::source::{Part, ReadAt};
use sigmavault_vm::Image;

use crate::disk::Extent;
use crate::error::Error;
use crate::esp::{self, Counter};

/// Where firmware finds the loader: where the entry in its own list points to, and where it looks without one.
const LOADERS: [&str; 2] = ["/EFI/systemd/systemd-bootx64.efi", "/EFI/BOOT/BOOTX64.EFI"];
/// Where entries are.
const ENTRIES: &str = "/loader/entries";
/// Where the installer notes which answers have installed the disk.
const MARK: &str = "/sigmavault/answers";

/// SHA-256 of a file, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sum {
    /// In hexadecimal.
    Sha256(String),
    /// It is not there, or cannot be read.
    Unreadable(String),
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuEntry {
    /// Name of its file.
    pub file: String,
    /// The text.
    pub text: String,
    /// The slot that its name stands for.
    pub slot: Slot,
    /// Starts that are left, or that it counts as good.
    pub counter: Counter,
    /// The kernel image that it names.
    pub image: Sum,
}

/// What is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    /// The loader, at each of its places.
    pub loaders: [Sum; 2],
    /// The entries that are listed, that which starts first at the head.
    pub entries: Vec<MenuEntry>,
    /// Files among the entries that are none: unreadable, or without a kernel image that exists.
    pub unlisted: Vec<String>,
    /// Whether answers count as having installed the disk.
    pub mark: bool,
}

impl Menu {
    /// Reads a partition of a disk, or a file that is one.
    pub fn read(image: &Image, partition: Extent) -> Result<Result<Self, FatError>, Error> {
        let file = File::open(&image.path).map_err(Error::io("open", &image.path))?;
        let part = Part::new(&file, partition.offset, partition.bytes);
        Ok(Self::found_on(&part))
    }

    fn found_on<S: ReadAt + ?Sized>(disk: &S) -> Result<Self, FatError> {
        let fat = Fat32::open(disk)?;
        let mut menu = Self {
            loaders: LOADERS.map(|path| sum(&fat, path)),
            entries: Vec::new(),
            unlisted: Vec::new(),
            mark: fat.find(MARK).is_ok_and(|found| found.is_some()),
        };
        let files = fat.folder(ENTRIES).unwrap_or_default();
        for file in files.into_iter().filter(|file| is_entry(&file.name)) {
            match entry(&fat, &file) {
                Some(entry) => menu.entries.push(entry),
                None => menu.unlisted.push(file.name),
            }
        }
        menu.entries.sort_by_cached_key(rank);
        Ok(menu)
    }

    /// The entry that starts.
    pub fn first(&self) -> Option<&MenuEntry> {
        self.entries.first()
    }

    /// The slots that have an entry.
    pub fn slots(&self) -> Vec<Slot> {
        let listed = |slot: &Slot| self.entries.iter().any(|entry| entry.slot == *slot);
        Slot::ALL.into_iter().filter(listed).collect()
    }

    /// In a line.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let _ = write!(
                text,
                "{} ({}) ",
                entry.file,
                entry.value("sort-key").unwrap_or_default()
            );
        }
        for file in &self.unlisted {
            let _ = write!(text, "[{file}] ");
        }
        text.trim_end().to_owned()
    }
}

impl MenuEntry {
    /// The last value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        value(&self.text, key)
    }
}

fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let mut fields = text
        .lines()
        .filter_map(|line| line.trim().split_once([' ', '\t']));
    let last = fields.rfind(|(name, _)| *name == key);
    last.map(|(_, value)| value.trim())
}

/// Whether systemd-boot reads a file as an entry.
fn is_entry(name: &str) -> bool {
    let ending = Path::new(name).extension();
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("conf"))
}

/// An entry, unless its file or its kernel image is not there; systemd-boot skips those.
fn entry<S: ReadAt + ?Sized>(fat: &Fat32<'_, S>, file: &fat32::Entry) -> Option<MenuEntry> {
    let content = fat.content(file).ok()?;
    let mut bytes = vec![0; usize::try_from(content.size()).ok()?];
    content.read_exact_at(&mut bytes, 0).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let image = value(&text, "efi")?;
    fat.find(image).ok()??;
    let names = [file.name.clone()];
    let (slot, counter) = Slot::ALL
        .into_iter()
        .find_map(|slot| Some((slot, esp::counter(&names, slot)?)))?;
    Some(MenuEntry {
        image: sum(fat, image),
        file: file.name.clone(),
        slot,
        counter,
        text,
    })
}

/// systemd-boot's order: what has tries left first, then by sort key, then the higher version, then the higher name without the
/// counter.
fn rank(entry: &MenuEntry) -> (bool, String, Reverse<String>, Reverse<&'static str>) {
    let text = |key| entry.value(key).unwrap_or_default().to_owned();
    (
        entry.counter == Counter::TriesLeft(0),
        text("sort-key"),
        Reverse(text("version")),
        Reverse(entry.slot.letter()),
    )
}

fn sum<S: ReadAt + ?Sized>(fat: &Fat32<'_, S>, path: &str) -> Sum {
    let read = || -> Result<String, String> {
        let found = fat.find(path).map_err(|error| error.to_string())?;
        let found = found.ok_or_else(|| format!("there is no {path}"))?;
        let content = fat.content(&found).map_err(|error| format!("{path}: {error}"))?;
        let mut hash = Sha256::new();
        let mut done = 0;
        while done < content.size() {
            let len = (content.size() - done).min(1 << 20);
            let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
            content
                .read_exact_at(&mut bytes, done)
                .map_err(|error| format!("{path}: {error}"))?;
            hash.update(&bytes);
            done += len;
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    match read() {
        Ok(hash) => Sum::Sha256(hash),
        Err(reason) => Sum::Unreadable(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(file: &str, text: &str) -> MenuEntry {
        let names = [file.to_owned()];
        let found = Slot::ALL
            .into_iter()
            .find_map(|slot| Some((slot, esp::counter(&names, slot)?)));
        let (slot, counter) = found.unwrap();
        MenuEntry {
            file: file.to_owned(),
            text: text.to_owned(),
            slot,
            counter,
            image: Sum::Unreadable(String::new()),
        }
    }

    #[test]
    fn the_order_of_entries() {
        let mut entries = [
            entry("sigmavault-a+0-3.conf", "sort-key sigmavault-0\n"),
            entry("sigmavault-b.conf", "sort-key sigmavault-2\nversion 0.2\n"),
            entry("sigmavault-a+3.conf", "sort-key\tsigmavault-1\nversion 0.1\n"),
            entry("sigmavault-b+1-2.conf", "sort-key sigmavault-1\nversion 0.2\n"),
            // As they are while one is being put before the other.
            entry("sigmavault-a.conf", "sort-key sigmavault-3\nversion 0.1\n"),
            entry("sigmavault-b+3.conf", "sort-key sigmavault-3\nversion 0.1\n"),
        ];
        entries.sort_by_cached_key(rank);
        assert_eq!(
            entries.map(|entry| entry.file),
            [
                "sigmavault-b+1-2.conf",
                "sigmavault-a+3.conf",
                "sigmavault-b.conf",
                "sigmavault-b+3.conf",
                "sigmavault-a.conf",
                "sigmavault-a+0-3.conf"
            ]
        );
    }

    #[test]
    fn values_and_names() {
        assert_eq!(value("efi /a\nefi  /b \n", "efi"), Some("/b"));
        assert_eq!(value("#efi /a\n", "efi"), None);
        let names = ["sigmavault-a.conf", "A.CONF", "sigmavault-a.conf.new", "conf"];
        assert_eq!(names.map(is_entry), [true, true, false, false]);
    }

    #[test]
    fn what_is_no_file_system() {
        let zeros = [0; 4096];
        assert!(matches!(Menu::found_on(&zeros[..]), Err(FatError::NotFat32)));
    }
}
