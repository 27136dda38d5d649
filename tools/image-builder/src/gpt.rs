//! Reading and rewriting the GUID partition table of a hybrid ISO (UEFI 2.10, section 5.3).
//!
//! xorriso makes the partitions but gives them names and GUIDs of its own. [`rewrite`] sets those that the verity
//! generator looks for, in the primary and the backup table, and leaves every other byte as it was: the protective
//! or hybrid MBR, reserved fields, entries it was not asked about. Sectors are 512 bytes.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use uuid::{Uuid, uuid};

mod bytes;

use bytes::Pair;

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

/// Why a table could not be read or rewritten.
#[derive(Debug, thiserror::Error)]
pub enum GptError {
    /// The file could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Reading or writing failed.
    #[error("cannot {what} the {copy} partition table")]
    Io {
        /// `read` or `write`.
        what: &'static str,
        /// Which copy.
        copy: Copy,
        /// Why.
        source: std::io::Error,
    },
    /// There is no table.
    #[error("there is no GPT: sector 1 does not begin with \"EFI PART\"")]
    Absent,
    /// The file ends before the table says.
    #[error("the {copy} partition table reaches to byte {need}, but the file has {have}")]
    Short {
        /// Which copy.
        copy: Copy,
        /// Length the table implies.
        need: u64,
        /// Length of the file.
        have: u64,
    },
    /// A copy is damaged.
    #[error("the {copy} partition table is damaged: {flaw}")]
    Damaged {
        /// Which copy.
        copy: Copy,
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// Both copies are sound and differ.
    #[error("the primary and the backup partition table differ in {0}")]
    Differ(&'static str),
    /// An edit names an entry that is not in use.
    #[error("there is no partition {0} to change")]
    NoPartition(u32),
    /// Two partitions would have one GUID.
    #[error("partitions {first} and {second} would both have the GUID {guid}")]
    SameGuid {
        /// One.
        first: u32,
        /// The other.
        second: u32,
        /// Their GUID.
        guid: Uuid,
    },
    /// A name does not fit.
    #[error("the name `{0}` does not fit a partition: at most 36 UTF-16 units, none of them zero")]
    BadName(String),
    /// A type or a GUID of zeros marks an unused entry.
    #[error("partition {0} would have a GUID of zeros, which means an unused entry")]
    ZeroGuid(u32),
    /// What was read back is not what was written.
    #[error(
        "the partition table reads back differently after it was written; the disk or file system is at fault"
    )]
    NotWritten,
    /// Not a SHA-256 root hash.
    #[error("`{0}` is not a root hash: 64 hexadecimal digits")]
    BadRootHash(String),
}

/// GUIDs of the root and its verity partition: the first and the last 128 bits of the root hash, by which
/// systemd-veritysetup-generator finds them.
pub fn root_hash_guids(hash: &str) -> Result<(Uuid, Uuid), GptError> {
    let bad = || GptError::BadRootHash(hash.to_owned());
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let half = |part: Option<&str>| part.and_then(|part| Uuid::try_parse(part).ok()).ok_or_else(bad);
    Ok((half(hash.get(..32))?, half(hash.get(32..))?))
}

/// Reads both copies of the table of a file and checks them against each other.
pub fn read(file: &Path) -> Result<Table, GptError> {
    let mut file = File::open(file).map_err(|source| GptError::Open {
        path: file.to_owned(),
        source,
    })?;
    read_from(&mut file)
}

/// Reads both copies of a table and checks them against each other.
pub fn read_from(disk: &mut (impl Read + Seek)) -> Result<Table, GptError> {
    Ok(Pair::read(disk)?.table())
}

/// Sets the disk's GUID and the given partitions in both copies of a file's table, and verifies the result.
pub fn rewrite(file: &Path, disk_guid: Uuid, parts: &[PartitionEdit]) -> Result<(), GptError> {
    let opened = File::options().read(true).write(true).open(file);
    let mut disk = opened.map_err(|source| GptError::Open {
        path: file.to_owned(),
        source,
    })?;
    rewrite_in(&mut disk, disk_guid, parts)?;
    disk.sync_all().map_err(|source| GptError::Io {
        what: "write",
        copy: Copy::Backup,
        source,
    })
}

/// Like [`rewrite`], on anything that can be read and written.
pub fn rewrite_in(
    disk: &mut (impl Read + Write + Seek),
    disk_guid: Uuid,
    parts: &[PartitionEdit],
) -> Result<(), GptError> {
    let mut pair = Pair::read(disk)?;
    pair.edit(disk_guid, parts)?;
    pair.write(disk)?;
    if Pair::read(disk)? == pair {
        Ok(())
    } else {
        Err(GptError::NotWritten)
    }
}

#[cfg(test)]
mod tests;
