//! What cannot be undone is tied to the ids of what it meets.

use sigmavault_types::storage::{Action, DiskId, Plan, Precondition, Resource, Step, World};

use super::written::written;
use crate::destroyed::destroyed;

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    plan.steps.iter().flat_map(|step| untied(step, world)).collect()
}

/// What a step destroys or writes without a precondition that names its id.
fn untied(step: &Step, world: &World) -> Vec<Resource> {
    let tied = |so: &dyn Fn(&Precondition) -> bool| step.preconditions.iter().any(so);
    let disk = |id: &DiskId| {
        let so = tied(&|one| matches!(one, Precondition::Disk { disk, .. } if disk == id));
        (!so).then(|| Resource::Disk(id.clone()))
    };
    match &step.action {
        Action::EraseDisk { disk: id } => disk(id).into_iter().collect(),
        Action::DestroyPool { pool: id } => {
            let so = tied(&|one| matches!(one, Precondition::Pool { pool, .. } if pool == id));
            if so {
                Vec::new()
            } else {
                destroyed(&step.action, world)
            }
        }
        Action::DestroyDataset { name: gone } => {
            let named = tied(&|one| matches!(one, Precondition::Dataset { name, .. } if name == gone));
            let counted =
                tied(&|one| matches!(one, Precondition::Contents { dataset, .. } if dataset == gone));
            if named && counted {
                Vec::new()
            } else {
                destroyed(&step.action, world)
            }
        }
        Action::DestroySnapshots { .. } => destroyed(&step.action, world)
            .into_iter()
            .filter(|lost| {
                let Resource::Snapshot(gone) = lost else {
                    return true;
                };
                !tied(&|one| matches!(one, Precondition::Snapshot { name, .. } if name == gone))
            })
            .collect(),
        Action::Rollback { snapshot: to } => {
            let named = tied(&|one| matches!(one, Precondition::Snapshot { name, .. } if name == to));
            let counted = tied(&|one| matches!(one, Precondition::Newest { snapshot, .. } if snapshot == to));
            if named && counted {
                Vec::new()
            } else {
                destroyed(&step.action, world)
            }
        }
        other => written(other).into_iter().filter_map(disk).collect(),
    }
}
