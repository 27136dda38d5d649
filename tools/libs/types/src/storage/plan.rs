//! Plans: what a change takes, costs and destroys.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::change::Change;
use super::disk::DiskUse;
use super::id::{DiskId, Guid};
use super::pool::DeviceState;
use super::request::Request;

/// How much a change can break, and with it who must approve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Risk {
    /// R0: only reads.
    #[serde(rename = "R0")]
    Reads,
    /// R1: harmless, such as a scrub or a snapshot.
    #[serde(rename = "R1")]
    Harmless,
    /// R2: can be undone, such as a property or a quota.
    #[serde(rename = "R2")]
    Undoable,
    /// R3: disrupts, or cannot be undone, and loses nothing: replace, export, create on blank disks.
    #[serde(rename = "R3")]
    Disruptive,
    /// R4: destroys: destroy, erase, roll back, remove a key.
    #[serde(rename = "R4")]
    Destroys,
}

impl Risk {
    /// `R0` to `R4`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reads => "R0",
            Self::Harmless => "R1",
            Self::Undoable => "R2",
            Self::Disruptive => "R3",
            Self::Destroys => "R4",
        }
    }
}

/// One thing that a plan touches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// A disk.
    Disk(DiskId),
    /// A pool, by name.
    Pool(String),
    /// A dataset.
    Dataset(String),
    /// What was written to a dataset since a snapshot.
    Changes(String),
    /// A snapshot.
    Snapshot(String),
    /// A policy.
    Policy(String),
}

/// Something that a plan destroys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Loss {
    /// What.
    pub resource: Resource,
    /// Bytes of data in it, where that is known.
    pub bytes: Option<u64>,
}

/// What must still be so when a step is carried out. It is read again before each step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "precondition", rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "the variants say it, and fields of the same name mean the same"
)]
pub enum Precondition {
    /// The disk is there, has this size and is used for this.
    Disk {
        disk: DiskId,
        bytes: u64,
        #[serde(rename = "use")]
        in_use: DiskUse,
    },
    /// The pool is there by this id and name, and imported or not.
    Pool {
        pool: Guid,
        name: String,
        imported: bool,
    },
    /// A device of it is in this state.
    Device {
        pool: Guid,
        device: Guid,
        state: DeviceState,
    },
    /// At least this many devices may fail.
    MayFail { pool: Guid, at_least: u32 },
    /// No imported pool has this name.
    NoPool { name: String },
    /// The dataset with this name is the one with this id.
    Dataset { name: String, id: Guid },
    /// No dataset has this name.
    NoDataset { name: String },
    /// The snapshot with this name is the one with this id.
    Snapshot { name: String, id: Guid },
    /// No snapshot has this name.
    NoSnapshot { name: String },
    /// These and no others are below a dataset, with their snapshots.
    Contents {
        dataset: String,
        datasets: Vec<Guid>,
        snapshots: Vec<Guid>,
    },
    /// The newest snapshots of a dataset, from this one on.
    Newest { snapshot: String, newer: Vec<Guid> },
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// What is carried out.
    pub action: Action,
    /// How much it can break.
    pub risk: Risk,
    /// What must be so before it.
    pub preconditions: Vec<Precondition>,
    /// The commands that do it, as a shell would take them.
    pub commands: Vec<String>,
}

/// Bytes that the datasets of a pool can hold in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Space {
    /// The pool's name.
    pub pool: String,
    /// Before; 0 for a new pool.
    pub usable_before: u64,
    /// After; 0 for one that is gone.
    pub usable_after: u64,
    /// Devices that may fail before, whichever they are.
    pub may_fail_before: Option<u32>,
    /// And after.
    pub may_fail_after: Option<u32>,
}

/// What somebody who approves should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "warning", rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "the variants say it, and fields of the same name mean the same"
)]
pub enum Warning {
    /// One failed disk loses everything.
    NoRedundancy { pool: String },
    /// The new group survives fewer failures than the others.
    LessRedundancy { pool: String, may_fail: u32 },
    /// Bytes that stay unused because disks differ in size.
    UnevenDisks { bytes: u64 },
    /// Older systems cannot import it any more.
    OlderSystems { pool: String },
    /// It takes long, and the pool has less redundancy until then.
    Rebuild { pool: String, bytes: u64 },
    /// It cannot be stopped or taken back.
    CannotBeUndone,
    /// What is there stays as it is; only what is written from now on is affected.
    NewDataOnly { property: String },
    /// The table of deduplication needs this much memory and space, for each TiB of data that is written.
    DedupTable { bytes_per_tib: u64 },
    /// Programs lose access while it is done.
    Interrupts { dataset: String },
    /// It was last used by another machine.
    OtherMachine { pool: String },
    /// A key that is lost cannot be replaced.
    KeyCannotBeReplaced { dataset: String },
    /// The clock jumped, so that nothing of a dataset expires.
    ClockDoubt { dataset: String },
    /// A disk is attached by USB.
    UsbDisk { disk: DiskId },
}

/// What a change takes, costs and destroys. Approval is given to its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    /// Version of this shape: 1.
    pub version: u32,
    /// The change that was wanted.
    pub request: Request,
    /// The highest of the steps' risks.
    pub risk: Risk,
    /// What is carried out, in this order.
    pub steps: Vec<Step>,
    /// What differs afterwards.
    pub changes: Vec<Change>,
    /// What it touches.
    pub touches: Vec<Resource>,
    /// What it destroys.
    pub loses: Vec<Loss>,
    /// Space and redundancy of each pool in which they change.
    pub space: Vec<Space>,
    /// What somebody who approves should know.
    pub warnings: Vec<Warning>,
    /// What must be typed to approve a plan that destroys: the name of the pool, dataset, snapshot or disk.
    pub confirm: Option<String>,
    /// Whether it was asked for at the machine's own console, where locked snapshots may be destroyed.
    pub at_console: bool,
    /// When it was made, in seconds since 1970 (UTC).
    pub made: i64,
}
