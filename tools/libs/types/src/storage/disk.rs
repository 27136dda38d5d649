//! Disks.

use serde::{Deserialize, Serialize};

use super::id::{DiskId, Guid};

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Disk {
    /// Its id.
    pub id: DiskId,
    /// Its name in the kernel until the next start, such as `sda`.
    pub name: String,
    /// The link by which pools are made of it, below `/dev/disk/by-id` where there is one.
    pub device: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// World-wide name.
    pub wwn: Option<String>,
    /// How it is attached: `sata`, `sas`, `nvme`, `usb`, ...
    pub transport: Option<String>,
    /// Bytes of a physical sector.
    pub sector: u64,
    /// Whether it spins.
    pub rotational: bool,
    /// What fails together with it: two disks with the same text are parts of one drive.
    pub drive: String,
    /// What it is used for.
    #[serde(rename = "use")]
    pub in_use: DiskUse,
}

/// What a disk is used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DiskUse {
    /// For nothing, and there is nothing on it.
    Free,
    /// This system runs from it.
    System,
    /// The live system runs from it.
    LiveMedium,
    /// It is in an imported pool.
    Pool {
        /// The pool.
        pool: Guid,
    },
    /// It was in a pool that is not imported.
    ExportedPool {
        /// The pool's name, as its label says.
        name: String,
        /// The pool.
        pool: Guid,
    },
    /// It holds something else.
    Foreign {
        /// What, in a few words: a file system, a partition table, an array.
        contents: String,
    },
    /// A program or the kernel holds it.
    Held {
        /// Who, in a few words.
        by: String,
    },
}
