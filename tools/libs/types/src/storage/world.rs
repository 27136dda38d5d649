//! Everything at one time.

use serde::{Deserialize, Serialize};

use super::dataset::{Dataset, is_within};
use super::disk::Disk;
use super::id::{DiskId, Guid};
use super::policy::{Care, SnapshotPolicy};
use super::pool::Pool;
use super::snapshot::Snapshot;

/// Disks, pools, datasets, snapshots and policies at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct World {
    /// When, in seconds since 1970 (UTC).
    pub time: i64,
    /// Whole disks.
    pub disks: Vec<Disk>,
    /// Pools, those that could be imported too.
    pub pools: Vec<Pool>,
    /// Datasets of the imported pools, by name.
    pub datasets: Vec<Dataset>,
    /// Their snapshots, by dataset and age.
    pub snapshots: Vec<Snapshot>,
    /// Policies of snapshots.
    pub policies: Vec<SnapshotPolicy>,
    /// Schedules of scrubs and trims.
    pub care: Vec<Care>,
}

impl World {
    /// The disk with this id.
    pub fn disk(&self, id: &DiskId) -> Option<&Disk> {
        self.disks.iter().find(|disk| disk.id == *id)
    }

    /// The pool with this id.
    pub fn pool(&self, id: Guid) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.id == id)
    }

    /// The imported pool with this name.
    pub fn imported(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.imported && pool.name == name)
    }

    /// The dataset with this name.
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }

    /// The snapshot with this name.
    pub fn snapshot(&self, name: &str) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.name == name)
    }

    /// A dataset and everything below it.
    pub fn tree<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Dataset> {
        self.datasets
            .iter()
            .filter(move |dataset| is_within(&dataset.name, name))
    }

    /// Snapshots of one dataset, in the order in which they are listed.
    pub fn snapshots_of<'a>(&'a self, dataset: &'a str) -> impl Iterator<Item = &'a Snapshot> {
        self.snapshots
            .iter()
            .filter(move |snapshot| snapshot.dataset() == dataset)
    }

    /// Snapshots of the same dataset that were made after this one.
    pub fn newer_than<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Snapshot> {
        self.snapshots_of(snapshot.dataset())
            .filter(move |other| other.transaction > snapshot.transaction)
    }
}
