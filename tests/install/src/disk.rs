//! What is on a disk image, looked at from the host: its partitions and its digest.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};
use sigmavault_image_builder::gpt::{self, SECTOR};
use sigmavault_vm::Image;

use crate::error::Error;

/// Serial number of the disk that is installed to.
pub const SYSTEM: &str = "SV-SYSTEM";

/// Where a partition lies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// From the start of the disk.
    pub offset: u64,
    /// Length.
    pub bytes: u64,
}

impl Extent {
    /// From its first byte to the one behind its last.
    pub const fn range(self) -> Range<u64> {
        self.offset..self.offset + self.bytes
    }
}

/// SHA-256 of all bytes of a file, in hexadecimal.
pub fn digest(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::io("read", path)(error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut bytes = vec![0; 1 << 20];
    loop {
        match file.read(&mut bytes).map_err(failed)? {
            0 => break,
            count => hash.update(&bytes[..count]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether these bytes stand anywhere in a file.
pub fn holds(path: &Path, wanted: &[u8]) -> Result<bool, Error> {
    let failed = |error| Error::io("read", path)(error);
    let mut file = File::open(path).map_err(failed)?;
    let mut bytes = vec![0; 1 << 20];
    // What the last read left that may be the beginning of it.
    let mut kept = 0;
    loop {
        let count = file.read(&mut bytes[kept..]).map_err(failed)?;
        if count == 0 {
            return Ok(false);
        }
        let end = kept + count;
        if bytes[..end].windows(wanted.len()).any(|window| window == wanted) {
            return Ok(true);
        }
        kept = end.min(wanted.len().saturating_sub(1));
        bytes.copy_within(end - kept..end, 0);
    }
}

/// GPT names of the partitions of a disk, in order; none without a partition table.
pub fn labels(image: &Image) -> Vec<String> {
    gpt::read(&image.path).map_or_else(
        |_| Vec::new(),
        |table| {
            let mut partitions = table.partitions;
            partitions.sort_by_key(|partition| partition.first);
            partitions.into_iter().map(|partition| partition.name).collect()
        },
    )
}

/// Where the partition of this GPT name lies.
pub fn partition(image: &Image, label: &str) -> Result<Extent, Error> {
    let table = gpt::read(&image.path)?;
    let found = table.partitions.iter().find(|partition| partition.name == label);
    found
        .map(|partition| Extent {
            offset: partition.first * SECTOR,
            bytes: partition.size(),
        })
        .ok_or_else(|| Error::NoPartition {
            disk: image.path.clone(),
            label: label.to_owned(),
            found: labels(image).join(", "),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_across_two_reads() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::create(folder.path().join("a"), 3 << 20).unwrap();
        assert!(!holds(&image.path, b"marker").unwrap());
        image.write_at((1 << 20) - 3, b"marker").unwrap();
        assert!(holds(&image.path, b"marker").unwrap());
        assert!(!holds(&image.path, b"markers").unwrap());
    }

    #[test]
    fn compared_and_without_partitions() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::create(folder.path().join("a"), 1 << 20).unwrap();
        // SHA-256 of a MiB of zeros.
        let zeros = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";
        assert_eq!(digest(&image.path).unwrap(), zeros);
        let copy = image.copy_to(folder.path().join("b")).unwrap();
        copy.flip(1000).unwrap();
        assert_ne!(digest(&copy.path).unwrap(), zeros);
        copy.flip(1000).unwrap();
        assert_eq!(digest(&copy.path).unwrap(), zeros);
        assert_eq!(labels(&image), [""; 0]);
        assert!(matches!(partition(&image, "esp"), Err(Error::Gpt(_))));
    }
}
