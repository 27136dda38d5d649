//! Raw disk images on the host: sparse files that are made, copied, compared and damaged.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use sigmavault_image_builder::gpt::{self, SECTOR};

use crate::error::Error;

/// Bytes in a GiB.
pub const GIB: u64 = 1 << 30;

/// A raw disk image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The file.
    pub path: PathBuf,
}

/// Where a partition lies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// From the start of the disk.
    pub offset: u64,
    /// Length.
    pub bytes: u64,
}

impl Image {
    /// Makes an empty one; it takes no space on the host until it is written.
    pub fn create(path: impl Into<PathBuf>, bytes: u64) -> Result<Self, Error> {
        let path = path.into();
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        file.set_len(bytes).map_err(Error::io("create", &path))?;
        Ok(Self { path })
    }

    /// Copies it, holes as holes, sharing blocks where the host's file system can.
    pub fn copy_to(&self, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let output = Command::new("cp")
            .args(["--sparse=always", "--reflink=auto", "--"])
            .args([&self.path, &path])
            .output()
            .map_err(Error::io("run", Path::new("cp")))?;
        if !output.status.success() {
            return Err(Error::Tool {
                program: "cp",
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        Ok(Self { path })
    }

    /// SHA-256 of all its bytes, in hexadecimal.
    pub fn digest(&self) -> Result<String, Error> {
        let failed = |error| Error::io("read", &self.path)(error);
        let mut file = File::open(&self.path).map_err(failed)?;
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

    /// Space that it takes on the host, in bytes: 0 as long as nothing was ever written to it.
    pub fn allocated(&self) -> Result<u64, Error> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(&self.path).map_err(Error::io("read", &self.path))?;
        Ok(metadata.blocks() * 512)
    }

    /// GPT names of its partitions, in order; nothing without a partition table.
    pub fn labels(&self) -> Vec<String> {
        gpt::read(&self.path).map_or_else(
            |_| Vec::new(),
            |table| {
                let mut partitions = table.partitions;
                partitions.sort_by_key(|partition| partition.first);
                partitions.into_iter().map(|partition| partition.name).collect()
            },
        )
    }

    /// Where the partition of this GPT name lies.
    pub fn partition(&self, label: &str) -> Result<Extent, Error> {
        let table = gpt::read(&self.path)?;
        let found = table.partitions.iter().find(|partition| partition.name == label);
        found
            .map(|partition| Extent {
                offset: partition.first * SECTOR,
                bytes: partition.size(),
            })
            .ok_or_else(|| Error::NoPartition {
                disk: self.path.clone(),
                label: label.to_owned(),
                found: self.labels().join(", "),
            })
    }

    /// Reads bytes at an offset from its start.
    pub fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let file = File::open(&self.path).map_err(Error::io("open", &self.path))?;
        file.read_exact_at(bytes, offset)
            .map_err(Error::io("read", &self.path))
    }

    /// Writes bytes at an offset from its start.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let failed = |error| Error::io("write", &self.path)(error);
        let mut file = File::options().write(true).open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        file.write_all(bytes).map_err(failed)
    }

    /// Flips all bits of one byte.
    pub fn flip(&self, offset: u64) -> Result<(), Error> {
        let mut byte = [0];
        self.read_at(offset, &mut byte)?;
        self.write_at(offset, &[!byte[0]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_copied_compared_and_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::create(folder.path().join("a"), 1 << 20).unwrap();
        assert_eq!(image.allocated().unwrap(), 0);
        // SHA-256 of a MiB of zeros.
        let zeros = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";
        assert_eq!(image.digest().unwrap(), zeros);
        let copy = image.copy_to(folder.path().join("b")).unwrap();
        copy.flip(1000).unwrap();
        let mut bytes = [1; 3];
        copy.read_at(999, &mut bytes).unwrap();
        assert_eq!(bytes, [0, 255, 0]);
        assert_ne!(copy.digest().unwrap(), zeros);
        copy.flip(1000).unwrap();
        assert_eq!(copy.digest().unwrap(), zeros);
        assert_eq!(image.labels(), [""; 0]);
        assert!(matches!(image.partition("esp"), Err(Error::Gpt(_))));
    }
}
