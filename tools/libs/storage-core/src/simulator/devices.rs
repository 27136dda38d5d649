//! Devices of pools.

use sigmavault_types::storage::{
    DeviceState, DiskId, Errors, Guid, NewVdev, Pool, Scan, ScanKind, ScanState, Vdev, VdevClass, VdevKind,
};

use super::Simulator;
use super::counting::each;
use crate::engine::EngineError;

impl Simulator {
    pub(super) fn add(&mut self, id: Guid, vdevs: &[NewVdev]) -> Result<(), EngineError> {
        self.writable(id)?;
        let mut vdevs = self.make_vdevs(vdevs)?;
        for vdev in vdevs.iter_mut().filter(|vdev| vdev.class == VdevClass::Spare) {
            vdev.state = DeviceState::Available;
        }
        self.writable(id)?.vdevs.append(&mut vdevs);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: Guid, vdev: Guid) -> Result<(), EngineError> {
        let time = self.world.time;
        let pool = self.writable(id)?;
        let found = pool.vdevs.iter().find(|found| found.id == vdev).cloned();
        let found = found.ok_or_else(|| EngineError::Missing(format!("vdev {vdev}")))?;
        if matches!(found.class, VdevClass::Spare | VdevClass::Cache | VdevClass::Log) {
            pool.vdevs.retain(|other| other.id != vdev);
            return Ok(());
        }
        let raidz = |vdev: &Vdev| matches!(vdev.kind, VdevKind::Raidz { .. } | VdevKind::Draid { .. });
        if pool.vdevs.iter().any(raidz) {
            return Err(EngineError::unsuitable(
                pool.name.clone(),
                "a pool with raidz cannot give a vdev back",
            ));
        }
        idle(pool)?;
        let left: Vec<Vdev> = pool
            .vdevs
            .iter()
            .filter(|other| other.id != vdev)
            .cloned()
            .collect();
        if left.iter().all(|other| other.class != found.class) && found.class == VdevClass::Data {
            return Err(EngineError::unsuitable(pool.name.clone(), "it is its only vdev"));
        }
        if pool.allocated > sigmavault_plan::usable(&left) {
            return Err(EngineError::NoSpace(pool.name.clone()));
        }
        pool.scan = Some(Scan {
            kind: ScanKind::Removal,
            state: ScanState::Running,
            began: time,
            ended: None,
            done: 0,
            total: pool.allocated,
            errors: 0,
        });
        // The data moves; the simulated move of it is over at once.
        pool.vdevs = left;
        self.finish_scan(id);
        Ok(())
    }

    pub(super) fn expand(&mut self, id: Guid, vdev: Guid, disk: &DiskId) -> Result<(), EngineError> {
        let time = self.world.time;
        let pool = self.writable(id)?;
        idle(pool)?;
        let name = pool.name.clone();
        let group = pool.vdevs.iter().find(|found| found.id == vdev);
        let group = group.ok_or_else(|| EngineError::Missing(format!("vdev {vdev}")))?;
        if !matches!(group.kind, VdevKind::Raidz { .. }) {
            return Err(EngineError::unsuitable(name, "only a raidz can be made wider"));
        }
        if group
            .children
            .iter()
            .any(|child| child.state != DeviceState::Online)
        {
            return Err(EngineError::unsuitable(
                name,
                "a raidz is made wider only when all of it works",
            ));
        }
        let (class, least) = (group.class, smallest(group));
        let device = self.make_device(disk, class)?;
        if device.bytes < least {
            return Err(EngineError::unsuitable(
                device.name,
                "it is smaller than the other disks",
            ));
        }
        let pool = self.writable(id)?;
        let total = pool.allocated;
        if let Some(group) = pool.vdevs.iter_mut().find(|found| found.id == vdev) {
            group.children.push(device);
            group.expansions += 1;
        }
        pool.scan = Some(running(ScanKind::Expansion, time, total));
        Ok(())
    }

