//! Snapshots and clones.

use std::collections::BTreeMap;

use sigmavault_types::storage::{Action, Change, Guid, Precondition, Resource, Snapshot, Warning};

use super::datasets::{free, free_name, interrupted};
use super::draft::{Draft, same_dataset, same_snapshot};
use super::find;
use super::refusal::Refusal;
use crate::names;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

pub(super) fn create(
    draft: &mut Draft<'_>,
    dataset: &str,
    tag: &str,
    recursive: bool,
    lock_days: u32,
) -> Result<(), Refusal> {
    let world = draft.world;
    let set = find::writable_dataset(world, dataset)?;
    names::tag(tag).map_err(Refusal::Name)?;
    let datasets: Vec<String> = if recursive {
        world.tree(dataset).map(|set| set.name.clone()).collect()
    } else {
        vec![dataset.to_owned()]
    };
    let mut conditions = vec![same_dataset(set)];
    for one in &datasets {
        let name = format!("{one}@{tag}");
        names::dataset(&name.replace('@', "/")).map_err(Refusal::Name)?;
        if world.snapshot(&name).is_some() {
            return Err(Refusal::Exists(name));
        }
        draft.touch(Resource::Snapshot(name.clone()));
        conditions.push(Precondition::NoSnapshot { name: name.clone() });
        draft.changes.push(Change::SnapshotAppeared { snapshot: name });
    }
    let action = Action::CreateSnapshots {
        datasets,
        tag: tag.to_owned(),
        policy: None,
        locked_until: (lock_days > 0).then(|| world.time + i64::from(lock_days) * DAY),
    };
    draft.step(action, conditions);
    Ok(())
}

pub(super) fn destroy(draft: &mut Draft<'_>, snapshots: &[String]) -> Result<(), Refusal> {
    let mut by_dataset: BTreeMap<&str, Vec<&Snapshot>> = BTreeMap::new();
    for name in snapshots {
        let snapshot = find::snapshot(draft.world, name)?;
        free(snapshot, |_| false)?;
        let others = by_dataset.entry(snapshot.dataset()).or_default();
        if !others.iter().any(|other| other.id == snapshot.id) {
            others.push(snapshot);
        }
    }
    let Some(first) = snapshots.first() else {
        return Err(Refusal::Nothing("no snapshot is named: everything".to_owned()));
    };
    // One name stands for all that goes: that of the snapshot, of its dataset when there are several, of the pool when these are of several.
    let confirm = match (snapshots.len(), by_dataset.len()) {
        (1, _) => first.clone(),
        (_, 1) => first.split('@').next().unwrap_or_default().to_owned(),
        _ => first.split(['/', '@']).next().unwrap_or_default().to_owned(),
    };
    for (dataset, snapshots) in by_dataset {
        let action = Action::DestroySnapshots {
            dataset: dataset.to_owned(),
            tags: snapshots
                .iter()
                .map(|snapshot| snapshot.tag().to_owned())
                .collect(),
        };
        draft.step(
            action,
            snapshots.iter().map(|snapshot| same_snapshot(snapshot)).collect(),
        );
        for snapshot in snapshots {
            draft.lose(Resource::Snapshot(snapshot.name.clone()), Some(snapshot.used));
            draft.changes.push(Change::SnapshotDisappeared {
                snapshot: snapshot.name.clone(),
            });
        }
    }
    draft.warn(Warning::CannotBeUndone);
    draft.confirm = Some(confirm);
    Ok(())
}

pub(super) fn hold(draft: &mut Draft<'_>, name: &str, tag: &str) -> Result<(), Refusal> {
    let snapshot = find::snapshot(draft.world, name)?;
    names::policy(tag).map_err(Refusal::Name)?;
    if snapshot.holds.contains(tag) {
        return Err(Refusal::Nothing(format!("{name} is held by '{tag}': it")));
    }
    let action = Action::HoldSnapshot {
        snapshot: name.to_owned(),
        tag: tag.to_owned(),
    };
    draft.step(action, vec![same_snapshot(snapshot)]);
    draft.touch(Resource::Snapshot(name.to_owned()));
    draft.changes.push(Change::SnapshotHeld {
        snapshot: name.to_owned(),
        tag: tag.to_owned(),
    });
    Ok(())
}

