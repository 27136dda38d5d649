//! Whether the preconditions of a step hold.

use std::collections::BTreeSet;

use sigmavault_types::storage::{Guid, Precondition, Snapshot, World};

/// A precondition that does not hold: the world has moved on since the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A disk is not there.
    #[error("disk {0} is no longer there; attach it again, or make a new plan")]
    NoDisk(String),
    /// Another disk has its id, or it is used otherwise.
    #[error(
        "disk {0} has changed since the plan was made: its size or what is on it; look at it and make a new plan"
    )]
    DiskChanged(String),
    /// A pool is not there, has another name, or is not imported.
    #[error(
        "pool {0} has changed since the plan was made: it is gone, renamed, imported or exported; make a new plan"
    )]
    PoolChanged(String),
    /// A device has another state.
    #[error(
        "a device of the pool has changed since the plan was made: {0}; look at the pool and make a new plan"
    )]
    DeviceChanged(Guid),
    /// Less may fail than when the plan was made.
    #[error("pool {0} has lost redundancy since the plan was made; repair it first")]
    LessRedundancy(String),
    /// The name is taken.
    #[error("{0} exists by now; take another name")]
    Exists(String),
    /// Something else has the name, or it is gone.
    #[error("{0} is no longer what it was when the plan was made; make a new plan")]
    Changed(String),
    /// There is more or less in it than what the plan shows.
    #[error("what is in {0} has changed since the plan was made; look at it and make a new plan")]
    ContentsChanged(String),
}

/// Whether a precondition holds in a world.
pub fn check(precondition: &Precondition, world: &World) -> Result<(), Broken> {
    match precondition {
        Precondition::Disk { disk, bytes, in_use } => match world.disk(disk) {
            None => Err(Broken::NoDisk(disk.to_string())),
            Some(found) if found.bytes != *bytes || found.in_use != *in_use => {
                Err(Broken::DiskChanged(disk.to_string()))
            }
            Some(_) => Ok(()),
        },
        Precondition::Pool { pool, name, imported } => {
            let found = world.pool(*pool);
            let same = found.is_some_and(|found| found.name == *name && found.imported == *imported);
            holds(same, || Broken::PoolChanged(name.clone()))
        }
        Precondition::Device { pool, device, state } => {
            let found = world.pool(*pool).and_then(|pool| pool.vdev(*device));
            holds(found.is_some_and(|found| found.state == *state), || {
                Broken::DeviceChanged(*device)
            })
        }
        Precondition::MayFail { pool, at_least } => {
            let found = world.pool(*pool);
            let enough = found.is_some_and(|found| found.may_fail.is_some_and(|now| now >= *at_least));
            let name = || found.map_or_else(|| pool.to_string(), |found| found.name.clone());
            holds(enough, || Broken::LessRedundancy(name()))
        }
        Precondition::NoPool { name } => holds(world.imported(name).is_none(), || exists(name)),
        Precondition::NoDataset { name } => holds(world.dataset(name).is_none(), || exists(name)),
        Precondition::NoSnapshot { name } => holds(world.snapshot(name).is_none(), || exists(name)),
        Precondition::Dataset { name, id } => {
            let same = world.dataset(name).is_some_and(|found| found.id == *id);
            holds(same, || Broken::Changed(name.clone()))
        }
        Precondition::Snapshot { name, id } => {
            let same = world.snapshot(name).is_some_and(|found| found.id == *id);
            holds(same, || Broken::Changed(name.clone()))
        }
        Precondition::Contents {
            dataset,
            datasets,
            snapshots,
        } => {
            let tree: Vec<_> = world.tree(dataset).collect();
            let below = tree.iter().filter(|found| found.name != *dataset);
            let below: BTreeSet<Guid> = below.map(|found| found.id).collect();
            let names: BTreeSet<&str> = tree.iter().map(|found| found.name.as_str()).collect();
            let within = |snapshot: &&Snapshot| names.contains(snapshot.dataset());
            let kept: BTreeSet<Guid> = world
                .snapshots
                .iter()
                .filter(within)
                .map(|found| found.id)
                .collect();
            let same =
                below == datasets.iter().copied().collect() && kept == snapshots.iter().copied().collect();
            holds(same, || Broken::ContentsChanged(dataset.clone()))
        }
        Precondition::Newest { snapshot, newer } => {
            let Some(from) = world.snapshot(snapshot) else {
                return Err(Broken::Changed(snapshot.clone()));
            };
            let found: BTreeSet<Guid> = world.newer_than(from).map(|other| other.id).collect();
            holds(found == newer.iter().copied().collect(), || {
                Broken::ContentsChanged(from.dataset().to_owned())
            })
        }
    }
}

fn holds(so: bool, otherwise: impl FnOnce() -> Broken) -> Result<(), Broken> {
    if so { Ok(()) } else { Err(otherwise()) }
}

fn exists(name: &str) -> Broken {
    Broken::Exists(name.to_owned())
}
