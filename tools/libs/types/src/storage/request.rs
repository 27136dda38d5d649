//! Changes that somebody wants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::action::{KeySource, Owner, Scrub, Trim};
use super::dataset::DatasetKind;
use super::id::{DiskId, Guid};
use super::policy::{Care, SnapshotPolicy};
use super::pool::VdevClass;

/// How disks are to be arranged. Without a layout the service chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WantedLayout {
    /// One disk: errors are found, not corrected.
    Single,
    /// Every disk holds the same data.
    Mirror,
    /// Pairs of mirrored disks, striped.
    Mirrors,
    /// One disk may fail.
    Raidz1,
    /// Two disks may fail.
    Raidz2,
    /// Three disks may fail.
    Raidz3,
    /// Distributed parity with spare space on every disk: two disks of a group may fail.
    Draid,
    /// No redundancy: one failed disk takes everything with it.
    Stripe,
}

impl WantedLayout {
    /// Every layout.
    pub const ALL: [Self; 8] = [
        Self::Single,
        Self::Mirror,
        Self::Mirrors,
        Self::Raidz1,
        Self::Raidz2,
        Self::Raidz3,
        Self::Draid,
        Self::Stripe,
    ];

    /// As it is written in files and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Mirror => "mirror",
            Self::Mirrors => "mirrors",
            Self::Raidz1 => "raidz1",
            Self::Raidz2 => "raidz2",
            Self::Raidz3 => "raidz3",
            Self::Draid => "draid",
            Self::Stripe => "stripe",
        }
    }
}

/// Encryption of a new dataset (AES-256-GCM).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// Where its key comes from.
    pub key: KeySource,
}

/// A change that somebody wants. Pools and devices are named by their ids, datasets and snapshots by their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "operation", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "the variants say it, and fields of the same name mean the same"
)]
pub enum Request {
    /// Makes a pool.
    PoolCreate {
        name: String,
        disks: Vec<DiskId>,
        layout: Option<WantedLayout>,
        /// Whether a pool without any redundancy is wanted in earnest.
        #[serde(default)]
        accept_no_redundancy: bool,
        /// Disks whose contents may be erased.
        #[serde(default)]
        erase: Vec<DiskId>,
        encryption: Option<Encryption>,
        /// Properties of the pool's first dataset, over the usual ones.
        #[serde(default)]
        properties: BTreeMap<String, String>,
    },
    /// Imports a pool that is attached.
    PoolImport {
        pool: Guid,
        /// Another name.
        name: Option<String>,
        #[serde(default)]
        read_only: bool,
        /// Whether it is taken from another machine that did not export it.
        #[serde(default)]
        force: bool,
    },
    /// Exports a pool, so that its disks can be taken away.
    PoolExport { pool: Guid },
    /// Destroys a pool and everything in it.
    PoolDestroy { pool: Guid },
    /// Adds a group of disks to a pool.
    PoolAdd {
        pool: Guid,
        class: VdevClass,
        disks: Vec<DiskId>,
        layout: Option<WantedLayout>,
        #[serde(default)]
        accept_no_redundancy: bool,
        #[serde(default)]
        erase: Vec<DiskId>,
    },
    /// Removes a spare, cache, log, or a mirror or single disk of data, whose data moves to the others.
    PoolRemove { pool: Guid, vdev: Guid },
    /// Makes a raidz one disk wider.
    PoolExpand {
        pool: Guid,
        vdev: Guid,
        disk: DiskId,
        #[serde(default)]
        erase: Vec<DiskId>,
    },
    /// Makes a disk into a mirror, or a mirror one disk wider.
    PoolAttach {
        pool: Guid,
        to: Guid,
        disk: DiskId,
        #[serde(default)]
        erase: Vec<DiskId>,
    },
    /// Takes a disk out of a mirror.
    PoolDetach { pool: Guid, device: Guid },
    /// Puts a disk in the place of a device.
    PoolReplace {
        pool: Guid,
        device: Guid,
        disk: DiskId,
        #[serde(default)]
        erase: Vec<DiskId>,
    },
    /// Takes a device out of use.
    PoolOffline { pool: Guid, device: Guid },
    /// Takes it back into use.
    PoolOnline { pool: Guid, device: Guid },
    /// Forgets errors, and lets a suspended pool go on.
    PoolClear { pool: Guid },
    /// Reads and verifies everything.
    PoolScrub { pool: Guid, scrub: Scrub },
    /// Tells devices which blocks are free.
    PoolTrim { pool: Guid, trim: Trim },
    /// Enables the features of this system. Older systems cannot import the pool then.
    PoolUpgrade { pool: Guid },
    /// Sets properties of a pool.
    PoolSet {
        pool: Guid,
        properties: BTreeMap<String, String>,
    },
    /// Sets when a pool is scrubbed and trimmed.
    PoolCare { care: Care },
    /// Makes a dataset.
    DatasetCreate {
        name: String,
        #[serde(rename = "type")]
        kind: DatasetKind,
        /// Bytes of a volume.
        size: Option<u64>,
        /// Whether a volume takes its space only as it is written.
        #[serde(default)]
        sparse: bool,
        encryption: Option<Encryption>,
        #[serde(default)]
        properties: BTreeMap<String, String>,
    },
    /// Gives a dataset another name in the same pool.
    DatasetRename { name: String, to: String },
    /// Destroys a dataset, what is below it and their snapshots.
    DatasetDestroy { name: String },
    /// Sets properties.
    DatasetSet {
        name: String,
        properties: BTreeMap<String, String>,
    },
    /// Takes the value from further up again.
    DatasetInherit { name: String, property: String },
    /// Limits what a user or a group may take; 0 for no limit.
    DatasetQuota { name: String, owner: Owner, bytes: u64 },
    /// Loads a key and mounts what it opens.
    DatasetUnlock { name: String, key: KeySource },
    /// Unmounts what a key opens and unloads it.
    DatasetLock { name: String },
    /// Sets another key.
    DatasetRekey { name: String, key: KeySource },
    /// Makes a snapshot, of what is below too and all at the same time when it is recursive.
    SnapshotCreate {
        dataset: String,
        tag: String,
        #[serde(default)]
        recursive: bool,
        /// Days for which only the console may destroy it.
        #[serde(default)]
        lock_days: u32,
    },
    /// Destroys snapshots.
    SnapshotDestroy { snapshots: Vec<String> },
    /// Keeps a snapshot from being destroyed.
    SnapshotHold { snapshot: String, tag: String },
    /// Takes a hold away.
    SnapshotRelease { snapshot: String, tag: String },
    /// Gives a dataset back the contents of a snapshot. What came after it is lost.
    SnapshotRollback { snapshot: String },
    /// Makes a dataset of a snapshot's contents.
    SnapshotClone { snapshot: String, name: String },
    /// Makes a clone independent, and what it was cloned from a clone of it.
    DatasetPromote { name: String },
    /// Sets a policy of snapshots.
    PolicySet { policy: SnapshotPolicy },
    /// Makes the snapshots that a policy has due, and destroys those of its own that it no longer keeps. The service asks for it.
    PolicyRun { name: String },
    /// Removes one; its snapshots stay.
    PolicyRemove { name: String },
}