    pub(super) fn attach(&mut self, id: Guid, to: Guid, disk: &DiskId) -> Result<(), EngineError> {
        let pool = self.writable(id)?;
        let name = pool.name.clone();
        let group = pool
            .vdevs
            .iter()
            .find(|group| group.id == to || group.children.iter().any(|child| child.id == to));
        let group = group
            .ok_or_else(|| EngineError::Missing(format!("device {to}")))?
            .clone();
        if matches!(group.class, VdevClass::Cache | VdevClass::Spare) {
            return Err(EngineError::unsuitable(
                name,
                "caches and spares are not mirrored",
            ));
        }
        if !matches!(group.kind, VdevKind::Disk | VdevKind::Mirror) {
            return Err(EngineError::unsuitable(
                name,
                "only a disk or a mirror takes another copy",
            ));
        }
        let least = smallest(&group);
        let device = self.make_device(disk, group.class)?;
        if device.bytes < least {
            return Err(EngineError::unsuitable(
                device.name,
                "it is smaller than the other disks",
            ));
        }
        let (fresh, mirror) = (device.id, self.new_id());
        let pool = self.writable(id)?;
        for found in pool.vdevs.iter_mut().filter(|found| found.id == group.id) {
            if found.kind == VdevKind::Mirror {
                found.children.push(device.clone());
            } else {
                let single = std::mem::replace(found, around(mirror, VdevKind::Mirror, &group));
                found.children = vec![single, device.clone()];
            }
        }
        self.resilver(&[fresh]);
        Ok(())
    }

    pub(super) fn detach(&mut self, id: Guid, device: Guid) -> Result<(), EngineError> {
        let (stale, reckless) = (self.stale.clone(), self.reckless);
        let pool = self.writable(id)?;
        let name = pool.name.clone();
        let mut outcome = Err(EngineError::Missing(format!("device {device}")));
        for vdev in &mut pool.vdevs {
            each(vdev, &mut |outer| {
                let Some(at) = outer.children.iter().position(|child| child.id == device) else {
                    return;
                };
                let pair = matches!(
                    outer.kind,
                    VdevKind::Mirror | VdevKind::Replacing | VdevKind::Spare
                );
                let others = outer.children.iter().filter(|child| child.id != device);
                let copies = others.filter(|child| child.state.readable() && !stale.contains(&child.id));
                outcome = if !pair {
                    Err(EngineError::unsuitable(
                        name.clone(),
                        "only a disk of a mirror can be detached",
                    ))
                } else if copies.count() == 0 && !reckless {
                    Err(EngineError::NoReplicas(name.clone()))
                } else {
                    outer.children.remove(at);
                    if outer.children.len() == 1 {
                        let last = outer.children.remove(0);
                        *outer = last;
                    }
                    Ok(())
                };
            });
        }
        outcome
    }

    pub(super) fn replace(&mut self, id: Guid, device: Guid, disk: &DiskId) -> Result<(), EngineError> {
        let pool = self.writable(id)?;
        let missing = || EngineError::Missing(format!("device {device}"));
        let group = pool
            .vdevs
            .iter()
            .find(|group| group.with_descendants().iter().any(|inner| inner.id == device));
        let group = group.ok_or_else(missing)?;
        let old = pool.vdev(device).ok_or_else(missing)?.clone();
        let least = smallest(group).min(old.bytes);
        if !old.children.is_empty() || old.class == VdevClass::Spare {
            return Err(EngineError::unsuitable(old.name, "only a device can be replaced"));
        }
        let lone = group.children.is_empty();
        if lone && !old.state.readable() {
            return Err(EngineError::NoReplicas(pool.name.clone()));
        }
        let spare = pool
            .vdevs
            .iter()
            .position(|vdev| vdev.class == VdevClass::Spare && vdev.disk.as_ref() == Some(disk));
        let new = if let Some(at) = spare {
            let mut spare = pool.vdevs.remove(at);
            spare.class = old.class;
            spare.state = DeviceState::Online;
            spare
        } else {
            self.make_device(disk, old.class)?
        };
        if new.bytes < least {
            return Err(EngineError::unsuitable(
                new.name,
                "it is smaller than what it replaces",
            ));
        }
        let (fresh, outer) = (new.id, self.new_id());
        let pool = self.writable(id)?;
        for vdev in &mut pool.vdevs {
            let mut done = false;
            each(vdev, &mut |found| {
                if found.id == device && !done {
                    done = true;
                    let old = std::mem::replace(found, around(outer, VdevKind::Replacing, &old));
                    found.children = vec![old, new.clone()];
                }
            });
        }
        self.resilver(&[fresh]);
        Ok(())
    }

