//! Actions that only the first start of a Raspberry Pi needs.

use std::fmt;

use sigmavault_types::slots::Slot;

use super::lists::{encrypted, list};
use crate::answers::Secret;
use crate::machine::{Disk, Present, decimal};
use crate::plan::Partition;

/// One of them. `Display` describes it in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupAction {
    /// Checks that what the firmware loads for the slot that runs starts this system, and can be changed as a setup must
    /// change it in the end.
    CheckBoot {
        /// The disk that is set up.
        disk: Disk,
        /// Root hash of the system that runs.
        root_hash: String,
    },
    /// Makes the partition table of a disk that was written from an image its own: new GUIDs, the second table at the end
    /// of the disk, and nothing of a setup that was not completed.
    OwnTable {
        /// The disk.
        disk: Disk,
        /// Partitions that are removed.
        stale: Vec<Present>,
        /// Partitions that get new GUIDs.
        renewed: Vec<Present>,
    },
    /// Makes partitions behind those that are there, and the file systems in them.
    AddPartitions {
        /// The disk.
        disk: Disk,
        /// Partitions that stay.
        kept: Vec<Present>,
        /// Those that are made.
        partitions: Vec<Partition>,
        /// Encrypts the state partition with this passphrase.
        passphrase: Option<Secret>,
    },
    /// Writes what the firmware gives to the initrd beside the initrd itself: the keymap of the prompt for the
    /// passphrase, or nothing.
    WriteSettingsImage,
    /// Copies the boot partition of slot A to that of slot B, and compares them.
    CopyBoot {
        /// Bytes of each.
        bytes: u64,
    },
    /// Notes the version of the system in a slot.
    WriteVersion {
        /// The slot.
        slot: Slot,
        /// Version of its system.
        version: String,
    },
    /// Takes the words of the first start from a slot's kernel command line, so that it starts the system that was set up.
    LeaveSetup {
        /// The slot.
        slot: Slot,
    },
}

impl fmt::Display for SetupAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckBoot { disk, .. } => {
                write!(f, "check what the firmware loads for slot A of {}", disk.path)
            }
            Self::OwnTable { disk, stale, renewed } => {
                write!(f, "give {} and its partitions {} new GUIDs", disk.path, labels(renewed))?;
                if stale.is_empty() {
                    return Ok(());
                }
                write!(f, ", remove {} of a setup that was not completed", labels(stale))
            }
            Self::AddPartitions {
                disk,
                partitions,
                passphrase,
                ..
            } => {
                let encrypted = encrypted(passphrase.is_some());
                write!(f, "add partitions to {}: {}{encrypted}", disk.path, list(partitions))
            }
            Self::WriteSettingsImage => {
                f.write_str("write what the initrd of slot A gets beside itself: the keymap of the unlock prompt, if there is one")
            }
            Self::CopyBoot { bytes } => {
                let bytes = decimal(*bytes);
                write!(f, "copy the boot partition of slot A, {bytes}, to slot B and compare them")
            }
            Self::WriteVersion { slot, version } => {
                write!(f, "note that slot {} holds version {version}", slot.letter())
            }
            Self::LeaveSetup { slot } => {
                let letter = slot.letter();
                write!(f, "take the words of the first start from the kernel command line of slot {letter}")
            }
        }
    }
}

fn labels(parts: &[Present]) -> String {
    let labels: Vec<&str> = parts.iter().map(|part| part.label.as_str()).collect();
    labels.join(", ")
}
