//! Datasets.

use std::collections::BTreeMap;

use sigmavault_types::storage::{
    Action, Change, Dataset, DatasetKind, Encryption, Guid, KeySource, Owner, Precondition, Resource,
    Snapshot, Warning, World,
};

use super::draft::{Draft, same_dataset};
use super::refusal::Refusal;
use super::{find, properties};
use crate::{mounting, names};

/// Memory and space that the table of deduplication takes for a TiB of data in records of 128 KiB: 8 Mi entries of 320 bytes, as OpenZFS
/// counts them (`zdb -S`, "in core").
const DEDUP_PER_TIB: u64 = (8 << 20) * 320;

pub(super) fn create(
    draft: &mut Draft<'_>,
    name: &str,
    kind: DatasetKind,
    (size, sparse): (Option<u64>, bool),
    encryption: Option<&Encryption>,
    wanted: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let parent = free_name(draft.world, name)?;
    if size.is_some() != (kind == DatasetKind::Volume) {
        return Err(Refusal::Property {
            property: "size".to_owned(),
            why: "a volume has one, and a file system has none".to_owned(),
        });
    }
    if let Some(size) = size {
        properties::check_all(
            &BTreeMap::from([("volsize".to_owned(), size.to_string())]),
            Some(kind),
        )?;
        if !sparse && size > parent.available {
            let why = format!("{} has {} bytes left", parent.name, parent.available);
            return Err(Refusal::state(name, why));
        }
    }
    properties::check_all(wanted, Some(kind))?;
    promises_fit(parent, wanted)?;
    dedup_warning(draft, wanted);
    let key = encryption.map(|encryption| encryption.key.clone());
    if key == Some(KeySource::Passphrase) {
        let dataset = name.to_owned();
        draft.warn(Warning::KeyCannotBeReplaced { dataset });
    }
    let action = Action::CreateDataset {
        name: name.to_owned(),
        kind,
        size,
        sparse,
        key,
        properties: wanted.clone(),
    };
    let absent = Precondition::NoDataset {
        name: name.to_owned(),
    };
    draft.step(action, vec![same_dataset(parent), absent]);
    if kind == DatasetKind::FileSystem {
        draft.step(
            Action::Mount {
                name: name.to_owned(),
            },
            Vec::new(),
        );
    }
    draft.touch(Resource::Dataset(name.to_owned()));
    draft.changes.push(Change::DatasetAppeared {
        dataset: name.to_owned(),
        kind,
    });
    Ok(())
}

/// The dataset in which one with this name can be made.
pub(super) fn free_name<'a>(world: &'a World, name: &str) -> Result<&'a Dataset, Refusal> {
    names::dataset(name).map_err(Refusal::Name)?;
    let Some((parent, _)) = name.rsplit_once('/') else {
        return Err(Refusal::Name(format!(
            "'{name}' is a pool: a dataset is in one, such as '{name}/photos'"
        )));
    };
    if world.dataset(name).is_some() {
        return Err(Refusal::Exists(name.to_owned()));
    }
    let parent = find::writable_dataset(world, parent)?;
    if parent.kind == DatasetKind::Volume {
        return Err(Refusal::state(&parent.name, "a volume holds no datasets"));
    }
    if parent.key.as_ref().is_some_and(|key| !key.loaded) {
        return Err(Refusal::state(
            &parent.name,
            "its key is not loaded: unlock it first",
        ));
    }
    Ok(parent)
}

fn promises_fit(parent: &Dataset, wanted: &BTreeMap<String, String>) -> Result<(), Refusal> {
    for property in ["reservation", "refreservation"] {
        let bytes: Option<u64> = wanted.get(property).and_then(|value| value.parse().ok());
        if bytes.is_some_and(|bytes| bytes > parent.available) {
            let why = format!("{} has {} bytes left", parent.name, parent.available);
            return Err(Refusal::Property {
                property: property.to_owned(),
                why,
            });
        }
    }
    Ok(())
}

fn dedup_warning(draft: &mut Draft<'_>, wanted: &BTreeMap<String, String>) {
    if wanted.get("dedup").is_some_and(|value| value != "off") {
        draft.warn(Warning::DedupTable {
            bytes_per_tib: DEDUP_PER_TIB,
        });
    }
}

