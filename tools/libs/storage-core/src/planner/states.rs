//! Devices out of use and back, and their errors.

use sigmavault_types::storage::{
    Action, Change, DeviceState, Errors, Guid, Pool, Resource, ScanKind, VdevClass,
};

use super::draft::{Draft, same_pool};
use super::effects::{becomes, present, same_state, scan, state_of, visit};
use super::find;
use super::refusal::Refusal;

pub(super) fn offline(draft: &mut Draft<'_>, id: Guid, device: Guid) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let (vdev, group) = find::device(pool, device)?;
    if vdev.class == VdevClass::Spare {
        return Err(Refusal::state(
            &vdev.name,
            "a spare is not in use: remove it instead",
        ));
    }
    if vdev.state == DeviceState::Offline {
        return Err(Refusal::Nothing(format!("{} is offline: it", vdev.name)));
    }
    let left = sigmavault_plan::group_tolerance(group);
    if vdev.class.vital() && left.is_none_or(|left| left == 0) {
        let why = "nothing else has its data: attach or replace a disk first";
        return Err(Refusal::state(&vdev.name, why));
    }
    state_becomes(draft, pool, &[device], DeviceState::Offline);
    draft.step(
        Action::OfflineDevice { pool: id, device },
        vec![same_pool(pool), same_state(pool, vdev)],
    );
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn online(draft: &mut Draft<'_>, id: Guid, device: Guid) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let (vdev, _) = find::device(pool, device)?;
    if vdev.state == DeviceState::Online || vdev.class == VdevClass::Spare {
        return Err(Refusal::Nothing(format!("{} is in use: it", vdev.name)));
    }
    if !present(draft, vdev) {
        return Err(Refusal::state(
            &vdev.name,
            "its disk is not there: attach it, or replace it by another one",
        ));
    }
    state_becomes(draft, pool, &[device], DeviceState::Online);
    scan(draft, pool, ScanKind::Resilver);
    draft.step(
        Action::OnlineDevice { pool: id, device },
        vec![same_pool(pool), same_state(pool, vdev)],
    );
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn clear(draft: &mut Draft<'_>, id: Guid) -> Result<(), Refusal> {
    let pool = find::pool(draft.world, id)?;
    let mut back = Vec::new();
    for device in pool
        .all_vdevs()
        .into_iter()
        .filter(|vdev| vdev.children.is_empty())
    {
        if let Some(disk) = device
            .disk
            .as_ref()
            .filter(|_| device.errors != Errors::default())
        {
            draft.changes.push(Change::DeviceErrors {
                pool: pool.name.clone(),
                disk: disk.clone(),
            });
        }
        let failed = matches!(device.state, DeviceState::Faulted | DeviceState::Removed);
        if failed && present(draft, device) {
            back.push(device.id);
        }
    }
    let mut after = pool.vdevs.clone();
    for vdev in &mut after {
        visit(vdev, &mut |found| {
            if back.contains(&found.id) {
                found.state = DeviceState::Online;
            }
        });
    }
    if state_of(&after) == DeviceState::Suspended {
        let why = "too few of its disks are there: attach them again first";
        return Err(Refusal::state(&pool.name, why));
    }
    if !back.is_empty() {
        state_becomes(draft, pool, &back, DeviceState::Online);
        scan(draft, pool, ScanKind::Resilver);
    }
    draft.step(Action::ClearErrors { pool: id }, vec![same_pool(pool)]);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

/// Devices get a state, and the pool with them.
fn state_becomes(draft: &mut Draft<'_>, pool: &Pool, devices: &[Guid], state: DeviceState) {
    let mut after = pool.vdevs.clone();
    for vdev in &mut after {
        visit(vdev, &mut |found| {
            if devices.contains(&found.id) {
                if let Some(disk) = &found.disk {
                    draft.changes.push(Change::DeviceState {
                        pool: pool.name.clone(),
                        disk: disk.clone(),
                        from: found.state,
                        to: state,
                    });
                }
                found.state = state;
            }
        });
    }
    becomes(draft, pool, &after);
}
