//! Why a board starts nothing, and what its screen or its LED would say.

use std::fmt;

use crate::fat::FatError;
use crate::kernel::NotAKernel;
use crate::table::TableError;
use crate::tree::TreeError;

/// Why the boot loader does not take a partition.
#[derive(Debug, thiserror::Error)]
pub enum Unbootable {
    /// The disk has no such partition of a FAT type.
    #[error("there is no such partition of a FAT type")]
    Absent,
    /// It cannot be read.
    #[error(transparent)]
    Fat(#[from] FatError),
    /// A file is missing that marks a partition as bootable.
    #[error("it has no {0}")]
    NoFile(String),
    /// No tree for a Pi 5's processor.
    #[error("it has no device tree for this board (looked for {0})")]
    NoTree(String),
    /// A try without `tryboot_a_b=1`.
    #[error("it has no tryboot.txt, which a try needs without tryboot_a_b=1 in autoboot.txt")]
    NoTryboot,
}

/// The partitions that were looked at, and why each was not taken.
#[derive(Debug)]
pub struct Tried(pub Vec<(u32, Unbootable)>);

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (number, why)) in self.0.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "; " };
            write!(f, "{separator}partition {number}: {why}")?;
        }
        Ok(())
    }
}

/// Why a board starts nothing from a disk.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No partitions.
    #[error(transparent)]
    Table(#[from] TableError),
    /// No partition for the firmware.
    #[error("the disk has no partition of a FAT type (EFI system or basic data)")]
    NoFat,
    /// A number that is one partition by its entry and another by counting.
    #[error(
        "partition {0} is not the same one when only FAT partitions are counted, in the order of their places; put the FAT \
         partitions first"
    )]
    Ambiguous(u32),
    /// No partition was taken: the boot loader goes on to the next boot mode and begins again.
    #[error("no partition is bootable ({0})")]
    NothingBootable(Tried),
    /// The disk fails while a file is read.
    #[error("partition {partition} cannot be read: {source}")]
    Fat {
        /// The partition.
        partition: u32,
        /// Why.
        source: FatError,
    },
    /// `start4.elf` without its other half.
    #[error("partition {partition} has no {file}, which belongs to the firmware beside it")]
    NoFixup {
        /// The partition.
        partition: u32,
        /// The file.
        file: String,
    },
    /// A 32-bit kernel is asked for.
    #[error("config.txt on partition {partition} asks for a 32-bit kernel; remove arm_64bit=0")]
    ThirtyTwoBit {
        /// The partition.
        partition: u32,
    },
    /// No kernel.
    #[error("partition {partition} has no kernel {file}")]
    NoKernel {
        /// The partition.
        partition: u32,
        /// What was looked for.
        file: String,
    },
    /// Something else under the kernel's name.
    #[error("{file} on partition {partition} cannot be started: {why}")]
    NotAKernel {
        /// The partition.
        partition: u32,
        /// The file.
        file: String,
        /// What is wrong with it.
        why: NotAKernel,
    },
    /// No tree: the kernel would start without one, and an ARM64 kernel cannot.
    #[error("partition {partition} has no device tree for this board (looked for {files})")]
    NoTree {
        /// The partition.
        partition: u32,
        /// What was looked for.
        files: String,
    },
    /// The tree of the first stepping on a board of the second.
    #[error(
        "partition {partition} has only {found} for this board, whose processor is of stepping D0: the kernel panics. Add \
         overlays/bcm2712d0.dtbo, which the firmware applies to that tree"
    )]
    WrongStepping {
        /// The partition.
        partition: u32,
        /// The tree that is there.
        found: String,
    },
    /// A damaged tree, or one for another processor.
    #[error("{file} on partition {partition} is no device tree for this board: {why}")]
    BadTree {
        /// The partition.
        partition: u32,
        /// The file.
        file: String,
        /// What is wrong with it.
        why: TreeError,
    },
    /// An initrd is missing. What the firmware does then is not documented.
    #[error("partition {partition} has no initrd {file}")]
    NoInitrd {
        /// The partition.
        partition: u32,
        /// The file.
        file: String,
    },
}

impl Failure {
    /// Long and short flashes of the board's LED, where the documentation has them.
    pub const fn led(&self) -> Option<(u8, u8)> {
        match self {
            Self::NothingBootable(_) | Self::NoFixup { .. } => Some((0, 4)),
            Self::NoKernel { .. } => Some((0, 7)),
            Self::NoFat => Some((2, 1)),
            Self::Fat { .. } | Self::Table(_) => Some((2, 2)),
            _ => None,
        }
    }
}