pub(super) fn rename(draft: &mut Draft<'_>, name: &str, to: &str) -> Result<(), Refusal> {
    let world = draft.world;
    let set = find::writable_dataset(world, name)?;
    let parent = free_name(world, to)?;
    let outside = |path: &str| path != name && !path.starts_with(&format!("{name}/"));
    if !name.contains('/') || set.pool() != parent.pool() || !outside(to) {
        let why =
            "it can move within its pool alone, and not into itself: copy it to another pool by replication";
        return Err(Refusal::state(name, why));
    }
    let moved = |old: &str| format!("{to}{}", &old[name.len()..]);
    let mounted = world.tree(name).any(|set| set.mounted);
    if mounted {
        interrupted(draft, name);
        draft.step(
            Action::Unmount {
                name: name.to_owned(),
            },
            vec![same_dataset(set)],
        );
    }
    let absent = Precondition::NoDataset { name: to.to_owned() };
    let action = Action::RenameDataset {
        name: name.to_owned(),
        to: to.to_owned(),
    };
    draft.step(action, vec![same_dataset(set), same_dataset(parent), absent]);
    if mounted {
        draft.step(Action::Mount { name: to.to_owned() }, Vec::new());
    }
    for one in world.tree(name) {
        draft.touch(Resource::Dataset(one.name.clone()));
        let new = moved(&one.name);
        // What was not mounted before is mounted with the rest.
        if mounted && !one.mounted && mounting::mounts(world, &one.name) {
            draft.changes.push(Change::DatasetMounted {
                dataset: new.clone(),
                mounted: true,
            });
        }
        draft.changes.push(Change::DatasetRenamed {
            from: one.name.clone(),
            to: new,
        });
    }
    for clone in &world.datasets {
        let origin = clone
            .origin
            .as_ref()
            .filter(|origin| !outside(origin.split('@').next().unwrap_or_default()));
        if let Some(origin) = origin {
            let dataset = if outside(&clone.name) {
                clone.name.clone()
            } else {
                moved(&clone.name)
            };
            draft.changes.push(Change::DatasetOrigin {
                dataset,
                from: Some(origin.clone()),
                to: Some(moved(origin)),
            });
        }
    }
    Ok(())
}

/// Programs lose access to what is mounted in a tree.
pub(super) fn interrupted(draft: &mut Draft<'_>, name: &str) {
    for set in draft.world.tree(name).filter(|set| set.mounted) {
        let dataset = set.name.clone();
        draft.warn(Warning::Interrupts { dataset });
    }
}

pub(super) fn destroy(draft: &mut Draft<'_>, name: &str) -> Result<(), Refusal> {
    let world = draft.world;
    let set = find::writable_dataset(world, name)?;
    if !name.contains('/') {
        return Err(Refusal::state(
            name,
            "a pool's first dataset goes with the pool: destroy the pool instead",
        ));
    }
    let tree: Vec<&Dataset> = world.tree(name).collect();
    let within = |name: &str| tree.iter().any(|set| set.name == name);
    let snapshots: Vec<&Snapshot> = world
        .snapshots
        .iter()
        .filter(|one| within(one.dataset()))
        .collect();
    for snapshot in &snapshots {
        free(snapshot, within)?;
    }
    if tree.iter().any(|set| set.mounted) {
        interrupted(draft, name);
        draft.step(
            Action::Unmount {
                name: name.to_owned(),
            },
            vec![same_dataset(set)],
        );
    }
    let ids = |sets: &[&Dataset]| -> Vec<Guid> {
        let below = sets.iter().filter(|one| one.name != name);
        below.map(|one| one.id).collect()
    };
    let contents = Precondition::Contents {
        dataset: name.to_owned(),
        datasets: ids(&tree),
        snapshots: snapshots.iter().map(|snapshot| snapshot.id).collect(),
    };
    draft.step(
        Action::DestroyDataset {
            name: name.to_owned(),
        },
        vec![same_dataset(set), contents],
    );
    draft.lose(Resource::Dataset(name.to_owned()), Some(set.used));
    draft.confirm = Some(name.to_owned());
    draft.warn(Warning::CannotBeUndone);
    for one in &tree {
        draft.touch(Resource::Dataset(one.name.clone()));
        draft.changes.push(Change::DatasetDisappeared {
            dataset: one.name.clone(),
        });
    }
    draft
        .changes
        .extend(snapshots.iter().map(|snapshot| Change::SnapshotDisappeared {
            snapshot: snapshot.name.clone(),
        }));
    Ok(())
}

