//! Devices that come to a pool and go.

use sigmavault_plan::usable;
use sigmavault_types::storage::{
    Action, DiskId, DiskUse, Guid, Precondition, Resource, ScanKind, Vdev, VdevClass, VdevKind, Warning,
};

use super::disks::take;
use super::draft::{Draft, same_pool};
use super::effects::{appears, becomes, disappears, fresh, idle, same_state, scan, smallest, visit, with};
use super::find;
use super::refusal::Refusal;

pub(super) fn remove(draft: &mut Draft<'_>, id: Guid, vdev: Guid) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let found = pool.vdevs.iter().find(|found| found.id == vdev);
    let found = found.ok_or_else(|| Refusal::missing("vdev", format!("{vdev} in {}", pool.name)))?;
    let left: Vec<Vdev> = pool
        .vdevs
        .iter()
        .filter(|other| other.id != vdev)
        .cloned()
        .collect();
    if found.class.vital() {
        idle(pool)?;
        let raidz = |vdev: &Vdev| matches!(vdev.kind, VdevKind::Raidz { .. } | VdevKind::Draid { .. });
        if pool.vdevs.iter().any(raidz) {
            let why = "a pool with raidz or draid cannot give a vdev of data back: copy its data to a new pool instead";
            return Err(Refusal::state(&pool.name, why));
        }
        if !left.iter().any(|other| other.class == VdevClass::Data) {
            return Err(Refusal::state(
                &pool.name,
                "it is the pool's only vdev: destroy the pool instead",
            ));
        }
        if pool.allocated > usable(&left) / 10 * 9 {
            let why = "what is in the pool would not fit in what is left: destroy snapshots or data first";
            return Err(Refusal::state(&pool.name, why));
        }
        scan(draft, pool, ScanKind::Removal);
        draft.warn(Warning::Rebuild {
            pool: pool.name.clone(),
            bytes: pool.allocated,
        });
    }
    for device in found.devices() {
        disappears(draft, pool, device);
    }
    becomes(draft, pool, &left);
    let (action, conditions) = (Action::RemoveVdev { pool: id, vdev }, vec![same_pool(pool)]);
    draft.step(action, conditions);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn expand(
    draft: &mut Draft<'_>,
    id: Guid,
    vdev: Guid,
    disk: &DiskId,
    erase: &[DiskId],
) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let group = pool.vdevs.iter().find(|found| found.id == vdev);
    let group = group.ok_or_else(|| Refusal::missing("vdev", format!("{vdev} in {}", pool.name)))?;
    if !matches!(group.kind, VdevKind::Raidz { .. }) {
        let why =
            "only a raidz is made wider by a disk: attach the disk to a mirror, or add a group of disks";
        return Err(Refusal::state(&group.name, why));
    }
    idle(pool)?;
    let mut conditions = take_one(draft, disk, erase, smallest(group), &pool.name)?;
    conditions.push(same_pool(pool));
    let after = with(&pool.vdevs, vdev, &mut |group| {
        group.children.push(fresh(disk, group, smallest(group)));
        group.expansions += 1;
    });
    appears(draft, pool, disk, group.class);
    becomes(draft, pool, &after);
    scan(draft, pool, ScanKind::Expansion);
    draft.warn(Warning::CannotBeUndone);
    draft.warn(Warning::Rebuild {
        pool: pool.name.clone(),
        bytes: pool.allocated,
    });
    let action = Action::ExpandRaidz {
        pool: id,
        vdev,
        disk: disk.clone(),
    };
    draft.step(action, conditions);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn attach(
    draft: &mut Draft<'_>,
    id: Guid,
    to: Guid,
    disk: &DiskId,
    erase: &[DiskId],
) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let holds = |group: &&Vdev| group.id == to || group.children.iter().any(|child| child.id == to);
    let group = pool.vdevs.iter().find(holds);
    let group = group.ok_or_else(|| Refusal::missing("device", format!("{to} in {}", pool.name)))?;
    let lone = matches!(group.kind, VdevKind::Disk | VdevKind::File);
    if !(lone || group.kind == VdevKind::Mirror) || matches!(group.class, VdevClass::Cache | VdevClass::Spare)
    {
        let why = "only a single disk or a mirror takes another copy: a raidz is made wider, or a group of disks added";
        return Err(Refusal::state(&group.name, why));
    }
    if sigmavault_plan::group_tolerance(group).is_none() {
        return Err(Refusal::state(
            &group.name,
            "its data cannot be read: attach its own disks again",
        ));
    }
    // Of a group that is attached to, any device that works gives its data.
    let target = if group.id == to && !lone {
        let works = group.children.iter().find(|child| child.state.readable());
        works.map_or(to, |child| child.id)
    } else {
        to
    };
    let mut conditions = take_one(draft, disk, erase, smallest(group), &pool.name)?;
    conditions.push(same_pool(pool));
    let after = with(&pool.vdevs, group.id, &mut |group| {
        let new = fresh(disk, group, group.bytes);
        if group.kind == VdevKind::Mirror {
            group.children.push(new);
        } else {
            let single = group.clone();
            group.kind = VdevKind::Mirror;
            group.disk = None;
            group.children = vec![single, new];
        }
    });
    appears(draft, pool, disk, group.class);
    becomes(draft, pool, &after);
    scan(draft, pool, ScanKind::Resilver);
    draft.warn(Warning::Rebuild {
        pool: pool.name.clone(),
        bytes: pool.allocated,
    });
    let action = Action::AttachDisk {
        pool: id,
        to: target,
        disk: disk.clone(),
    };
    draft.step(action, conditions);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn detach(draft: &mut Draft<'_>, id: Guid, device: Guid) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let (vdev, group) = find::device(pool, device)?;
    let parent = group.parent_of(device);
    let pair = parent.is_some_and(|parent| {
        matches!(
            parent.kind,
            VdevKind::Mirror | VdevKind::Replacing | VdevKind::Spare
        )
    });
    let Some(parent) = parent.filter(|_| pair) else {
        let why = "only a disk of a mirror is detached: a raidz keeps its disks; replace it instead";
        return Err(Refusal::state(&vdev.name, why));
    };
    if !parent
        .children
        .iter()
        .any(|child| child.id != device && child.complete())
    {
        return Err(Refusal::state(
            &vdev.name,
            "no other disk has its data: attach another one first",
        ));
    }
    let outer = parent.id;
    let after = with(&pool.vdevs, outer, &mut |outer| {
        outer.children.retain(|child| child.id != device);
        if outer.children.len() == 1 {
            *outer = outer.children.remove(0);
        }
    });
    disappears(draft, pool, vdev);
    becomes(draft, pool, &after);
    draft.step(
        Action::DetachDevice { pool: id, device },
        vec![same_pool(pool), same_state(pool, vdev)],
    );
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn replace(
    draft: &mut Draft<'_>,
    id: Guid,
    device: Guid,
    disk: &DiskId,
    erase: &[DiskId],
) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let (old, group) = find::device(pool, device)?;
    if old.class == VdevClass::Spare {
        return Err(Refusal::state(
            &old.name,
            "it is a spare: remove it and add another one",
        ));
    }
    if group.children.is_empty() && !old.state.readable() {
        let why = "there is no copy of what it held: attach it again, or restore the pool from a backup";
        return Err(Refusal::state(&old.name, why));
    }
    idle(pool)?;
    let least = smallest(group).min(old.bytes);
    let spare = pool
        .of_class(VdevClass::Spare)
        .find(|spare| spare.disk.as_ref() == Some(disk));
    let mut conditions = if let Some(spare) = spare {
        draft.touch(Resource::Disk(disk.clone()));
        disappears(draft, pool, spare);
        let in_use = DiskUse::Pool { pool: id };
        let bytes = draft.world.disk(disk).map_or(0, |disk| disk.bytes);
        if bytes < least {
            return Err(Refusal::TooSmall {
                disk: disk.clone(),
                bytes,
                needed: least,
            });
        }
        vec![Precondition::Disk {
            disk: disk.clone(),
            bytes,
            in_use,
        }]
    } else {
        take_one(draft, disk, erase, least, &pool.name)?
    };
    conditions.extend([same_pool(pool), same_state(pool, old)]);
    let mut after = with(&pool.vdevs, device, &mut |found| {
        *found = fresh(disk, found, found.bytes);
    });
    after.retain(|vdev| vdev.class != VdevClass::Spare || vdev.disk.as_ref() != Some(disk));
    disappears(draft, pool, old);
    appears(draft, pool, disk, old.class);
    grows(draft, disk, old, &mut after, device);
    becomes(draft, pool, &after);
    scan(draft, pool, ScanKind::Resilver);
    draft.warn(Warning::Rebuild {
        pool: pool.name.clone(),
        bytes: pool.allocated,
    });
    let action = Action::ReplaceDevice {
        pool: id,
        device,
        disk: disk.clone(),
    };
    draft.step(action, conditions);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

/// A larger disk in the place of a smaller one can make its group larger.
fn grows(draft: &Draft<'_>, disk: &DiskId, old: &Vdev, after: &mut [Vdev], device: Guid) {
    let bytes = draft.world.disk(disk).map_or(old.bytes, |disk| disk.bytes);
    for vdev in after {
        visit(vdev, &mut |found| {
            if found.id == device {
                found.bytes = bytes;
            }
        });
    }
}

/// The disk, to be written to a pool.
fn take_one(
    draft: &mut Draft<'_>,
    disk: &DiskId,
    erase: &[DiskId],
    least: u64,
    pool: &str,
) -> Result<Vec<Precondition>, Refusal> {
    let (_, conditions) = take(draft, std::slice::from_ref(disk), erase, least)?;
    if !draft.loses.is_empty() {
        draft.confirm = Some(pool.to_owned());
    }
    Ok(conditions)
}
