//! What a change of vdevs means for their pool.

use sigmavault_plan::{after_slop, data_space, may_fail};
use sigmavault_types::storage::{
    Change, DeviceState, DiskId, Guid, Pool, Precondition, ScanKind, ScanState, Vdev, VdevClass, VdevKind,
};

use super::draft::Draft;
use super::refusal::Refusal;

/// What differs in a pool with these vdevs: space, redundancy and state.
pub(super) fn becomes(draft: &mut Draft<'_>, pool: &Pool, after: &[Vdev]) {
    // When what runs is done, every device holds everything.
    let mut settled = after.to_vec();
    for vdev in &mut settled {
        visit(vdev, &mut |device| device.resilvering = false);
    }
    let after = &settled[..];
    let (before, then) = (data_space(&pool.vdevs), data_space(after));
    let usable = i128::from(pool.usable) + signed(after_slop(then)) - signed(after_slop(before));
    draft.pool_becomes(pool, u64::try_from(usable).unwrap_or(0), may_fail(after));
    let state = state_of(after);
    if pool.state != state {
        draft.changes.push(Change::PoolState {
            pool: pool.name.clone(),
            from: pool.state,
            to: state,
        });
    }
}

fn signed(bytes: u128) -> i128 {
    i128::try_from(bytes).unwrap_or(i128::MAX)
}

pub(super) fn state_of(vdevs: &[Vdev]) -> DeviceState {
    let counted = |vdev: &&Vdev| vdev.class.vital() || vdev.class == VdevClass::Log;
    let mut groups = vdevs.iter().filter(counted);
    if groups
        .clone()
        .any(|group| group.class.vital() && !sigmavault_plan::group_readable(group))
    {
        return DeviceState::Suspended;
    }
    let whole = groups.all(|group| {
        let devices = group.devices();
        devices.iter().all(|device| device.state == DeviceState::Online)
    });
    if whole {
        DeviceState::Online
    } else {
        DeviceState::Degraded
    }
}

/// The device that a disk becomes.
pub(super) fn fresh(disk: &DiskId, like: &Vdev, bytes: u64) -> Vdev {
    Vdev {
        kind: VdevKind::Disk,
        state: DeviceState::Online,
        bytes,
        disk: Some(disk.clone()),
        children: Vec::new(),
        ..like.clone()
    }
}

/// Vdevs with a change to the one with an id.
pub(super) fn with(vdevs: &[Vdev], id: Guid, change: &mut impl FnMut(&mut Vdev)) -> Vec<Vdev> {
    let mut after = vdevs.to_vec();
    for vdev in &mut after {
        let mut done = false;
        visit(vdev, &mut |found| {
            if found.id == id && !done {
                done = true;
                change(found);
            }
        });
    }
    after
}

pub(super) fn visit(vdev: &mut Vdev, change: &mut impl FnMut(&mut Vdev)) {
    change(vdev);
    for child in &mut vdev.children {
        visit(child, change);
    }
}

pub(super) fn same_state(pool: &Pool, vdev: &Vdev) -> Precondition {
    Precondition::Device {
        pool: pool.id,
        device: vdev.id,
        state: vdev.state,
    }
}

pub(super) fn present(draft: &Draft<'_>, vdev: &Vdev) -> bool {
    vdev.disk
        .as_ref()
        .is_some_and(|disk| draft.world.disk(disk).is_some())
}

pub(super) fn appears(draft: &mut Draft<'_>, pool: &Pool, disk: &DiskId, class: VdevClass) {
    draft.changes.push(Change::DeviceAppeared {
        pool: pool.name.clone(),
        disk: disk.clone(),
        class,
    });
}

pub(super) fn disappears(draft: &mut Draft<'_>, pool: &Pool, device: &Vdev) {
    if let Some(disk) = &device.disk {
        draft.changes.push(Change::DeviceDisappeared {
            pool: pool.name.clone(),
            disk: disk.clone(),
            class: device.class,
        });
    }
}

/// A scan starts, and is done afterwards.
pub(super) fn scan(draft: &mut Draft<'_>, pool: &Pool, scan: ScanKind) {
    draft.changes.push(Change::PoolScan {
        pool: pool.name.clone(),
        scan,
        state: ScanState::Finished,
    });
}

pub(super) fn smallest(group: &Vdev) -> u64 {
    let children = group.children.iter().map(|child| child.bytes);
    children.min().unwrap_or(group.bytes)
}

pub(super) fn idle(pool: &Pool) -> Result<(), Refusal> {
    let busy = pool.scan.is_some_and(|scan| {
        matches!(scan.kind, ScanKind::Expansion | ScanKind::Removal) && scan.state == ScanState::Running
    });
    if busy {
        return Err(Refusal::state(
            &pool.name,
            "data is being moved in it: wait until that is done",
        ));
    }
    Ok(())
}
