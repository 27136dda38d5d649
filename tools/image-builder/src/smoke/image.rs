//! The ISO under test.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sigmavault_vm::Board;

use crate::check;
use crate::inspect::{InspectError, inspect};
use crate::manifest::Manifest;
use crate::profile::{Arch, Desktop};
use crate::progress::{Mode, Progress};

/// An ISO that can be booted here, and what its build says of it.
#[derive(Debug, Clone)]
pub struct TestImage {
    /// The ISO, an absolute path.
    pub iso: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its manifest.
    pub manifest: Manifest,
    /// The processors that it is for.
    pub arch: Arch,
}

/// Why a file cannot be tested.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file cannot be read.
    #[error("cannot read the ISO {}: {source}; `{} build` makes one", path.display(), crate::invocation::name())]
    Unreadable {
        /// The ISO.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not one of our ISOs.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The image of a disk, whose firmware QEMU does not have.
    #[error("{} is the image of a Raspberry Pi's disk, and QEMU does not have the Pi's firmware; ci/arm64 starts it with a model of it", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
    },
    /// The ISO is incomplete or not what its manifest says.
    #[error("{} cannot be tested: {}", path.display(), problems.join("; "))]
    Unusable {
        /// The ISO.
        path: PathBuf,
        /// What is wrong.
        problems: Vec<String>,
    },
    /// The image is for a processor that is not tested here.
    #[error("{} is built for {arch}, and only images for {} can be booted", path.display(), Arch::NAMES.join(" and "))]
    Arch {
        /// The ISO.
        path: PathBuf,
        /// Its architecture.
        arch: String,
    },
}

impl TestImage {
    /// Inspects an ISO, and checks all of its content.
    pub fn open(iso: &Path) -> Result<Self, ImageError> {
        let path = fs::canonicalize(iso).map_err(|source| ImageError::Unreadable {
            path: iso.to_owned(),
            source,
        })?;
        let silent = Progress::new(Mode::Silent);
        let inspection = check::complete(inspect(&path, &silent)?, None, &silent)?;
        if inspection.unpacked.is_some() {
            return Err(ImageError::Disk { path });
        }
        let manifest = match inspection.manifest {
            Some(manifest) if inspection.problems.is_empty() => manifest,
            _ => {
                return Err(ImageError::Unusable {
                    path,
                    problems: inspection.problems,
                });
            }
        };
        let Some(arch) = Arch::named(&manifest.arch) else {
            return Err(ImageError::Arch {
                path,
                arch: manifest.arch,
            });
        };
        Ok(Self {
            iso: path,
            bytes: inspection.bytes,
            manifest,
            arch,
        })
    }

    /// The kind of machine that boots it.
    pub fn board(&self) -> Board {
        match self.arch {
            Arch::Amd64 => Board::Q35,
            Arch::Arm64 => Board::Virt,
        }
    }

    /// Whether the image has a desktop.
    pub fn has_desktop(&self) -> bool {
        self.manifest.desktop != Desktop::None.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample;

    #[test]
    fn a_flipped_bit_is_found_before_anything_boots() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.iso");
        let mut bytes = sample::good_iso(0);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(TestImage::open(&path).unwrap().bytes, bytes.len() as u64);
        let data = sample::place(&bytes, &sample::root());
        bytes[data] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let error = TestImage::open(&path).unwrap_err().to_string();
        assert!(
            error.contains("cannot be tested: its root file system is not the one that its kernel image expects: block 0 of the data"),
            "{error}"
        );
    }
}
