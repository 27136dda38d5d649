//! Keys of encrypted datasets.

use sigmavault_types::storage::{Action, Change, Dataset, KeySource, Resource, Warning};

use super::datasets::interrupted;
use super::draft::{Draft, same_dataset};
use super::find;
use super::refusal::Refusal;
use crate::mounting;

pub(super) fn unlock(draft: &mut Draft<'_>, name: &str, key: &KeySource) -> Result<(), Refusal> {
    let world = draft.world;
    let set = root(draft, name)?;
    if set.key.as_ref().is_some_and(|key| key.loaded) {
        return Err(Refusal::Nothing(format!("{name} is unlocked: it")));
    }
    let action = Action::LoadKey {
        name: name.to_owned(),
        key: key.clone(),
    };
    draft.step(action, vec![same_dataset(set)]);
    draft.step(
        Action::Mount {
            name: name.to_owned(),
        },
        Vec::new(),
    );
    draft.touch(Resource::Dataset(name.to_owned()));
    changes(draft, name, true);
    for one in world
        .tree(name)
        .filter(|one| !one.mounted && mounting::mounts_with(world, &one.name, Some(name)))
    {
        draft.changes.push(Change::DatasetMounted {
            dataset: one.name.clone(),
            mounted: true,
        });
    }
    Ok(())
}

pub(super) fn lock(draft: &mut Draft<'_>, name: &str) -> Result<(), Refusal> {
    let world = draft.world;
    let set = root(draft, name)?;
    if !set.key.as_ref().is_some_and(|key| key.loaded) {
        return Err(Refusal::Nothing(format!("{name} is locked: it")));
    }
    let of_key = |set: &&Dataset| set.key.as_ref().is_some_and(|key| key.root == name);
    // A clone elsewhere may be opened by the same key.
    let elsewhere = world
        .datasets
        .iter()
        .filter(of_key)
        .find(|set| set.mounted && set.name != name && !set.is_below(name));
    if let Some(clone) = elsewhere {
        return Err(Refusal::Needed {
            what: format!("the key of {name}"),
            by: clone.name.clone(),
        });
    }
    if world.tree(name).any(|set| set.mounted) {
        interrupted(draft, name);
        draft.step(
            Action::Unmount {
                name: name.to_owned(),
            },
            vec![same_dataset(set)],
        );
    }
    for one in world.tree(name).filter(|set| set.mounted) {
        draft.changes.push(Change::DatasetMounted {
            dataset: one.name.clone(),
            mounted: false,
        });
    }
    changes(draft, name, false);
    draft.step(
        Action::UnloadKey {
            name: name.to_owned(),
        },
        vec![same_dataset(set)],
    );
    draft.touch(Resource::Dataset(name.to_owned()));
    Ok(())
}

pub(super) fn rekey(draft: &mut Draft<'_>, name: &str, key: &KeySource) -> Result<(), Refusal> {
    find::writable_dataset(draft.world, name)?;
    let set = root(draft, name)?;
    if !set.key.as_ref().is_some_and(|key| key.loaded) {
        return Err(Refusal::state(name, "its key is not loaded: unlock it first"));
    }
    draft.warn(Warning::KeyCannotBeReplaced {
        dataset: name.to_owned(),
    });
    let action = Action::ChangeKey {
        name: name.to_owned(),
        key: key.clone(),
    };
    draft.step(action, vec![same_dataset(set)]);
    draft.touch(Resource::Dataset(name.to_owned()));
    Ok(())
}

/// A dataset with a key of its own.
fn root<'a>(draft: &Draft<'a>, name: &str) -> Result<&'a Dataset, Refusal> {
    let set = find::dataset(draft.world, name)?;
    match &set.key {
        None => Err(Refusal::state(name, "it is not encrypted")),
        Some(key) if key.root != name => {
            Err(Refusal::state(name, format!("its key is that of {}", key.root)))
        }
        Some(_) => Ok(set),
    }
}

/// Whatever the key opens.
fn changes(draft: &mut Draft<'_>, root: &str, loaded: bool) {
    let opened = draft.world.datasets.iter();
    for set in opened.filter(|set| set.key.as_ref().is_some_and(|key| key.root == root)) {
        draft.changes.push(Change::DatasetKey {
            dataset: set.name.clone(),
            loaded,
        });
    }
}
