//! One structural change of one pool at a time.

use sigmavault_types::storage::{Action, Plan, Resource, World};

use super::parts::{actions, pool_resource};

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    let changes = actions(plan).filter_map(|action| changed(action, world));
    changes.skip(1).collect()
}

/// The pool whose structure an action changes.
fn changed(action: &Action, world: &World) -> Option<Resource> {
    match action {
        Action::CreatePool { name, .. } => Some(Resource::Pool(name.clone())),
        Action::ImportPool { pool, .. }
        | Action::ExportPool { pool }
        | Action::DestroyPool { pool }
        | Action::AddVdevs { pool, .. }
        | Action::RemoveVdev { pool, .. }
        | Action::ExpandRaidz { pool, .. }
        | Action::AttachDisk { pool, .. }
        | Action::DetachDevice { pool, .. }
        | Action::ReplaceDevice { pool, .. }
        | Action::OfflineDevice { pool, .. }
        | Action::UpgradePool { pool } => Some(pool_resource(world, *pool)),
        _ => None,
    }
}
