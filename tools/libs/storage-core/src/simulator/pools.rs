//! Pools as a whole.

use std::collections::BTreeMap;

use sigmavault_types::storage::{
    DatasetKind, DeviceState, DiskId, DiskUse, Errors, Guid, KeySource, NewVdev, Pool, Source, Vdev,
    VdevClass, VdevKind,
};

use super::{Contents, Simulator};
use crate::engine::{EngineError, Secret};

/// The smallest device that ZFS takes (`SPA_MINDEVSIZE`).
const DEVICE_MIN: u64 = 64 << 20;

impl Simulator {
    pub(super) fn erase(&mut self, disk: &DiskId) -> Result<(), EngineError> {
        let found = self.world.disk(disk).ok_or_else(|| missing(disk))?;
        match found.in_use {
            DiskUse::Pool { .. } | DiskUse::Held { .. } | DiskUse::System | DiskUse::LiveMedium
                if !self.reckless =>
            {
                return Err(EngineError::Busy(found.name.clone()));
            }
            _ => {}
        }
        self.overwrite(disk);
        Ok(())
    }

    /// What was on a disk is gone.
    fn overwrite(&mut self, disk: &DiskId) {
        self.each_device(disk, |device| {
            device.state = DeviceState::Faulted;
            device.disk = None;
        });
        self.set_use(disk, &DiskUse::Free);
    }

    pub(super) fn create_pool(
        &mut self,
        name: &str,
        vdevs: &[NewVdev],
        properties: &BTreeMap<String, String>,
        dataset_properties: &BTreeMap<String, String>,
        key: Option<&KeySource>,
        secret: Option<&Secret>,
    ) -> Result<(), EngineError> {
        if self.world.imported(name).is_some() {
            return Err(EngineError::Exists(name.to_owned()));
        }
        let vdevs = self.make_vdevs(vdevs)?;
        let id = self.new_id();
        self.world.pools.push(Pool {
            id,
            name: name.to_owned(),
            imported: true,
            state: DeviceState::Online,
            bytes: 0,
            allocated: 0,
            usable: 0,
            may_fail: None,
            fragmentation: Some(0),
            read_only: false,
            upgradable: false,
            vdevs,
            scan: None,
            trimming: false,
            scrubbed: None,
            damaged: Vec::new(),
            properties: properties.clone(),
        });
        self.make_dataset(
            name,
            DatasetKind::FileSystem,
            None,
            key,
            dataset_properties,
            secret,
        )
    }

    pub(super) fn import(&mut self, id: Guid, name: &str, read_only: bool) -> Result<(), EngineError> {
        if self.world.imported(name).is_some() {
            return Err(EngineError::Exists(name.to_owned()));
        }
        let pool = self
            .world
            .pools
            .iter_mut()
            .find(|pool| pool.id == id && !pool.imported);
        let pool = pool.ok_or_else(|| EngineError::Missing(id.to_string()))?;
        if pool.state == DeviceState::Unavailable {
            return Err(EngineError::NoReplicas(pool.name.clone()));
        }
        let old = std::mem::replace(&mut pool.name, name.to_owned());
        pool.imported = true;
        pool.read_only = read_only;
        let mut contents = self.contents.remove(&id).unwrap_or_default();
        for set in &mut contents.datasets {
            set.name = renamed(&set.name, &old, name);
            set.origin = set.origin.as_ref().map(|origin| renamed(origin, &old, name));
            if let Some(key) = &mut set.key {
                key.root = renamed(&key.root, &old, name);
                key.loaded = false;
            }
        }
        for snapshot in &mut contents.snapshots {
            snapshot.name = renamed(&snapshot.name, &old, name);
            let clones = snapshot.clones.iter();
            snapshot.clones = clones.map(|clone| renamed(clone, &old, name)).collect();
        }
        self.world.datasets.append(&mut contents.datasets);
        self.world.snapshots.append(&mut contents.snapshots);
        Ok(())
    }

    pub(super) fn export(&mut self, id: Guid) -> Result<(), EngineError> {
        let pool = self.imported_mut(id)?;
        let name = pool.name.clone();
        if pool.state == DeviceState::Suspended {
            return Err(EngineError::Suspended(name));
        }
        pool.imported = false;
        pool.read_only = false;
        if self.world.tree(&name).any(|set| set.mounted) {
            return Err(EngineError::Busy(name));
        }
        let contents = self.take_contents(&name);
        self.contents.insert(id, contents);
        Ok(())
    }

