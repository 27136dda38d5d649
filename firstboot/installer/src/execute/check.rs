//! The check before anything is written: minutes may have passed since the plan was made.

use super::error::ExecuteError;
use crate::inventory::{self, Marks};
use crate::machine::Disk;
use crate::site::Site;

/// Compares the machine's disks with those that a plan was made for.
pub fn disks(site: &Site, planned: &[Disk]) -> Result<(), ExecuteError> {
    let machine = inventory::read(site)?;
    for disk in planned {
        let now = machine.disks.iter().find(|now| now.path == disk.path);
        match now.filter(|now| Marks::of(now) == Marks::of(disk)) {
            None => {
                return Err(ExecuteError::Gone {
                    disk: disk.describe(),
                });
            }
            // The disk that is set up is in use by this system itself.
            Some(Disk { in_use: Some(by), .. }) if disk.in_use.as_ref() != Some(by) => {
                return Err(ExecuteError::InUse {
                    disk: disk.name.clone(),
                    by: by.clone(),
                });
            }
            Some(now) if now.contents != disk.contents || now.holders != disk.holders => {
                return Err(ExecuteError::OtherContents {
                    disk: disk.name.clone(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}
