//! A plan takes at most one working device out of a group.

use std::collections::BTreeSet;

use sigmavault_types::storage::{Action, Guid, Plan, Resource, Vdev, VdevClass, VdevKind, World};

use super::parts::{actions, group_of};
use crate::redundancy::group_tolerance;
use crate::subject::pool_resource;

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    let mut touched = BTreeSet::new();
    let mut broken = Vec::new();
    for action in actions(plan) {
        let (Action::OfflineDevice { pool, device } | Action::DetachDevice { pool, device }) = action else {
            continue;
        };
        let detached = matches!(action, Action::DetachDevice { .. });
        if !allowed(world, *pool, *device, detached, &mut touched) {
            broken.push(pool_resource(world, *pool));
        }
    }
    broken
}

fn allowed(world: &World, pool: Guid, device: Guid, detached: bool, touched: &mut BTreeSet<Guid>) -> bool {
    let found = world.pool(pool);
    let Some((group, vdev)) = found.and_then(|pool| Some((group_of(pool, device)?, pool.vdev(device)?)))
    else {
        // The engine refuses what is not there.
        return true;
    };
    if matches!(group.class, VdevClass::Cache | VdevClass::Spare) {
        return true;
    }
    // The parent: a device that is replaced, or that a spare stands in for, may go when the other one has everything.
    let parent = group.parent_of(device);
    if let Some(parent) = parent.filter(|parent| matches!(parent.kind, VdevKind::Replacing | VdevKind::Spare))
    {
        let mut others = parent.children.iter().filter(|child| child.id != device);
        return others.any(Vdev::complete);
    }
    if detached && group.children.len() <= 2 {
        return false;
    }
    !vdev.state.readable()
        || (touched.insert(group.id) && group_tolerance(group).is_some_and(|left| left > 0))
}
