//! What fsck.fat says of an EFI system partition after a power cut, and what it makes of it: an installed system runs it
//! with `-a` before it mounts the partition.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use sigmavault_vm::{Image, Share, ToolsTree};

use crate::disk::Extent;
use crate::error::Error;

/// Bytes that are copied at once.
const CHUNK: u64 = 1 << 20;

/// What it prints of a file system that was not unmounted, and of nothing else.
const HARMLESS: [&str; 8] = [
    "fsck.fat ",
    "Dirty bit is set.",
    "Automatically removing dirty bit.",
    "Leaving filesystem unchanged.",
    "There are differences between boot sector and its backup.",
    "This is mostly harmless. Differences: (offset:original/backup)",
    "Not automatically fixing this.",
    "*** Filesystem was changed ***",
];

/// What fsck.fat found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fsck {
    /// Lines about damage.
    pub damage: Vec<String>,
}

/// Copies a partition into a file of its own.
pub fn extract(image: &Image, partition: Extent, path: PathBuf) -> Result<Image, Error> {
    let copy = Image::create(path, partition.bytes)?;
    let failed = |error| Error::io("copy", &image.path)(error);
    let from = File::open(&image.path).map_err(failed)?;
    let to = File::options().write(true).open(&copy.path).map_err(failed)?;
    let mut done = 0;
    while done < partition.bytes {
        let len = CHUNK.min(partition.bytes - done);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        from.read_exact_at(&mut bytes, partition.offset + done)
            .map_err(failed)?;
        if bytes.iter().any(|byte| *byte != 0) {
            to.write_all_at(&bytes, done).map_err(failed)?;
        }
        done += len;
    }
    Ok(copy)
}

impl Fsck {
    /// Looks without changing anything.
    pub fn look(tools: &ToolsTree, partition: &Image) -> Result<Self, Error> {
        Self::run(tools, partition, "-n")
    }

    /// Repairs as an installed system does.
    pub fn repair(tools: &ToolsTree, partition: &Image) -> Result<Self, Error> {
        Self::run(tools, partition, "-a")
    }

    fn run(tools: &ToolsTree, partition: &Image, mode: &str) -> Result<Self, Error> {
        let script = "fsck.fat $0 \"$1\" 2>&1; [ $? -le 1 ]";
        let arguments = ["-c", script, mode].map(OsStr::new);
        let arguments = [&arguments[..], &[partition.path.as_os_str()]].concat();
        let printed = tools.read("bash", &[Share::Write(&partition.path)], &arguments)?;
        Ok(Self::parse(&printed))
    }

    fn parse(printed: &str) -> Self {
        let damage = printed
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !HARMLESS.iter().any(|harmless| line.starts_with(harmless)))
            // `  65:01/00`: the dirty bit in the boot sector and its backup; the last line counts files.
            .filter(|line| !line.starts_with("65:") && !line.ends_with(" clusters"))
            .map(str::to_owned);
        Self {
            damage: damage.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::create(folder.path().join("disk"), 4 << 20).unwrap();
        image.write_at((1 << 20) + 5, b"here").unwrap();
        let extent = Extent {
            offset: 1 << 20,
            bytes: (2 << 20) + 512,
        };
        let copy = extract(&image, extent, folder.path().join("esp")).unwrap();
        let mut bytes = [0; 4];
        copy.read_at(5, &mut bytes).unwrap();
        assert_eq!(&bytes, b"here");
        assert_eq!(std::fs::metadata(&copy.path).unwrap().len(), extent.bytes);
        assert!(copy.allocated().unwrap() <= 1 << 20);
    }

    #[test]
    fn damage_is_told_from_a_missing_unmount() {
        let dirty = "fsck.fat 4.2 (2021-01-31)\n\
            There are differences between boot sector and its backup.\n\
            This is mostly harmless. Differences: (offset:original/backup)\n  65:01/00\n  Not automatically fixing this.\n\
            Dirty bit is set. Fs was not properly unmounted and some data may be corrupt.\n Automatically removing dirty bit.\n\
            \n*** Filesystem was changed ***\n/esp: 12 files, 300/2000 clusters\n";
        assert_eq!(Fsck::parse(dirty).damage, [""; 0]);
        let torn = "fsck.fat 4.2 (2021-01-31)\nFATs differ but appear to be intact.\n  Using first FAT.\n\
            /esp: 12 files, 300/2000 clusters\n";
        assert_eq!(
            Fsck::parse(torn).damage,
            ["FATs differ but appear to be intact.", "Using first FAT."]
        );
    }
}
