//! A tenth of a pool stays free of promises.

use std::collections::BTreeMap;

use sigmavault_types::storage::{Action, DatasetKind, Plan, Resource, World};

use super::parts::actions;

/// Properties that promise space.
const PROMISES: [&str; 3] = ["reservation", "refreservation", "volsize"];

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    let mut promised: BTreeMap<&str, u128> = BTreeMap::new();
    for action in actions(plan) {
        let (name, bytes) = match action {
            Action::CreateDataset {
                name,
                kind,
                size,
                sparse,
                properties,
                ..
            } => {
                let volume = size.filter(|_| *kind == DatasetKind::Volume && !sparse);
                let most = PROMISES.iter().map(|promise| wanted(properties, promise)).max();
                (name, u128::from(volume.unwrap_or(0).max(most.unwrap_or(0))))
            }
            Action::SetProperties { name, properties } => {
                let more =
                    |promise: &str| wanted(properties, promise).saturating_sub(now(world, name, promise));
                let most = PROMISES.iter().map(|promise| more(promise)).max();
                (name, u128::from(most.unwrap_or(0)))
            }
            _ => continue,
        };
        *promised
            .entry(name.split('/').next().unwrap_or_default())
            .or_default() += bytes;
    }
    let over = |(pool, bytes): &(&str, u128)| {
        let found = world.imported(pool);
        let used = world.dataset(pool).map_or(0, |root| u128::from(root.used));
        *bytes > 0 && found.is_some_and(|found| (used + bytes) * 10 > u128::from(found.usable) * 9)
    };
    promised
        .into_iter()
        .filter(over)
        .map(|(pool, _)| Resource::Pool(pool.to_owned()))
        .collect()
}

fn wanted(properties: &BTreeMap<String, String>, name: &str) -> u64 {
    let value = properties.get(name);
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn now(world: &World, dataset: &str, name: &str) -> u64 {
    let property = world
        .dataset(dataset)
        .and_then(|found| found.properties.get(name));
    property
        .and_then(|property| property.value.parse().ok())
        .unwrap_or(0)
}
