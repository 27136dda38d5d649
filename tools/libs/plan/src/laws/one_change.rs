//! One structural change of one pool at a time.

use sigmavault_types::storage::{Action, Plan, Resource, World};

use super::parts::actions;
use crate::subject::subject;

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    let changes = actions(plan).filter(|action| is_structural(action));
    changes.skip(1).map(|action| subject(action, world)).collect()
}

/// Whether an action changes what a pool is made of, or whether it is there.
const fn is_structural(action: &Action) -> bool {
    matches!(
        action,
        Action::CreatePool { .. }
            | Action::ImportPool { .. }
            | Action::ExportPool { .. }
            | Action::DestroyPool { .. }
            | Action::AddVdevs { .. }
            | Action::RemoveVdev { .. }
            | Action::ExpandRaidz { .. }
            | Action::AttachDisk { .. }
            | Action::DetachDevice { .. }
            | Action::ReplaceDevice { .. }
            | Action::OfflineDevice { .. }
            | Action::UpgradePool { .. }
    )
}
