//! What follows from the rest: states of groups and pools, redundancy, space, and what disks are used for.

use std::collections::BTreeMap;

use sigmavault_plan::{group_readable, may_fail, usable};
use sigmavault_types::storage::{
    DeviceState, DiskId, DiskUse, Guid, Pool, Vdev, VdevClass, VdevKind, is_within,
};

use super::Simulator;

impl Simulator {
    /// Brings everything up to date.
    pub(super) fn count(&mut self) {
        self.count_pools();
        self.count_space();
        self.count_uses();
        self.count_losses();
    }

    fn count_pools(&mut self) {
        let stale = &self.stale;
        for pool in &mut self.world.pools {
            for vdev in &mut pool.vdevs {
                each(vdev, &mut |device| {
                    device.resilvering = stale.contains(&device.id);
                });
                count_group(vdev);
            }
            pool.may_fail = may_fail(&pool.vdevs);
            pool.usable = usable(&pool.vdevs);
            pool.bytes = pool.of_class(VdevClass::Data).map(|vdev| vdev.bytes).sum();
            pool.state = state(pool);
        }
    }

    /// Used and free bytes, from the leaves to the pools.
    fn count_space(&mut self) {
        let mut held: BTreeMap<String, u64> = BTreeMap::new();
        for snapshot in &self.world.snapshots {
            *held.entry(snapshot.dataset().to_owned()).or_default() += snapshot.used;
        }
        let own: Vec<(String, u64)> = self
            .world
            .datasets
            .iter()
            .map(|set| {
                let promised = set.properties.get("refreservation");
                let promised = promised
                    .and_then(|property| property.value.parse().ok())
                    .unwrap_or(0);
                let held = held.get(&set.name).copied().unwrap_or_default();
                (set.name.clone(), set.referenced.max(promised) + held)
            })
            .collect();
        for set in &mut self.world.datasets {
            set.used = own
                .iter()
                .filter(|(name, _)| is_within(name, &set.name))
                .map(|(_, used)| used)
                .sum();
        }
        for pool in self.world.pools.iter_mut().filter(|pool| pool.imported) {
            let root = self.world.datasets.iter().find(|set| set.name == pool.name);
            pool.allocated = root.map_or(0, |root| root.used);
        }
        let free: BTreeMap<String, u64> = self
            .world
            .pools
            .iter()
            .map(|pool| (pool.name.clone(), pool.usable.saturating_sub(pool.allocated)))
            .collect();
        for set in &mut self.world.datasets {
            let pool = free.get(set.pool()).copied().unwrap_or_default();
            set.available = pool.min(left_of_quota(set));
        }
    }

    fn count_uses(&mut self) {
        let mut uses: BTreeMap<DiskId, DiskUse> = BTreeMap::new();
        for pool in &self.world.pools {
            let in_use = if pool.imported {
                DiskUse::Pool { pool: pool.id }
            } else {
                DiskUse::ExportedPool {
                    name: pool.name.clone(),
                    pool: pool.id,
                }
            };
            for device in pool.all_vdevs() {
                if let Some(disk) = &device.disk {
                    uses.insert(disk.clone(), in_use.clone());
                }
            }
        }
        for disk in self.world.disks.iter_mut().chain(&mut self.pulled) {
            match uses.remove(&disk.id) {
                Some(in_use) => disk.in_use = in_use,
                None if matches!(disk.in_use, DiskUse::Pool { .. } | DiskUse::ExportedPool { .. }) => {
                    disk.in_use = DiskUse::Free;
                }
                None => {}
            }
        }
    }

    /// A pool has lost data when a group has too few devices that hold everything.
    fn count_losses(&mut self) {
        let stale = &self.stale;
        let lost = |pool: &&Pool| {
            let mut vital = pool.vdevs.iter().filter(|vdev| vdev.class.vital());
            vital.any(|vdev| !intact(vdev, stale))
        };
        let ids: Vec<Guid> = self.world.pools.iter().filter(lost).map(|pool| pool.id).collect();
        for id in ids {
            if !self.lost.contains(&id) {
                self.lost.push(id);
            }
        }
    }

    pub(super) fn each_device(&mut self, disk: &DiskId, mut change: impl FnMut(&mut Vdev)) {
        for pool in &mut self.world.pools {
            for vdev in &mut pool.vdevs {
                each(vdev, &mut |device| {
                    if device.disk.as_ref() == Some(disk) {
                        change(device);
                    }
                });
            }
        }
    }
}

/// Goes over a vdev and everything below it.
pub(super) fn each(vdev: &mut Vdev, change: &mut impl FnMut(&mut Vdev)) {
    change(vdev);
    for child in &mut vdev.children {
        each(child, change);
    }
}

fn count_group(vdev: &mut Vdev) {
    if vdev.children.is_empty() {
        return;
    }
    for child in &mut vdev.children {
        count_group(child);
    }
    let whole = vdev
        .children
        .iter()
        .all(|child| child.state == DeviceState::Online);
    let readable = match vdev.kind {
        VdevKind::Replacing | VdevKind::Spare => vdev.children.iter().any(|child| child.state.readable()),
        _ => group_readable(vdev),
    };
    vdev.state = match (readable, whole) {
        (true, true) => DeviceState::Online,
        (true, false) => DeviceState::Degraded,
        (false, _) => DeviceState::Unavailable,
    };
    let smallest = vdev.children.iter().map(|child| child.bytes).min().unwrap_or(0);
    vdev.bytes = match vdev.kind {
        VdevKind::Raidz { .. } | VdevKind::Draid { .. } => smallest * vdev.children.len() as u64,
        _ => smallest,
    };
}

fn state(pool: &Pool) -> DeviceState {
    let vital = |vdev: &&Vdev| vdev.class.vital() || vdev.class == VdevClass::Log;
    let mut states = pool
        .vdevs
        .iter()
        .filter(vital)
        .map(|vdev| (vdev.class, vdev.state));
    if states
        .clone()
        .any(|(class, state)| class.vital() && !state.readable())
    {
        return if pool.imported {
            DeviceState::Suspended
        } else {
            DeviceState::Unavailable
        };
    }
    if states.all(|(_, state)| state == DeviceState::Online) {
        DeviceState::Online
    } else {
        DeviceState::Degraded
    }
}

/// Whether enough devices hold everything.
fn intact(vdev: &Vdev, stale: &[Guid]) -> bool {
    if vdev.children.is_empty() {
        // A device that was pulled or taken out of use still holds what it held.
        return vdev.state != DeviceState::Faulted && !stale.contains(&vdev.id);
    }
    let good = vdev.children.iter().filter(|child| intact(child, stale)).count();
    let all = vdev.children.len();
    match vdev.kind {
        VdevKind::Replacing | VdevKind::Spare => good > 0,
        kind => good + kind.tolerance(all) >= all && good > 0,
    }
}

fn left_of_quota(set: &sigmavault_types::storage::Dataset) -> u64 {
    let limit = |name: &str| {
        let value = set
            .properties
            .get(name)
            .and_then(|property| property.value.parse().ok());
        value.filter(|bytes: &u64| *bytes > 0)
    };
    let quota = limit("quota").map_or(u64::MAX, |bytes| bytes.saturating_sub(set.used));
    let own = limit("refquota").map_or(u64::MAX, |bytes| bytes.saturating_sub(set.referenced));
    quota.min(own)
}
