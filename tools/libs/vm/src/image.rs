//! Raw disk images on the host: sparse files that tests create, copy and damage.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::process::Command;

use crate::error::Error;
use crate::tools;

/// Bytes in a GiB.
pub const GIB: u64 = 1 << 30;

/// A raw disk image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The file.
    pub path: PathBuf,
}

impl Image {
    /// Creates an empty image; it takes no space on the host until it is written.
    pub fn create(path: impl Into<PathBuf>, bytes: u64) -> Result<Self, Error> {
        let path = path.into();
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        file.set_len(bytes).map_err(Error::io("create", &path))?;
        Ok(Self { path })
    }

    /// Copies it; holes stay holes, and blocks are shared where the file system of the host can.
    pub fn copy_to(&self, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let mut cp = Command::new("cp");
        cp.args(["--sparse=always", "--reflink=auto", "--"])
            .args([&self.path, &path]);
        tools::read("cp", cp)?;
        Ok(Self { path })
    }

    /// Space that it takes on the host, in bytes: 0 until something is written to it.
    pub fn allocated(&self) -> Result<u64, Error> {
        let metadata = fs::metadata(&self.path).map_err(Error::io("read", &self.path))?;
        Ok(metadata.blocks() * 512)
    }

    /// Reads bytes at an offset from its start.
    pub fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let file = File::open(&self.path).map_err(Error::io("open", &self.path))?;
        file.read_exact_at(bytes, offset)
            .map_err(Error::io("read", &self.path))
    }

    /// Writes bytes at an offset from its start.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let file = File::options()
            .write(true)
            .open(&self.path)
            .map_err(Error::io("write", &self.path))?;
        file.write_all_at(bytes, offset)
            .map_err(Error::io("write", &self.path))
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
    fn made_copied_and_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::create(folder.path().join("a"), 1 << 20).unwrap();
        assert_eq!(image.allocated().unwrap(), 0);
        let zeros = vec![0; 1 << 20];
        assert!(fs::read(&image.path).unwrap() == zeros);
        let copy = image.copy_to(folder.path().join("b")).unwrap();
        copy.flip(1000).unwrap();
        let mut bytes = [1; 3];
        copy.read_at(999, &mut bytes).unwrap();
        assert_eq!(bytes, [0, 255, 0]);
        assert!(fs::read(&image.path).unwrap() == zeros);
        copy.flip(1000).unwrap();
        assert!(fs::read(&copy.path).unwrap() == zeros);
    }
}
