//! The system disk: wiping, partitioning by systemd-repart, keys, and the comparison at the end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sigmavault_host::lsblk::{self, Column, Device};
use sigmavault_host::run::Run;
use sigmavault_host::{blockdev, sgdisk, systemd_cryptenroll, systemd_repart, udevadm, wipefs};
use sigmavault_types::slots::Slot;
use tempfile::TempDir;

use super::error::{ExecuteError, io};
use super::files;
use super::key_file::KeyFile;
use crate::answers::Secret;
use crate::inventory::{STATE, STATE_UNFINISHED};
use crate::machine::Disk;
use crate::plan::Partition;
use crate::site::Site;

/// Where files that last as long as the installation are.
const RUN: &str = "/run/sigmavault";

/// Partition definitions of the image (repart.d(5)).
const DEFINITIONS: &str = "/usr/lib/sigmavault/repart.d";
/// The definition of the state partition.
const STATE_DEFINITION: &str = "40-state";

/// Devices of the partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// EFI system partition.
    pub esp: String,
    /// State, below its encryption.
    pub state: String,
    slots: [(String, String); 2],
    /// What the firmware of a Raspberry Pi loads for each slot; none on other machines.
    boot: Option<[String; 2]>,
}

impl Parts {
    /// Root and verity device of a slot.
    pub fn slot(&self, slot: Slot) -> (&str, &str) {
        let (root, tree) = &self.slots[slot as usize];
        (root, tree)
    }

    /// What the firmware of a Raspberry Pi loads for a slot.
    pub fn boot(&self, slot: Slot) -> Result<&str, ExecuteError> {
        let boot = self.boot.as_ref().map(|boot| boot[slot as usize].as_str());
        boot.ok_or(ExecuteError::OutOfOrder("the boot partition of a slot"))
    }
}

/// Erases signatures and partition tables of a disk, the backup table at its end too.
pub fn wipe(run: &dyn Run, disk: &Disk) -> Result<(), ExecuteError> {
    let device = look(run, disk, &[Column::Name, Column::Path])?;
    // Partitions before the disk that they are on.
    for device in device.with_descendants().into_iter().rev() {
        run.succeed(&wipefs::erase_all(&device.path))?;
    }
    // It fails on a damaged table, which is exactly when it is needed.
    let _ = run.succeed(&sgdisk::zap_all(&disk.path));
    // Each path has partitions of its own.
    for path in std::iter::once(&disk.path).chain(&disk.paths) {
        forget_partitions(run, path)?;
    }
    run.succeed(&udevadm::settle())?;
    Ok(())
}

/// How often the kernel is asked to read the partition table again, half a second apart.
const REREADS: u32 = 20;

