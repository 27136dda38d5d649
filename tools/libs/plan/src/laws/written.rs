//! The disks that an action writes to.

use sigmavault_types::storage::{Action, DiskId, NewVdev};

/// The disks that an action writes to and that belong to a pool afterwards.
pub(super) fn written(action: &Action) -> Vec<&DiskId> {
    match action {
        Action::CreatePool { vdevs, .. } | Action::AddVdevs { vdevs, .. } => {
            vdevs.iter().flat_map(|vdev: &NewVdev| &vdev.disks).collect()
        }
        Action::ExpandRaidz { disk, .. }
        | Action::AttachDisk { disk, .. }
        | Action::ReplaceDevice { disk, .. } => vec![disk],
        _ => Vec::new(),
    }
}
