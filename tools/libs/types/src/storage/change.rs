//! Differences between two worlds.

use serde::{Deserialize, Serialize};

use super::dataset::DatasetKind;
use super::id::{DiskId, Guid};
use super::pool::{DeviceState, ScanKind, ScanState, VdevClass};

/// A difference between two worlds. Sizes that change all the time, such as those of used space, are left out; a pool that appears or
/// disappears stands for everything in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "change", rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "the variants say it, and fields of the same name mean the same"
)]
pub enum Change {
    /// A pool can be used that could not be before.
    PoolAppeared {
        pool: String,
    },
    /// It no longer can, by this name.
    PoolDisappeared {
        pool: String,
    },
    PoolState {
        pool: String,
        from: DeviceState,
        to: DeviceState,
    },
    /// Bytes that its datasets can hold in all.
    PoolUsable {
        pool: String,
        from: u64,
        to: u64,
    },
    /// Devices that may fail; none when data is lost.
    PoolMayFail {
        pool: String,
        from: Option<u32>,
        to: Option<u32>,
    },
    PoolProperty {
        pool: String,
        property: String,
        from: Option<String>,
        to: Option<String>,
    },
    PoolUpgraded {
        pool: String,
    },
    PoolScan {
        pool: String,
        scan: ScanKind,
        state: ScanState,
    },
    PoolTrimming {
        pool: String,
        trimming: bool,
    },
    /// Files or objects that cannot be repaired.
    PoolDamaged {
        pool: String,
        count: u64,
    },
    PoolCare {
        pool: Guid,
    },
    /// A disk belongs to a pool that did not before.
    DeviceAppeared {
        pool: String,
        disk: DiskId,
        class: VdevClass,
    },
    DeviceDisappeared {
        pool: String,
        disk: DiskId,
        class: VdevClass,
    },
    DeviceState {
        pool: String,
        disk: DiskId,
        from: DeviceState,
        to: DeviceState,
    },
    DeviceErrors {
        pool: String,
        disk: DiskId,
    },
    DiskAppeared {
        disk: DiskId,
    },
    DiskDisappeared {
        disk: DiskId,
    },
    DatasetAppeared {
        dataset: String,
        #[serde(rename = "type")]
        kind: DatasetKind,
    },
    DatasetDisappeared {
        dataset: String,
    },
    DatasetRenamed {
        from: String,
        to: String,
    },
    /// A property that was set at the dataset itself, or no longer is.
    DatasetProperty {
        dataset: String,
        property: String,
        from: Option<String>,
        to: Option<String>,
    },
    DatasetKey {
        dataset: String,
        loaded: bool,
    },
    DatasetMounted {
        dataset: String,
        mounted: bool,
    },
    /// The snapshot that it is a clone of.
    DatasetOrigin {
        dataset: String,
        from: Option<String>,
        to: Option<String>,
    },
    SnapshotAppeared {
        snapshot: String,
    },
    SnapshotDisappeared {
        snapshot: String,
    },
    /// It has another name, and not only because its dataset has.
    SnapshotRenamed {
        from: String,
        to: String,
    },
    SnapshotHeld {
        snapshot: String,
        tag: String,
    },
    SnapshotReleased {
        snapshot: String,
        tag: String,
    },
    PolicySet {
        policy: String,
    },
    PolicyRemoved {
        policy: String,
    },
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageEvent {
    /// When, in seconds since 1970 (UTC).
    pub time: i64,
    /// What.
    #[serde(flatten)]
    pub change: Change,
}
