//! sgdisk(8): GPT partition tables.

use crate::run::Invocation;

/// Destroys a disk's GPT and MBR, the backup at its end too. It ends with an error when the table was damaged, and
/// has destroyed it then.
pub fn zap_all(disk: &str) -> Invocation {
    Invocation::new("sgdisk").args(["--zap-all", disk])
}

/// Gives a partition a name.
pub fn change_name(disk: &str, partition: u32, name: &str) -> Invocation {
    Invocation::new("sgdisk").args([&format!("--change-name={partition}:{name}"), disk])
}
