//! Pools and what they are made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::{DiskId, Guid};

/// State of a pool or of a device in it (zpoolconcepts(7), "Device Failure and Recovery").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DeviceState {
    /// It works.
    Online,
    /// It works, and something below it does not.
    Degraded,
    /// It made too many errors.
    Faulted,
    /// An administrator took it out of use.
    Offline,
    /// It was pulled out.
    Removed,
    /// It cannot be opened.
    Unavailable,
    /// Writes wait because too many devices are gone; pools only.
    Suspended,
    /// A spare that waits; spares only.
    Available,
    /// A spare that replaces another device; spares only.
    InUse,
}

impl DeviceState {
    /// Whether data can be read from it.
    pub const fn readable(self) -> bool {
        matches!(self, Self::Online | Self::Degraded)
    }
}

/// What a top-level vdev is for (zpoolconcepts(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VdevClass {
    /// Data.
    Data,
    /// Metadata and small blocks. Losing it loses the pool.
    Special,
    /// Tables of deduplication. Losing it loses the pool.
    Dedup,
    /// The intent log of synchronous writes.
    Log,
    /// Copies of what is read often.
    Cache,
    /// Waits to replace a device that fails.
    Spare,
}

impl VdevClass {
    /// Whether the pool is lost with a vdev of this class.
    pub const fn vital(self) -> bool {
        matches!(self, Self::Data | Self::Special | Self::Dedup)
    }
}

/// How a vdev is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum VdevKind {
    /// A disk or a partition of one.
    Disk,
    /// A file.
    File,
    /// Each child holds the same.
    Mirror,
    /// Parity over all children.
    Raidz {
        /// Children that may fail: 1 to 3.
        parity: u8,
    },
    /// Parity with spare space that is spread over all children.
    Draid {
        /// Children of a group that may fail: 1 to 3.
        parity: u8,
        /// Data children of a group.
        data: u8,
        /// Spares that are spread over the children.
        spares: u8,
    },
    /// A device and the one that takes its place, until it holds everything.
    Replacing,
    /// A device that failed and the spare that stands in for it.
    Spare,
    /// The place of a vdev that was removed, or of a log that is gone.
    Gone,
}

impl VdevKind {
    /// Children that may fail without a loss, when there are this many of them and all work.
    pub fn tolerance(self, children: usize) -> usize {
        match self {
            Self::Mirror => children.saturating_sub(1),
            Self::Raidz { parity } | Self::Draid { parity, .. } => usize::from(parity),
            Self::Disk | Self::File | Self::Replacing | Self::Spare | Self::Gone => 0,
        }
    }
}

/// Errors since they were last cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Errors {
    /// Reads that failed.
    pub read: u64,
    /// Writes that failed.
    pub write: u64,
    /// Blocks that were read and were not what had been written.
    pub checksum: u64,
}

/// A virtual device: a disk, or a group of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Vdev {
    /// Its id.
    pub id: Guid,
    /// Its name in the tools: `mirror-0`, or the path of a device.
    pub name: String,
    /// How it is made.
    #[serde(flatten)]
    pub kind: VdevKind,
    /// What it is for.
    pub class: VdevClass,
    /// Its state.
    pub state: DeviceState,
    /// Bytes of the device, or of a group before parity.
    pub bytes: u64,
    /// Its errors.
    pub errors: Errors,
    /// Whether it does not hold everything yet: it was attached, replaced another one or came back, and is being written.
    #[serde(default, skip_serializing_if = "is_false")]
    pub resilvering: bool,
    /// Disks by which a raidz was widened. ZFS goes on counting its space by the parity of the width that it began with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expansions: u32,
    /// The disk, where it is one that is there.
    pub disk: Option<DiskId>,
    /// Its parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub children: Vec<Self>,
}

impl Vdev {
    /// Whether everything can be read from it.
    pub const fn complete(&self) -> bool {
        self.state.readable() && !self.resilvering
    }

    /// This vdev and everything below it.
    pub fn with_descendants(&self) -> Vec<&Self> {
        let below = self.children.iter().flat_map(Self::with_descendants);
        std::iter::once(self).chain(below).collect()
    }

    /// The vdev, this one or one below it, that has a child with this id.
    pub fn parent_of(&self, id: Guid) -> Option<&Self> {
        let mut all = self.with_descendants().into_iter();
        all.find(|outer| outer.children.iter().any(|child| child.id == id))
    }

    /// The devices of this vdev: disks and files.
    pub fn devices(&self) -> Vec<&Self> {
        let mut all = self.with_descendants();
        all.retain(|vdev| matches!(vdev.kind, VdevKind::Disk | VdevKind::File));
        all
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What goes over a pool's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ScanKind {
    /// Reads and verifies everything.
    Scrub,
    /// Reads and verifies what is known to be damaged.
    ErrorScrub,
    /// Writes to a device what it should hold.
    Resilver,
    /// Moves data so that a raidz uses another disk.
    Expansion,
    /// Moves data off a vdev.
    Removal,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ScanState {
    /// Under way.
    Running,
    /// Waits to be continued.
    Paused,
    /// Done.
    Finished,
    /// Stopped before its end.
    Stopped,
}

/// A scrub, resilver or move of data, the current or the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scan {
    /// What.
    pub kind: ScanKind,
    /// How far.
    pub state: ScanState,
    /// When it began, in seconds since 1970 (UTC).
    pub began: i64,
    /// When it ended, the same.
    pub ended: Option<i64>,
    /// Bytes done.
    pub done: u64,
    /// Bytes to do in all.
    pub total: u64,
    /// Errors that it found and could not repair.
    pub errors: u64,
}

/// A pool that is imported, or that could be.
#[allow(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pool {
    /// Its id.
    pub id: Guid,
    /// Its name.
    pub name: String,
    /// Whether it is imported.
    pub imported: bool,
    /// Its state.
    pub state: DeviceState,
    /// Bytes of its data vdevs, parity included.
    pub bytes: u64,
    /// Bytes taken of those.
    pub allocated: u64,
    /// Bytes that its datasets can hold in all: used ones and free ones.
    pub usable: u64,
    /// Devices that may fail now, whichever they are; none when data is lost already.
    pub may_fail: Option<u32>,
    /// Fragmentation of its free space in percent.
    pub fragmentation: Option<u8>,
    /// Whether nothing can be written.
    pub read_only: bool,
    /// Whether features of this system are not enabled in it.
    pub upgradable: bool,
    /// What it is made of.
    pub vdevs: Vec<Vdev>,
    /// The scrub, resilver or move that runs, or the last one.
    pub scan: Option<Scan>,
    /// Whether devices are being trimmed.
    pub trimming: bool,
    /// When the last scrub ended without being stopped, in seconds since 1970 (UTC).
    pub scrubbed: Option<i64>,
    /// Files and objects that are damaged and cannot be repaired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
    /// Properties that can be set (zpoolprops(7)).
    pub properties: BTreeMap<String, String>,
}

impl Pool {
    /// Every vdev, groups and devices.
    pub fn all_vdevs(&self) -> Vec<&Vdev> {
        self.vdevs.iter().flat_map(Vdev::with_descendants).collect()
    }

    /// The vdev with this id.
    pub fn vdev(&self, id: Guid) -> Option<&Vdev> {
        self.all_vdevs().into_iter().find(|vdev| vdev.id == id)
    }

    /// The top-level vdevs of a class.
    pub fn of_class(&self, class: VdevClass) -> impl Iterator<Item = &Vdev> {
        self.vdevs.iter().filter(move |vdev| vdev.class == class)
    }
}
