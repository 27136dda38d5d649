//! Policies of snapshots.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sigmavault_types::storage::{
    Action, Change, Guid, Keep, Precondition, Resource, Snapshot, SnapshotPolicy, Warning, World, is_within,
};

use super::draft::{Draft, same_snapshot};
use super::find;
use super::refusal::Refusal;
use super::snapshots::DAY;
use crate::{names, retention, schedule};

pub(super) fn set(draft: &mut Draft<'_>, policy: &SnapshotPolicy) -> Result<(), Refusal> {
    names::policy(&policy.name).map_err(Refusal::Name)?;
    let property = |property: &str, why: String| Refusal::Property {
        property: property.to_owned(),
        why,
    };
    schedule::check(policy.schedule).map_err(|why| property("schedule", why))?;
    if policy.datasets.is_empty() {
        return Err(property("datasets", "no dataset is named".to_owned()));
    }
    for dataset in &policy.datasets {
        find::dataset(draft.world, dataset)?;
    }
    let keep = policy.keep;
    if keep == Keep::default() {
        return Err(property("keep", "nothing would be kept".to_owned()));
    }
    if draft.world.policies.contains(policy) {
        return Err(Refusal::Nothing(format!("policy {}", policy.name)));
    }
    draft.changes.push(Change::PolicySet {
        policy: policy.name.clone(),
    });
    draft.touch(Resource::Policy(policy.name.clone()));
    draft.step(
        Action::SetPolicy {
            policy: policy.clone(),
        },
        Vec::new(),
    );
    Ok(())
}

pub(super) fn remove(draft: &mut Draft<'_>, name: &str) -> Result<(), Refusal> {
    if !draft.world.policies.iter().any(|policy| policy.name == name) {
        return Err(Refusal::missing("policy", name));
    }
    draft.changes.push(Change::PolicyRemoved {
        policy: name.to_owned(),
    });
    draft.touch(Resource::Policy(name.to_owned()));
    draft.step(
        Action::RemovePolicy {
            name: name.to_owned(),
        },
        Vec::new(),
    );
    Ok(())
}

/// What a policy has to do now. Its approval covers it: the plan names the policy where a person would type a name.
pub(super) fn run(draft: &mut Draft<'_>, name: &str, zone: &TimeZone) -> Result<(), Refusal> {
    let world = draft.world;
    let policy = world.policies.iter().find(|policy| policy.name == name);
    let policy = policy.ok_or_else(|| Refusal::missing("policy", name))?;
    if policy.paused {
        return Err(Refusal::state(name, "the policy is paused"));
    }
    let datasets = covered(policy, world);
    if datasets.is_empty() {
        return Err(Refusal::state(name, "none of its datasets is there"));
    }
    let tag = tag(world.time)?;
    let mut by_pool: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for dataset in &datasets {
        let pool = dataset.split('/').next().unwrap_or_default();
        by_pool.entry(pool).or_default().push((*dataset).to_owned());
    }
    for (pool, datasets) in by_pool {
        if find::writable_by_name(world, pool).is_err() {
            continue;
        }
        let mut conditions = Vec::new();
        for dataset in &datasets {
            let snapshot = format!("{dataset}@{tag}");
            if world.snapshot(&snapshot).is_some() {
                return Err(Refusal::Exists(snapshot));
            }
            draft.touch(Resource::Snapshot(snapshot.clone()));
            conditions.push(Precondition::NoSnapshot {
                name: snapshot.clone(),
            });
            draft.changes.push(Change::SnapshotAppeared { snapshot });
        }
        let action = Action::CreateSnapshots {
            datasets,
            tag: tag.clone(),
            policy: Some(name.to_owned()),
            locked_until: (policy.lock_days > 0).then(|| world.time + i64::from(policy.lock_days) * DAY),
        };
        draft.step(action, conditions);
    }
    for dataset in datasets {
        expire(draft, policy, dataset, zone);
    }
    draft.confirm = Some(name.to_owned());
    Ok(())
}

/// The datasets of a policy that are there.
fn covered<'a>(policy: &SnapshotPolicy, world: &'a World) -> BTreeSet<&'a str> {
    let wanted = |name: &str| {
        policy
            .datasets
            .iter()
            .any(|top| *top == *name || (policy.recursive && is_within(name, top)))
    };
    let names = world.datasets.iter().map(|set| set.name.as_str());
    names
        .filter(|name| wanted(name) && !policy.except.iter().any(|left_out| is_within(name, left_out)))
        .collect()
}

/// The name of a snapshot of this time behind its `@`, as Samba's `shadow_copy2` and file managers read it.
fn tag(time: i64) -> Result<String, Refusal> {
    let time =
        Timestamp::from_second(time).map_err(|error| Refusal::state("the clock", error.to_string()))?;
    Ok(time.strftime("GMT-%Y.%m.%d-%H.%M.%S").to_string())
}

/// Destroys the snapshots of a dataset that the policy made and no longer keeps, but for those that are locked, held or needed.
fn expire(draft: &mut Draft<'_>, policy: &SnapshotPolicy, dataset: &str, zone: &TimeZone) {
    let world = draft.world;
    let made = |one: &&Snapshot| one.policy.as_ref() == Some(&policy.name);
    let own: Vec<&Snapshot> = world.snapshots_of(dataset).filter(made).collect();
    // The one that is made now counts.
    let new = Snapshot {
        id: Guid::default(),
        name: String::new(),
        created: world.time,
        transaction: u64::MAX,
        used: 0,
        referenced: 0,
        holds: BTreeSet::new(),
        clones: BTreeSet::new(),
        policy: None,
        locked_until: None,
    };
    let all: Vec<&Snapshot> = own.into_iter().chain([&new]).collect();
    let Ok(mut gone) = retention::expired(&all, policy.keep, world.time, zone) else {
        draft.warn(Warning::ClockDoubt {
            dataset: dataset.to_owned(),
        });
        return;
    };
    gone.retain(|one| {
        let locked = one.locked_until.is_some_and(|until| until > world.time);
        !locked && one.holds.is_empty() && one.clones.is_empty()
    });
    if gone.is_empty() {
        return;
    }
    let action = Action::DestroySnapshots {
        dataset: dataset.to_owned(),
        tags: gone.iter().map(|one| one.tag().to_owned()).collect(),
    };
    draft.step(action, gone.iter().map(|one| same_snapshot(one)).collect());
    for one in gone {
        draft.lose(Resource::Snapshot(one.name.clone()), Some(one.used));
        draft.changes.push(Change::SnapshotDisappeared {
            snapshot: one.name.clone(),
        });
    }
}

/// The policies that are due by now and were not run since, by name.
pub fn due(world: &World, now: i64, zone: &TimeZone) -> Vec<String> {
    let last = |policy: &SnapshotPolicy| {
        let made = world
            .snapshots
            .iter()
            .filter(|one| one.policy.as_ref() == Some(&policy.name));
        made.map(|one| one.created).max()
    };
    let waits = |policy: &&SnapshotPolicy| {
        !policy.paused && schedule::is_due(policy.schedule, last(policy), now, zone)
    };
    world
        .policies
        .iter()
        .filter(waits)
        .map(|policy| policy.name.clone())
        .collect()
}
