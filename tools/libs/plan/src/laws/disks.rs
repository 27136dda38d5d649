//! Disks are written only when they are free or erased by a step of their own.

use std::collections::BTreeSet;

use sigmavault_types::storage::{Action, DeviceState, DiskId, DiskUse, Plan, Resource, VdevClass, World};

use super::parts::actions;
use super::written::written;

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    let (mut erased, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut broken = Vec::new();
    for action in actions(plan) {
        if let Action::EraseDisk { disk } = action {
            let fresh = erased.insert(disk) && !used.contains(disk);
            if !fresh || !erasable(world, disk) {
                broken.push(disk);
            }
        }
        for disk in written(action) {
            let free = world.disk(disk).is_some_and(|disk| disk.in_use == DiskUse::Free)
                || spare(action, disk, world);
            let fresh = used.insert(disk);
            if !fresh || !(free || erased.contains(disk)) {
                broken.push(disk);
            }
        }
    }
    broken.into_iter().cloned().map(Resource::Disk).collect()
}

/// Whether a disk is a spare of the pool in which it replaces a device.
fn spare(action: &Action, disk: &DiskId, world: &World) -> bool {
    let Action::ReplaceDevice { pool, .. } = action else {
        return false;
    };
    world.pool(*pool).is_some_and(|pool| {
        let mut spares = pool.of_class(VdevClass::Spare);
        spares.any(|spare| spare.disk.as_ref() == Some(disk) && spare.state == DeviceState::Available)
    })
}

fn erasable(world: &World, disk: &DiskId) -> bool {
    world.disk(disk).is_some_and(|disk| {
        matches!(
            disk.in_use,
            DiskUse::Free | DiskUse::Foreign { .. } | DiskUse::ExportedPool { .. }
        )
    })
}
