//! What an action destroys.

use sigmavault_types::storage::{Action, DiskUse, Resource, World};

/// What is destroyed when an action is carried out in a world. A pool stands for everything in it, a dataset for what is below it and
/// its snapshots.
pub fn destroyed(action: &Action, world: &World) -> Vec<Resource> {
    match action {
        Action::EraseDisk { disk } => match world.disk(disk).map(|disk| &disk.in_use) {
            Some(DiskUse::Free) => Vec::new(),
            _ => vec![Resource::Disk(disk.clone())],
        },
        Action::DestroyPool { pool } => {
            let name = world
                .pool(*pool)
                .map_or_else(|| pool.to_string(), |pool| pool.name.clone());
            vec![Resource::Pool(name)]
        }
        Action::DestroyDataset { name } => vec![Resource::Dataset(name.clone())],
        Action::DestroySnapshots { dataset, tags } => tags
            .iter()
            .map(|tag| Resource::Snapshot(format!("{dataset}@{tag}")))
            .collect(),
        Action::Rollback { snapshot } => {
            let dataset = snapshot.split('@').next().unwrap_or_default().to_owned();
            let newer = newer(world, snapshot);
            std::iter::once(Resource::Changes(dataset))
                .chain(newer.into_iter().map(Resource::Snapshot))
                .collect()
        }
        Action::SetProperties { name, properties } if shrinks(world, name, properties.get("volsize")) => {
            vec![Resource::Changes(name.clone())]
        }
        _ => Vec::new(),
    }
}

/// Snapshots of the same dataset that are newer than this one.
fn newer(world: &World, snapshot: &str) -> Vec<String> {
    let Some(from) = world.snapshot(snapshot) else {
        return Vec::new();
    };
    world.newer_than(from).map(|other| other.name.clone()).collect()
}

/// Whether a volume gets smaller.
fn shrinks(world: &World, name: &str, size: Option<&String>) -> bool {
    let bytes = |text: &String| text.parse::<u64>().ok();
    let now = world
        .dataset(name)
        .and_then(|volume| volume.properties.get("volsize"));
    match (now.and_then(|size| bytes(&size.value)), size.map(bytes)) {
        (Some(now), Some(Some(then))) => then < now,
        (_, Some(None)) => true,
        _ => false,
    }
}
