//! Promoting a clone.

use sigmavault_types::storage::{Action, Change, Precondition, Resource, Snapshot};

use super::draft::{Draft, same_dataset};
use super::find;
use super::refusal::Refusal;

pub(super) fn promote(draft: &mut Draft<'_>, name: &str) -> Result<(), Refusal> {
    let world = draft.world;
    let set = find::writable_dataset(world, name)?;
    let Some(origin) = &set.origin else {
        return Err(Refusal::Nothing(format!("{name} is no clone: it")));
    };
    let from = find::snapshot(world, origin)?;
    let parent = find::dataset(world, from.dataset())?;
    let moved: Vec<&Snapshot> = world
        .snapshots_of(&parent.name)
        .filter(|snapshot| snapshot.transaction <= from.transaction)
        .collect();
    let mut conditions = vec![same_dataset(set), same_dataset(parent)];
    for snapshot in &moved {
        let new = format!("{name}@{}", snapshot.tag());
        if world.snapshot(&new).is_some() {
            return Err(Refusal::Exists(new));
        }
        conditions.push(Precondition::NoSnapshot { name: new.clone() });
        draft.touch(Resource::Snapshot(snapshot.name.clone()));
        // Clones of what moves, but for this one.
        for clone in snapshot.clones.iter().filter(|clone| *clone != name) {
            draft.changes.push(Change::DatasetOrigin {
                dataset: clone.clone(),
                from: Some(snapshot.name.clone()),
                to: Some(new.clone()),
            });
        }
        draft.changes.push(Change::SnapshotRenamed {
            from: snapshot.name.clone(),
            to: new,
        });
    }
    draft.changes.push(Change::DatasetOrigin {
        dataset: name.to_owned(),
        from: Some(origin.clone()),
        to: parent.origin.clone(),
    });
    draft.changes.push(Change::DatasetOrigin {
        dataset: parent.name.clone(),
        from: parent.origin.clone(),
        to: Some(format!("{name}@{}", from.tag())),
    });
    draft.step(
        Action::PromoteDataset {
            name: name.to_owned(),
        },
        conditions,
    );
    draft.touch(Resource::Dataset(name.to_owned()));
    draft.touch(Resource::Dataset(parent.name.clone()));
    Ok(())
}