/// Has the kernel read the empty table. The kernel refuses while a partition is open, and udev opens partitions for a
/// moment after every write.
fn forget_partitions(run: &dyn Run, path: &str) -> Result<(), ExecuteError> {
    let mut tries = 0;
    loop {
        run.succeed(&udevadm::settle())?;
        tries += 1;
        match run.succeed(&blockdev::reread_partition_table(path)) {
            Ok(_) => return Ok(()),
            Err(_) if tries < REREADS => std::thread::sleep(Duration::from_millis(500)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Lays a disk out as planned; a passphrase encrypts its state partition.
pub fn partition(
    site: &Site,
    disk: &Disk,
    partitions: &[Partition],
    passphrase: Option<&Secret>,
) -> Result<(), ExecuteError> {
    let definitions = Definitions::new(site)?;
    definitions.add(site, partitions, passphrase.is_some())?;
    let key = passphrase
        .map(|passphrase| KeyFile::new(site, passphrase))
        .transpose()?;
    let key = key.as_ref().map(KeyFile::path);
    site.run().succeed(&systemd_repart::replace_table(
        &disk.path,
        definitions.path(),
        key,
    ))?;
    site.run().succeed(&udevadm::settle())?;
    Ok(())
}

/// A folder of definitions, as long as they are used.
#[derive(Debug)]
pub struct Definitions {
    _folder: TempDir,
    path: PathBuf,
}

impl Definitions {
    /// Without any.
    pub fn new(site: &Site) -> Result<Self, ExecuteError> {
        let folder = tempfile::Builder::new()
            .prefix("repart-")
            .tempdir_in(site.path(RUN))
            .map_err(|error| io("make a folder in", RUN, error))?;
        Ok(Self {
            path: Path::new(RUN).join(folder.path().file_name().unwrap_or_default()),
            _folder: folder,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds those of the image for these partitions.
    pub fn add(&self, site: &Site, partitions: &[Partition], encrypted: bool) -> Result<(), ExecuteError> {
        define(site, partitions, encrypted, Path::new(DEFINITIONS), &self.path)
    }
}

/// Puts the image's definitions into `folder`, with what this plan adds to each as a drop-in.
fn define(
    site: &Site,
    partitions: &[Partition],
    encrypted: bool,
    from: &Path,
    folder: &Path,
) -> Result<(), ExecuteError> {
    for partition in partitions {
        let name = format!("{}.conf", partition.definition);
        files::copy(site, &from.join(&name), &folder.join(&name))?;
        let mut drop_in = format!(
            "[Partition]\nSizeMinBytes={0}\nSizeMaxBytes={0}\n",
            partition.bytes
        );
        if partition.definition == STATE_DEFINITION {
            drop_in.push_str("Label=");
            drop_in.push_str(STATE_UNFINISHED);
            drop_in.push('\n');
            if encrypted {
                drop_in.push_str("Encrypt=key-file\n");
            }
        }
        let path = folder.join(format!("{name}.d/plan.conf"));
        files::write(site, &path, &drop_in, 0o644)?;
    }
    Ok(())
}

/// The partitions of an installed disk, by their GPT names.
pub fn parts(run: &dyn Run, disk: &Disk) -> Result<Parts, ExecuteError> {
    let device = look(run, disk, &PARTITIONS)?;
    let find = |labels: &[&'static str]| labelled(&device, disk, labels);
    let boot = match (find(&["boot-a"]), find(&["boot-b"])) {
        (Ok(a), Ok(b)) => Some([a, b]),
        _ => None,
    };
    Ok(Parts {
        esp: find(&["esp", "boot"])?,
        state: find(&[STATE, STATE_UNFINISHED])?,
        slots: [
            (find(&["root-a"])?, find(&["root-a-verity"])?),
            (find(&["root-b"])?, find(&["root-b-verity"])?),
        ],
        boot,
    })
}

/// The boot partition of slot A on a disk that is to be set up.
pub fn first_boot_part(run: &dyn Run, disk: &Disk) -> Result<String, ExecuteError> {
    labelled(&look(run, disk, &PARTITIONS)?, disk, &["boot-a"])
}

/// The first partition with one of these names.
fn labelled(device: &Device, disk: &Disk, labels: &[&'static str]) -> Result<String, ExecuteError> {
    device
        .children
        .iter()
        .find(|part| {
            part.partlabel
                .as_deref()
                .is_some_and(|label| labels.contains(&label))
        })
        .map(|part| part.path.clone())
        .ok_or_else(|| ExecuteError::NoPartition {
            disk: disk.name.clone(),
            label: labels[0],
        })
}

/// What is asked about partitions.
const PARTITIONS: [Column; 5] = [
    Column::Name,
    Column::Path,
    Column::Type,
    Column::Size,
    Column::Partlabel,
];

fn look(run: &dyn Run, disk: &Disk, columns: &[Column]) -> Result<Device, ExecuteError> {
    let text = run.text(&lsblk::tree(columns, Some(&disk.path)))?;
    lsblk::parse(&text)
        .ok()
        .and_then(|devices| devices.into_iter().next())
        .ok_or_else(|| ExecuteError::Gone {
            disk: disk.name.clone(),
        })
}

/// Has the TPM open the state partition with a PIN.
pub fn enrol_tpm(site: &Site, state: &str, passphrase: &Secret, pin: &Secret) -> Result<(), ExecuteError> {
    let key = KeyFile::new(site, passphrase)?;
    site.run()
        .succeed(&systemd_cryptenroll::tpm2(state, key.path(), &pin.0))?;
    Ok(())
}

/// Makes a recovery key for the state partition.
pub fn make_recovery_key(site: &Site, state: &str, passphrase: &Secret) -> Result<String, ExecuteError> {
    let key = KeyFile::new(site, passphrase)?;
    let printed = site
        .run()
        .text(&systemd_cryptenroll::recovery_key(state, key.path()))?;
    systemd_cryptenroll::parse_recovery_key(&printed).map_err(|_| ExecuteError::NoRecoveryKey)
}

/// Gives the state partition its final name: the mark of a complete installation.
pub fn rename_state(run: &dyn Run, disk: &Disk) -> Result<(), ExecuteError> {
    let device = look(run, disk, &PARTITIONS)?;
    let part = device
        .children
        .iter()
        .find(|part| part.partlabel.as_deref() == Some(STATE_UNFINISHED));
    let number = part.and_then(|part| {
        part.path
            .trim_start_matches(&disk.path)
            .trim_start_matches('p')
            .parse::<u32>()
            .ok()
    });
    if let Some((part, number)) = part.zip(number) {
        run.succeed(&sgdisk::change_name(&disk.path, number, STATE))?;
        run.succeed(&match disk.in_use {
            None => udevadm::settle(),
            // The kernel does not read the table of a disk in use again, so that nothing tells udev of the name.
            Some(_) => udevadm::look_again(&part.path),
        })?;
    }
    Ok(())
}

/// Compares a disk with the plan.
pub fn compare(run: &dyn Run, disk: &Disk, partitions: &[Partition]) -> Result<(), ExecuteError> {
    let device = look(run, disk, &PARTITIONS)?;
    for partition in partitions {
        let found = device
            .children
            .iter()
            .find(|part| part.partlabel.as_deref() == Some(&partition.label));
        match found {
            Some(part) if part.size == partition.bytes => {}
            Some(part) => {
                return Err(ExecuteError::PartitionSize {
                    label: partition.label.clone(),
                    found: part.size,
                    planned: partition.bytes,
                });
            }
            None => {
                return Err(ExecuteError::PartitionMissing {
                    label: partition.label.clone(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
