//! Why a partition table could not be read or rewritten.

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
