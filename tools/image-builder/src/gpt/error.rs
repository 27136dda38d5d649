//! Why a partition table could not be read or rewritten.

use std::fmt;
use std::path::PathBuf;

use uuid::Uuid;

use super::table::Copy;

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
    #[error("cannot {access} the {copy} partition table")]
    Io {
        /// What was tried.
        access: Access,
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
        flaw: Flaw,
    },
    /// Both copies are sound and differ.
    #[error("the primary and the backup partition table differ in {0}")]
    Differ(Field),
    /// An edit names an unused entry.
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

/// What was tried with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading it.
    Read,
    /// Writing it.
    Write,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// What two copies of a table differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// First and last sector that a partition may use.
    UsableSectors,
    /// GUID of the disk.
    DiskGuid,
    /// Number and size of entries.
    EntryCount,
    /// The entries themselves.
    Entries,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UsableSectors => "usable sectors",
            Self::DiskGuid => "disk GUID",
            Self::EntryCount => "number of entries",
            Self::Entries => "their entries",
        })
    }
}

/// What is wrong with one copy of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// No signature.
    #[error("it does not begin with \"EFI PART\"")]
    Signature,
    /// Another format.
    #[error("its revision is not 1.0")]
    Revision,
    /// The header is too small or larger than a sector.
    #[error("its header size is impossible")]
    HeaderSize,
    /// CRC of the header.
    #[error("the checksum of its header is wrong")]
    HeaderChecksum,
    /// The header names another sector as its own.
    #[error("its header says it stands elsewhere")]
    HeaderPlace,
    /// Not a power of two of at least 128 bytes.
    #[error("its entry size is impossible")]
    EntrySize,
    /// None, or more than any disk has.
    #[error("its number of entries is impossible")]
    EntryCount,
    /// CRC of the entries.
    #[error("the checksum of its entries is wrong")]
    EntriesChecksum,
    /// The backup names another sector as the primary's.
    #[error("it does not point to sector 1")]
    PrimaryPlace,
    /// Last sector before the first.
    #[error("a partition ends before it begins")]
    Reversed,
    /// Sectors that no partition may use.
    #[error("a partition lies outside the usable sectors")]
    Outside,
}
