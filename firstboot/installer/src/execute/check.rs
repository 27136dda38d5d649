//! The check before anything is written: minutes may have passed since the plan was made.

use super::error::ExecuteError;
use crate::inventory;
use crate::machine::Disk;
use crate::site::Site;

/// Compares the machine's disks with those that a plan was made for.
pub fn disks(site: &Site, planned: &[Disk]) -> Result<(), ExecuteError> {
    let machine = inventory::read(site)?;
    for disk in planned {
        let now = machine.disks.iter().find(|now| now.path == disk.path);
        let same =
            |now: &&Disk| now.serial == disk.serial && now.bytes == disk.bytes && now.model == disk.model;
        match now.filter(same) {
            None => {
                return Err(ExecuteError::Gone {
                    disk: disk.describe(),
                });
            }
            Some(Disk { in_use: Some(by), .. }) => {
                return Err(ExecuteError::InUse {
                    disk: disk.name.clone(),
                    by: by.clone(),
                });
            }
            Some(now) if now.contents != disk.contents => {
                return Err(ExecuteError::OtherContents {
                    disk: disk.name.clone(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}
