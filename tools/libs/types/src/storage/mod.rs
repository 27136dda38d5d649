//! Storage: disks, pools, datasets, snapshots, and changes of them as plans.
//!
//! - [`Guid`], [`DiskId`]: what things are called for good; names change
//! - [`Disk`], [`Pool`], [`Vdev`], [`Dataset`], [`Snapshot`]: what there is; [`World`] is all of it at one time
//! - [`SnapshotPolicy`], [`Care`]: what is done again and again, approved once
//! - [`Request`]: a change that somebody wants; [`Plan`]: what it takes, costs and destroys
//! - [`Change`]: a difference between two worlds; [`StorageEvent`]: one that happened
//! - [`State`]: what the storage service tells; [`Planned`], [`Job`]: plans that it keeps and work under way
//!
//! Terms are those of zpoolconcepts(7), zfsconcepts(7), zpoolprops(7) and zfsprops(7).

mod action;
mod change;
mod dataset;
mod disk;
mod id;
mod plan;
mod policy;
mod pool;
mod request;
mod snapshot;
mod state;
mod world;

pub use action::{Action, KeySource, NewVdev, Owner, Scrub, Trim};
pub use change::{Change, StorageEvent};
pub use dataset::{Dataset, DatasetKind, Key, Property, Source, is_within};
pub use disk::{Disk, DiskUse};
pub use id::{DiskId, Guid, ParseGuidError};
pub use plan::{Loss, Plan, Precondition, Resource, Risk, Space, Step, Warning};
pub use policy::{Care, Keep, Schedule, SnapshotPolicy};
pub use pool::{DeviceState, Errors, Pool, Scan, ScanKind, ScanState, Vdev, VdevClass, VdevKind};
pub use request::{Encryption, Request, WantedLayout};
pub use snapshot::Snapshot;
pub use state::{Job, JobState, Planned, Stale, State, Work};
pub use world::World;