/// A snapshot can go: nothing holds it, and no clone outside of what goes with it needs it.
pub(super) fn free(snapshot: &Snapshot, goes: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    if let Some(tag) = snapshot.holds.first() {
        return Err(Refusal::Held {
            snapshot: snapshot.name.clone(),
            tag: tag.clone(),
        });
    }
    match snapshot.clones.iter().find(|clone| !goes(clone)) {
        None => Ok(()),
        Some(clone) => Err(Refusal::Needed {
            what: snapshot.name.clone(),
            by: clone.clone(),
        }),
    }
}

pub(super) fn set(
    draft: &mut Draft<'_>,
    name: &str,
    wanted: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let set = find::writable_dataset(draft.world, name)?;
    properties::check_all(wanted, Some(set.kind))?;
    let mut new = BTreeMap::new();
    for (property, value) in wanted {
        let now = mounting::local(set, property);
        if now == Some(value.as_str()) {
            continue;
        }
        smaller(set, property, value)?;
        if properties::new_data_only(property) {
            let property = property.clone();
            draft.warn(Warning::NewDataOnly { property });
        }
        draft.changes.push(Change::DatasetProperty {
            dataset: name.to_owned(),
            property: property.clone(),
            from: now.map(str::to_owned),
            to: Some(value.clone()),
        });
        new.insert(property.clone(), value.clone());
    }
    if new.is_empty() {
        return Err(Refusal::Nothing(name.to_owned()));
    }
    let reachable = Dataset {
        available: set.available.saturating_add(set.used),
        ..set.clone()
    };
    promises_fit(&reachable, &new)?;
    dedup_warning(draft, &new);
    let action = Action::SetProperties {
        name: name.to_owned(),
        properties: new,
    };
    draft.step(action, vec![same_dataset(set)]);
    draft.touch(Resource::Dataset(name.to_owned()));
    Ok(())
}

/// Limits below what is used are refused, and volumes do not get smaller: their end would be lost.
fn smaller(set: &Dataset, property: &str, value: &str) -> Result<(), Refusal> {
    let least = match property {
        "quota" => set.used,
        "refquota" => set.referenced,
        "volsize" => {
            let now = set.properties.get("volsize");
            now.and_then(|property| property.value.parse().ok()).unwrap_or(0)
        }
        _ => return Ok(()),
    };
    match value.parse::<u64>() {
        Ok(bytes) if bytes < least && (bytes > 0 || property == "volsize") => Err(Refusal::Property {
            property: property.to_owned(),
            why: format!("{} has {least} bytes already, and this is less", set.name),
        }),
        _ => Ok(()),
    }
}

pub(super) fn inherit(draft: &mut Draft<'_>, name: &str, property: &str) -> Result<(), Refusal> {
    let set = find::writable_dataset(draft.world, name)?;
    let Some(now) = mounting::local(set, property) else {
        return Err(Refusal::Nothing(format!("{property} of {name} is inherited: it")));
    };
    if matches!(property, "volsize" | "mountpoint")
        || property.starts_with("org.sigmavault:")
        || property.contains('@')
    {
        return Err(Refusal::Property {
            property: property.to_owned(),
            why: "it cannot be inherited".to_owned(),
        });
    }
    draft.changes.push(Change::DatasetProperty {
        dataset: name.to_owned(),
        property: property.to_owned(),
        from: Some(now.to_owned()),
        to: None,
    });
    let action = Action::InheritProperty {
        name: name.to_owned(),
        property: property.to_owned(),
    };
    draft.step(action, vec![same_dataset(set)]);
    draft.touch(Resource::Dataset(name.to_owned()));
    Ok(())
}

pub(super) fn quota(draft: &mut Draft<'_>, name: &str, owner: Owner, bytes: u64) -> Result<(), Refusal> {
    let set = find::writable_dataset(draft.world, name)?;
    if set.kind == DatasetKind::Volume {
        return Err(Refusal::state(name, "a volume has no owners of files"));
    }
    let property = mounting::owner_quota(owner);
    let now = mounting::local(set, &property);
    let new = (bytes > 0).then(|| bytes.to_string());
    if now == new.as_deref() {
        return Err(Refusal::Nothing(name.to_owned()));
    }
    draft.changes.push(Change::DatasetProperty {
        dataset: name.to_owned(),
        property,
        from: now.map(str::to_owned),
        to: new,
    });
    let action = Action::SetOwnerQuota {
        name: name.to_owned(),
        owner,
        bytes,
    };
    draft.step(action, vec![same_dataset(set)]);
    draft.touch(Resource::Dataset(name.to_owned()));
    Ok(())
}
