//! A pool that lacks redundancy or rebuilds is repaired before anything else.

use sigmavault_types::storage::{
    Action, DeviceState, Guid, Plan, Pool, Resource, ScanKind, ScanState, World,
};

use super::parts::{actions, group_of};
use crate::redundancy::group_tolerance;
use crate::subject::pool_resource;

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    actions(plan)
        .filter_map(|action| disturbs(action, world))
        .filter(|pool| world.pool(*pool).is_some_and(needs_repair))
        .map(|pool| pool_resource(world, pool))
        .collect()
}

/// The pool that an action changes otherwise than by repairing it.
fn disturbs(action: &Action, world: &World) -> Option<Guid> {
    match action {
        Action::AddVdevs { pool, .. }
        | Action::RemoveVdev { pool, .. }
        | Action::ExpandRaidz { pool, .. }
        | Action::UpgradePool { pool } => Some(*pool),
        Action::OfflineDevice { pool, device } | Action::DetachDevice { pool, device } => {
            let found = world.pool(*pool)?;
            let vdev = found.vdev(*device)?;
            // What does not work may go; so may the old device once its replacement works.
            let replaced = group_of(found, *device).is_some_and(|group| {
                let parent = group.parent_of(*device);
                parent.is_some_and(|parent| parent.children.len() == 2 && parent.id != group.id)
            });
            (vdev.state.readable() && !replaced).then_some(*pool)
        }
        _ => None,
    }
}

/// Whether a pool lacks a device that it should have, or writes one anew.
fn needs_repair(pool: &Pool) -> bool {
    let whole = |pool: &Pool| {
        pool.vdevs.iter().filter(|vdev| vdev.class.vital()).all(|group| {
            group.children.is_empty()
                || group_tolerance(group) == Some(group.kind.tolerance(group.children.len()))
        })
    };
    let rebuilding = pool.scan.is_some_and(|scan| {
        matches!(scan.kind, ScanKind::Resilver | ScanKind::Expansion)
            && matches!(scan.state, ScanState::Running | ScanState::Paused)
    });
    pool.state != DeviceState::Online || rebuilding || !whole(pool)
}