    pub(super) fn destroy_pool(&mut self, id: Guid) -> Result<(), EngineError> {
        let name = self.imported_mut(id)?.name.clone();
        if self.world.tree(&name).any(|set| set.mounted) && !self.reckless {
            return Err(EngineError::Busy(name));
        }
        self.take_contents(&name);
        self.world.pools.retain(|pool| pool.id != id);
        Ok(())
    }

    fn take_contents(&mut self, pool: &str) -> Contents {
        let (inside, outside) = self.world.datasets.drain(..).partition(|set| set.pool() == pool);
        self.world.datasets = outside;
        let (kept, others) = self.world.snapshots.drain(..).partition(|one| one.pool() == pool);
        self.world.snapshots = others;
        Contents {
            datasets: inside,
            snapshots: kept,
        }
    }

    pub(super) fn upgrade(&mut self, id: Guid) -> Result<(), EngineError> {
        self.writable(id)?.upgradable = false;
        Ok(())
    }

    pub(super) fn set_pool(
        &mut self,
        id: Guid,
        properties: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let pool = self.writable(id)?;
        pool.properties.extend(properties.clone());
        Ok(())
    }

    pub(super) fn imported_mut(&mut self, id: Guid) -> Result<&mut Pool, EngineError> {
        let mut pools = self.world.pools.iter_mut();
        let found = pools.find(|pool| pool.id == id && pool.imported);
        found.ok_or_else(|| EngineError::Missing(format!("pool {id}")))
    }

    /// A pool that can be written.
    pub(super) fn writable(&mut self, id: Guid) -> Result<&mut Pool, EngineError> {
        let pool = self.imported_mut(id)?;
        if pool.state == DeviceState::Suspended {
            return Err(EngineError::Suspended(pool.name.clone()));
        }
        if pool.read_only {
            return Err(EngineError::unsuitable(
                pool.name.clone(),
                "it is imported read-only",
            ));
        }
        Ok(pool)
    }

    /// Vdevs of disks that are free.
    pub(super) fn make_vdevs(&mut self, wanted: &[NewVdev]) -> Result<Vec<Vdev>, EngineError> {
        let mut vdevs = Vec::new();
        for new in wanted {
            let mut devices = Vec::new();
            for disk in &new.disks {
                devices.push(self.make_device(disk, new.class)?);
            }
            if matches!(new.kind, VdevKind::Disk) {
                vdevs.append(&mut devices);
                continue;
            }
            if devices.len() <= new.kind.tolerance(devices.len()) {
                return Err(EngineError::unsuitable("vdev", "it has too few disks"));
            }
            let at = self.counter;
            vdevs.push(Vdev {
                id: self.new_id(),
                name: format!("group-{at}"),
                kind: new.kind,
                class: new.class,
                state: DeviceState::Online,
                bytes: 0,
                errors: Errors::default(),
                resilvering: false,
                expansions: 0,
                disk: None,
                children: devices,
            });
        }
        Ok(vdevs)
    }

    pub(super) fn make_device(&mut self, disk: &DiskId, class: VdevClass) -> Result<Vdev, EngineError> {
        let found = self.world.disk(disk).ok_or_else(|| missing(disk))?;
        if found.in_use != DiskUse::Free && !self.reckless {
            return Err(EngineError::Busy(found.name.clone()));
        }
        if found.bytes < DEVICE_MIN {
            return Err(EngineError::unsuitable(found.name.clone(), "it is too small"));
        }
        let (name, bytes) = (found.device.clone(), found.bytes);
        if self.reckless {
            self.overwrite(disk);
        }
        // Whoever takes it a second time finds it used.
        self.set_use(disk, &DiskUse::Pool { pool: Guid(0) });
        Ok(Vdev {
            id: self.new_id(),
            name,
            kind: VdevKind::Disk,
            class,
            state: DeviceState::Online,
            bytes,
            errors: Errors::default(),
            resilvering: false,
            expansions: 0,
            disk: Some(disk.clone()),
            children: Vec::new(),
        })
    }
}

fn missing(disk: &DiskId) -> EngineError {
    EngineError::Missing(format!("disk {disk}"))
}

/// A dataset's or snapshot's name after what is above it was renamed.
pub(super) fn renamed(name: &str, from: &str, to: &str) -> String {
    match name.strip_prefix(from) {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '@']) => format!("{to}{rest}"),
        _ => name.to_owned(),
    }
}

/// A property that was set at the dataset itself.
pub(super) fn local(value: &str) -> sigmavault_types::storage::Property {
    sigmavault_types::storage::Property {
        value: value.to_owned(),
        source: Source::Local,
    }
}