pub(super) fn release(draft: &mut Draft<'_>, name: &str, tag: &str) -> Result<(), Refusal> {
    let snapshot = find::snapshot(draft.world, name)?;
    if !snapshot.holds.contains(tag) {
        return Err(Refusal::missing("hold", format!("'{tag}' of {name}")));
    }
    let action = Action::ReleaseSnapshot {
        snapshot: name.to_owned(),
        tag: tag.to_owned(),
    };
    draft.step(action, vec![same_snapshot(snapshot)]);
    draft.touch(Resource::Snapshot(name.to_owned()));
    draft.changes.push(Change::SnapshotReleased {
        snapshot: name.to_owned(),
        tag: tag.to_owned(),
    });
    Ok(())
}

pub(super) fn rollback(draft: &mut Draft<'_>, name: &str) -> Result<(), Refusal> {
    let world = draft.world;
    let snapshot = find::snapshot(world, name)?;
    let set = find::writable_dataset(world, snapshot.dataset())?;
    if set.key.as_ref().is_some_and(|key| !key.loaded) {
        return Err(Refusal::state(
            &set.name,
            "its key is not loaded: unlock it first",
        ));
    }
    let newer: Vec<&Snapshot> = world.newer_than(snapshot).collect();
    for other in &newer {
        free(other, |_| false)?;
    }
    draft.lose(Resource::Changes(set.name.clone()), None);
    for other in &newer {
        draft.lose(Resource::Snapshot(other.name.clone()), Some(other.used));
        draft.changes.push(Change::SnapshotDisappeared {
            snapshot: other.name.clone(),
        });
    }
    let mounted = world.tree(&set.name).any(|set| set.mounted);
    if mounted {
        interrupted(draft, &set.name);
        let name = set.name.clone();
        draft.step(Action::Unmount { name }, vec![same_dataset(set)]);
    }
    let ids: Vec<Guid> = newer.iter().map(|other| other.id).collect();
    let newest = Precondition::Newest {
        snapshot: name.to_owned(),
        newer: ids,
    };
    let action = Action::Rollback {
        snapshot: name.to_owned(),
    };
    draft.step(action, vec![same_snapshot(snapshot), newest]);
    if mounted {
        let name = set.name.clone();
        draft.step(Action::Mount { name }, Vec::new());
        for one in world
            .tree(&set.name)
            .filter(|one| !one.mounted && crate::mounting::mounts(world, &one.name))
        {
            draft.changes.push(Change::DatasetMounted {
                dataset: one.name.clone(),
                mounted: true,
            });
        }
    }
    draft.warn(Warning::CannotBeUndone);
    draft.confirm = Some(set.name.clone());
    Ok(())
}

pub(super) fn clone(draft: &mut Draft<'_>, snapshot: &str, name: &str) -> Result<(), Refusal> {
    let from = find::snapshot(draft.world, snapshot)?;
    let parent = free_name(draft.world, name)?;
    if parent.pool() != from.pool() {
        return Err(Refusal::state(name, "a clone is in the pool of its snapshot"));
    }
    let origin = find::dataset(draft.world, from.dataset())?;
    let action = Action::CloneSnapshot {
        snapshot: snapshot.to_owned(),
        name: name.to_owned(),
    };
    let absent = Precondition::NoDataset {
        name: name.to_owned(),
    };
    draft.step(action, vec![same_snapshot(from), same_dataset(parent), absent]);
    draft.step(
        Action::Mount {
            name: name.to_owned(),
        },
        Vec::new(),
    );
    draft.touch(Resource::Dataset(name.to_owned()));
    draft.changes.push(Change::DatasetAppeared {
        dataset: name.to_owned(),
        kind: origin.kind,
    });
    Ok(())
}
