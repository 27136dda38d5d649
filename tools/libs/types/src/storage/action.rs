//! What an engine carries out: one action changes one thing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dataset::DatasetKind;
use super::id::{DiskId, Guid};
use super::policy::{Care, SnapshotPolicy};
use super::pool::{VdevClass, VdevKind};

/// Where a key comes from. No plan holds a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// A passphrase of 8 to 512 bytes, handed over as a file descriptor when the plan is carried out.
    Passphrase,
    /// 32 bytes of the kernel's random numbers, made when the plan is carried out and kept in `/etc/sigmavault/keys`, so that it opens
    /// at each start.
    Stored,
}

/// Whose files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// Those of a user, by number.
    User(u32),
    /// Those of a group, by number.
    Group(u32),
}

/// A vdev to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewVdev {
    /// How it is made.
    #[serde(flatten)]
    pub kind: VdevKind,
    /// What it is for.
    pub class: VdevClass,
    /// Its disks.
    pub disks: Vec<DiskId>,
}

/// What happens to a scrub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Scrub {
    /// It starts, or goes on where it was paused.
    Start,
    /// It waits.
    Pause,
    /// It ends.
    Stop,
    /// What is known to be damaged is read and verified again.
    Errors,
}

/// What happens to a trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Trim {
    /// It starts, on every device that can do it.
    Start,
    /// It ends.
    Stop,
}

/// One change, as an engine carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "the variants say it, and fields of the same name mean the same"
)]
pub enum Action {
    /// Erases what says what is on a disk: partition tables, labels, signatures.
    EraseDisk {
        disk: DiskId,
    },
    CreatePool {
        name: String,
        vdevs: Vec<NewVdev>,
        properties: BTreeMap<String, String>,
        dataset_properties: BTreeMap<String, String>,
        key: Option<KeySource>,
    },
    /// Imports without mounting.
    ImportPool {
        pool: Guid,
        name: String,
        read_only: bool,
        force: bool,
    },
    ExportPool {
        pool: Guid,
    },
    DestroyPool {
        pool: Guid,
    },
    AddVdevs {
        pool: Guid,
        vdevs: Vec<NewVdev>,
    },
    RemoveVdev {
        pool: Guid,
        vdev: Guid,
    },
    ExpandRaidz {
        pool: Guid,
        vdev: Guid,
        disk: DiskId,
    },
    AttachDisk {
        pool: Guid,
        to: Guid,
        disk: DiskId,
    },
    DetachDevice {
        pool: Guid,
        device: Guid,
    },
    ReplaceDevice {
        pool: Guid,
        device: Guid,
        disk: DiskId,
    },
    OfflineDevice {
        pool: Guid,
        device: Guid,
    },
    OnlineDevice {
        pool: Guid,
        device: Guid,
    },
    ClearErrors {
        pool: Guid,
    },
    ScrubPool {
        pool: Guid,
        scrub: Scrub,
    },
    TrimPool {
        pool: Guid,
        trim: Trim,
    },
    UpgradePool {
        pool: Guid,
    },
    SetPoolProperties {
        pool: Guid,
        properties: BTreeMap<String, String>,
    },
    SetCare {
        care: Care,
    },
    /// Makes a dataset without mounting it.
    CreateDataset {
        name: String,
        #[serde(rename = "type")]
        kind: DatasetKind,
        size: Option<u64>,
        sparse: bool,
        key: Option<KeySource>,
        properties: BTreeMap<String, String>,
    },
    RenameDataset {
        name: String,
        to: String,
    },
    /// Destroys a dataset with everything below it and all snapshots of these.
    DestroyDataset {
        name: String,
    },
    SetProperties {
        name: String,
        properties: BTreeMap<String, String>,
    },
    InheritProperty {
        name: String,
        property: String,
    },
    SetOwnerQuota {
        name: String,
        owner: Owner,
        bytes: u64,
    },
    LoadKey {
        name: String,
        key: KeySource,
    },
    UnloadKey {
        name: String,
    },
    ChangeKey {
        name: String,
        key: KeySource,
    },
    /// Has the service manager mount a file system and those below it, as far as they mount by themselves and their keys are loaded.
    Mount {
        name: String,
    },
    /// Has it unmount a file system and those below it.
    Unmount {
        name: String,
    },
    /// Makes snapshots with the same tag, all in one transaction.
    CreateSnapshots {
        datasets: Vec<String>,
        tag: String,
        policy: Option<String>,
        locked_until: Option<i64>,
    },
    /// Destroys snapshots of one dataset, in one transaction.
    DestroySnapshots {
        dataset: String,
        tags: Vec<String>,
    },
    HoldSnapshot {
        snapshot: String,
        tag: String,
    },
    ReleaseSnapshot {
        snapshot: String,
        tag: String,
    },
    /// Gives a dataset the contents of a snapshot, and destroys the snapshots that came after it.
    Rollback {
        snapshot: String,
    },
    CloneSnapshot {
        snapshot: String,
        name: String,
    },
    PromoteDataset {
        name: String,
    },
    SetPolicy {
        policy: SnapshotPolicy,
    },
    RemovePolicy {
        name: String,
    },
}