    pub(super) fn offline(&mut self, id: Guid, device: Guid) -> Result<(), EngineError> {
        let reckless = self.reckless;
        let pool = self.writable(id)?;
        let before = pool.vdevs.clone();
        let name = pool.name.clone();
        let mut found = false;
        change(pool, device, |vdev| {
            found = vdev.children.is_empty();
            vdev.state = DeviceState::Offline;
        });
        if !found {
            return Err(EngineError::Missing(format!("device {device}")));
        }
        let lost = |vdev: &Vdev| vdev.class.vital() && sigmavault_plan::group_tolerance(vdev).is_none();
        if pool.vdevs.iter().any(lost) && !reckless {
            pool.vdevs = before;
            return Err(EngineError::NoReplicas(name));
        }
        Ok(())
    }

    pub(super) fn online(&mut self, id: Guid, device: Guid) -> Result<(), EngineError> {
        let present: Vec<DiskId> = self.world.disks.iter().map(|disk| disk.id.clone()).collect();
        let pool = self.writable(id)?;
        let mut outcome = Err(EngineError::Missing(format!("device {device}")));
        change(pool, device, |vdev| {
            let there = vdev.disk.as_ref().is_some_and(|disk| present.contains(disk));
            outcome = if there {
                let was = std::mem::replace(&mut vdev.state, DeviceState::Online);
                Ok(was != DeviceState::Online)
            } else {
                Err(EngineError::Missing(vdev.name.clone()))
            };
        });
        if outcome? {
            self.resilver(&[device]);
        }
        Ok(())
    }

    pub(super) fn clear(&mut self, id: Guid) -> Result<(), EngineError> {
        let present: Vec<DiskId> = self.world.disks.iter().map(|disk| disk.id.clone()).collect();
        let pool = self.imported_mut(id)?;
        let mut back = Vec::new();
        for vdev in &mut pool.vdevs {
            each(vdev, &mut |device| {
                device.errors = Errors::default();
                let there = device.disk.as_ref().is_some_and(|disk| present.contains(disk));
                let failed = matches!(device.state, DeviceState::Faulted | DeviceState::Removed);
                if device.children.is_empty() && there && failed {
                    device.state = DeviceState::Online;
                    back.push(device.id);
                }
            });
        }
        self.resilver(&back);
        Ok(())
    }
}

/// Changes the vdev with an id.
fn change(pool: &mut Pool, id: Guid, mut how: impl FnMut(&mut Vdev)) {
    for vdev in &mut pool.vdevs {
        each(vdev, &mut |found| {
            if found.id == id {
                how(found);
            }
        });
    }
}

/// A vdev in the place of another one.
fn around(id: Guid, kind: VdevKind, inner: &Vdev) -> Vdev {
    Vdev {
        id,
        name: format!("group-{id}"),
        kind,
        class: inner.class,
        state: DeviceState::Online,
        bytes: inner.bytes,
        errors: Errors::default(),
        resilvering: false,
        expansions: 0,
        disk: None,
        children: Vec::new(),
    }
}

pub(super) fn running(kind: ScanKind, began: i64, total: u64) -> Scan {
    Scan {
        kind,
        state: ScanState::Running,
        began,
        ended: None,
        done: 0,
        total,
        errors: 0,
    }
}

fn smallest(group: &Vdev) -> u64 {
    let children = group.children.iter().map(|child| child.bytes);
    children.min().unwrap_or(group.bytes)
}

/// Whether no data is written anew or moved.
fn idle(pool: &Pool) -> Result<(), EngineError> {
    let busy = pool.scan.is_some_and(|scan| {
        matches!(
            scan.kind,
            ScanKind::Resilver | ScanKind::Expansion | ScanKind::Removal
        ) && scan.state == ScanState::Running
    });
    if busy {
        return Err(EngineError::Busy(pool.name.clone()));
    }
    Ok(())
}
