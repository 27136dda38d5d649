//! The table as plain data: partitions, their types, and what to change in them.

use serde::Serialize;
use uuid::{Uuid, uuid};

/// Sector size of the table.
pub const SECTOR: u64 = 512;

/// Type of an EFI system partition.
pub const ESP: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
/// Type of a root partition for amd64 (Discoverable Partitions Specification).
pub const ROOT_X86_64: Uuid = uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709");
/// Type of the verity partition of an amd64 root.
pub const ROOT_X86_64_VERITY: Uuid = uuid!("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5");
/// Type of a root partition for arm64.
pub const ROOT_ARM64: Uuid = uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae");
/// Type of the verity partition of an arm64 root.
pub const ROOT_ARM64_VERITY: Uuid = uuid!("df3300ce-d69f-4c92-978c-9bfb0f38d820");

/// What a table says; both copies agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// GUID of the disk.
    pub disk_guid: Uuid,
    /// First sector a partition may use.
    pub first_usable: u64,
    /// Last sector a partition may use.
    pub last_usable: u64,
    /// Sector of the backup header: the last one of a complete file.
    pub backup: u64,
    /// Entries in use.
    pub partitions: Vec<Partition>,
}

/// One entry in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Number, from 1.
    pub index: u32,
    /// Type.
    pub type_guid: Uuid,
    /// GUID of this partition.
    pub guid: Uuid,
    /// First sector.
    pub first: u64,
    /// Last sector, included.
    pub last: u64,
    /// Attribute bits.
    pub attributes: u64,
    /// Name.
    pub name: String,
}

impl Table {
    /// The partition of this number.
    pub fn partition(&self, index: u32) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.index == index)
    }
}

impl Partition {
    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.last
            .saturating_sub(self.first)
            .saturating_add(1)
            .saturating_mul(SECTOR)
    }
}

/// What to set on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionEdit {
    /// Number, from 1.
    pub index: u32,
    /// New type.
    pub type_guid: Uuid,
    /// New GUID.
    pub guid: Uuid,
    /// New name, at most 36 UTF-16 units.
    pub name: String,
    /// New attribute bits; `None` leaves them.
    pub attributes: Option<u64>,
}

/// Which copy of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// At sector 1.
    Primary,
    /// At the end.
    Backup,
}

impl std::fmt::Display for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        })
    }
}
