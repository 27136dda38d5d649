//! Locked and held snapshots stay.

use sigmavault_types::storage::{Plan, Resource, Snapshot, World, is_within};

use super::parts::actions;
use crate::destroyed::destroyed;

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    let lost: Vec<Resource> = actions(plan)
        .flat_map(|action| destroyed(action, world))
        .collect();
    let goes = |snapshot: &&Snapshot| lost.iter().any(|lost| holds(lost, snapshot));
    let stays = |snapshot: &&Snapshot| {
        let locked = snapshot.locked_until.is_some_and(|until| until > world.time);
        !snapshot.holds.is_empty() || (locked && !plan.at_console)
    };
    let snapshots = world.snapshots.iter().filter(goes).filter(stays);
    snapshots
        .map(|snapshot| Resource::Snapshot(snapshot.name.clone()))
        .collect()
}

/// Whether a snapshot is destroyed with something.
fn holds(lost: &Resource, snapshot: &Snapshot) -> bool {
    match lost {
        Resource::Pool(name) => snapshot.pool() == name,
        Resource::Dataset(name) => is_within(snapshot.dataset(), name),
        Resource::Snapshot(name) => snapshot.name == *name,
        Resource::Disk(_) | Resource::Changes(_) | Resource::Policy(_) => false,
    }
}
