//! The disks of a plan, held from the check before the first write to the end.
//!
//! While a disk is open, the kernel gives its name to no other disk, even when it is unplugged. Until a disk is written,
//! it is also claimed (`O_EXCL`, open(2)): nothing else can mount it or make an array or a pool of it. The claim ends
//! where programs begin to work on the disk and its partitions, which need it themselves.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

use sigmavault_host::udevadm;

use super::error::{ExecuteError, io};
use crate::inventory::{self, Marks};
use crate::machine::{Disk, InUse};
use crate::site::Site;

/// How often a disk that looks like another one is looked at.
const LOOKS: u32 = 3;

/// The disks of a plan.
#[derive(Debug, Default)]
pub struct Held {
    disks: Vec<HeldDisk>,
}

#[derive(Debug)]
struct HeldDisk {
    name: String,
    path: String,
    /// Further ways to it.
    paths: Vec<String>,
    open: File,
    claim: Claim,
}

#[derive(Debug)]
enum Claim {
    /// Something runs on the disk that the plan stops.
    Waits,
    /// Nothing else can take the disk while this is open.
    Holds { _files: Vec<File> },
    /// Programs write to the disk.
    Over,
}

impl HeldDisk {
    fn claim(&mut self, site: &Site) -> Result<(), ExecuteError> {
        let open = |path: &String| {
            OpenOptions::new()
                .read(true)
                .custom_flags(nix::libc::O_EXCL)
                .open(site.path(path))
                .map_err(|error| match error.kind() {
                    ErrorKind::ResourceBusy => ExecuteError::InUse {
                        disk: self.name.clone(),
                        by: InUse::Claimed,
                    },
                    _ => io("claim", path, error),
                })
        };
        let files: Result<Vec<File>, ExecuteError> =
            std::iter::once(&self.path).chain(&self.paths).map(open).collect();
        self.claim = Claim::Holds { _files: files? };
        Ok(())
    }
}

impl Held {
    /// Opens these disks, claims those on which nothing runs, and compares each with the plan once it is held.
    pub fn take(site: &Site, disks: &[Disk]) -> Result<Self, ExecuteError> {
        let mut held = Self::default();
        for disk in disks {
            let open = File::open(site.path(&disk.path)).map_err(|error| io("open", &disk.path, error))?;
            let mut taken = HeldDisk {
                name: disk.name.clone(),
                path: disk.path.clone(),
                paths: disk.paths.clone(),
                open,
                claim: Claim::Waits,
            };
            if disk.in_use.is_some() {
                // This system runs from it, which keeps others away.
                taken.claim = Claim::Over;
            } else if disk.holders.is_empty() {
                taken.claim(site)?;
            }
            held.disks.push(taken);
            held.check(site, disk)?;
        }
        Ok(held)
    }

    /// Claims the disks on which nothing runs any more.
    pub fn claim_free(&mut self, site: &Site) -> Result<(), ExecuteError> {
        let waiting = self
            .disks
            .iter_mut()
            .filter(|disk| matches!(disk.claim, Claim::Waits));
        for disk in waiting {
            match disk.claim(site) {
                // Something else runs on it, and is stopped next.
                Ok(()) | Err(ExecuteError::InUse { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Compares a disk with the plan: it comes before every step that writes to it.
    pub fn check(&self, site: &Site, disk: &Disk) -> Result<(), ExecuteError> {
        let gone = || ExecuteError::Gone {
            disk: disk.describe(),
        };
        let held = self.find(disk)?;
        let about =
            |result: std::io::Result<Metadata>| result.map_err(|error| io("look at", &disk.path, error));
        let now = match fs::metadata(site.path(&disk.path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(gone()),
            result => about(result)?,
        };
        if device(&now) != device(&about(held.open.metadata())?) {
            return Err(gone());
        }
        for _ in 0..LOOKS {
            if inventory::marks(site, &disk.path)? == Some(Marks::of(disk)) {
                return Ok(());
            }
            // udev asks a disk again after every write to it, and a busy disk may not have answered yet.
            site.run().succeed(&udevadm::settle())?;
        }
        Err(gone())
    }

    /// Compares a disk with the plan and ends the claim on it, so that programs can write to it.
    pub fn hand_over(&mut self, site: &Site, disk: &Disk) -> Result<(), ExecuteError> {
        self.check(site, disk)?;
        let held = self.disks.iter_mut().find(|held| held.path == disk.path);
        if let Some(held) = held {
            // What was to be stopped has not let go of it.
            if matches!(held.claim, Claim::Waits) {
                held.claim(site)?;
            }
            held.claim = Claim::Over;
        }
        Ok(())
    }

    fn find(&self, disk: &Disk) -> Result<&HeldDisk, ExecuteError> {
        let held = self.disks.iter().find(|held| held.path == disk.path);
        held.ok_or(ExecuteError::OutOfOrder("the check of the disks"))
    }
}

/// Number of a device; of a file, by which tests stand in for it, its place.
fn device(about: &Metadata) -> (u64, u64) {
    if about.file_type().is_block_device() {
        (about.rdev(), 0)
    } else {
        (about.dev(), about.ino())
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
