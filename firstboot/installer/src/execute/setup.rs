//! The disk of a Raspberry Pi's first start. It is in use: this system runs from it.

use std::time::Duration;

use sigmavault_host::run::Run;
use sigmavault_host::{partx, sgdisk, systemd_repart, udevadm};

use super::disk::Definitions;
use super::error::ExecuteError;
use super::files;
use super::key_file::KeyFile;
use crate::answers::Secret;
use crate::machine::{Disk, Present};
use crate::plan::Partition;
use crate::site::Site;

/// How often the kernel is asked to forget a partition, half a second apart.
const TRIES: u32 = 20;

/// Gives a disk and some of its partitions new GUIDs, and removes what a setup that was not completed has left.
pub fn own_table(
    run: &dyn Run,
    disk: &Disk,
    stale: &[Present],
    renewed: &[Present],
) -> Result<(), ExecuteError> {
    // While another partition is in use, the kernel does not read the table again.
    for part in stale {
        forget(run, disk, part.number)?;
    }
    let numbers = |parts: &[Present]| -> Vec<u32> { parts.iter().map(|part| part.number).collect() };
    run.succeed(&sgdisk::renew(&disk.path, &numbers(stale), &numbers(renewed)))?;
    run.succeed(&udevadm::settle())?;
    Ok(())
}

/// Has the kernel forget a partition. It refuses while the partition is open, and udev opens partitions for a moment.
fn forget(run: &dyn Run, disk: &Disk, number: u32) -> Result<(), ExecuteError> {
    let mut tries = 0;
    loop {
        run.succeed(&udevadm::settle())?;
        tries += 1;
        match run.succeed(&partx::forget(&disk.path, number)) {
            Ok(_) => return Ok(()),
            Err(_) if tries < TRIES => std::thread::sleep(Duration::from_millis(500)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Adds partitions behind those that are kept; a passphrase encrypts the state partition.
pub fn add(
    site: &Site,
    disk: &Disk,
    kept: &[Present],
    partitions: &[Partition],
    passphrase: Option<&Secret>,
) -> Result<(), ExecuteError> {
    let definitions = Definitions::new(site)?;
    for part in kept {
        // Otherwise a definition of the same type would belong to it, and nothing be added. It keeps its size.
        let text = format!(
            "[Partition]\nType={}\nSizeMinBytes={1}\nSizeMaxBytes={1}\n",
            part.kind, part.bytes
        );
        let file = definitions.path().join(format!("{}.conf", part.definition()));
        files::write(site, &file, &text, 0o644)?;
    }
    definitions.add(site, partitions, passphrase.is_some())?;
    let key = passphrase
        .map(|passphrase| KeyFile::new(site, passphrase))
        .transpose()?;
    let key = key.as_ref().map(KeyFile::path);
    site.run()
        .succeed(&systemd_repart::add(&disk.path, definitions.path(), key))?;
    site.run().succeed(&udevadm::settle())?;
    Ok(())
}
