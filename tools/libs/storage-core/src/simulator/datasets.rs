//! Datasets.

use std::collections::BTreeMap;

use sigmavault_types::storage::{Dataset, DatasetKind, Guid, Key, KeySource, Owner};

use super::Simulator;
use super::pools::{local, renamed};
use crate::engine::{EngineError, Secret};
use crate::mounting;

impl Simulator {
    pub(super) fn create_dataset(
        &mut self,
        name: &str,
        kind: DatasetKind,
        size: Option<u64>,
        key: Option<&KeySource>,
        properties: &BTreeMap<String, String>,
        secret: Option<&Secret>,
    ) -> Result<(), EngineError> {
        let (parent, _) = name
            .rsplit_once('/')
            .ok_or_else(|| EngineError::Missing(name.to_owned()))?;
        self.can_hold(parent)?;
        let promised = size.max(
            properties
                .get("refreservation")
                .and_then(|bytes| bytes.parse().ok()),
        );
        let free = self.world.dataset(parent).map_or(0, |parent| parent.available);
        if promised.is_some_and(|promised| promised > free) {
            return Err(EngineError::NoSpace(parent.to_owned()));
        }
        self.make_dataset(name, kind, size, key, properties, secret)
    }

    /// Makes a dataset, a pool's first one too.
    pub(super) fn make_dataset(
        &mut self,
        name: &str,
        kind: DatasetKind,
        size: Option<u64>,
        key: Option<&KeySource>,
        properties: &BTreeMap<String, String>,
        secret: Option<&Secret>,
    ) -> Result<(), EngineError> {
        if self.world.dataset(name).is_some() {
            return Err(EngineError::Exists(name.to_owned()));
        }
        let id = self.new_id();
        let above = name
            .rsplit_once('/')
            .and_then(|(parent, _)| self.world.dataset(parent)?.key.clone());
        let key = match key {
            None => above,
            Some(source) => {
                self.keep_key(id, source, secret, name)?;
                Some(Key {
                    root: name.to_owned(),
                    loaded: true,
                    automatic: *source == KeySource::Stored,
                })
            }
        };
        let mut properties: BTreeMap<_, _> = properties
            .iter()
            .map(|(name, value)| (name.clone(), local(value)))
            .collect();
        if let Some(size) = size {
            properties.insert("refreservation".to_owned(), local(&size.to_string()));
        }
        self.world.datasets.push(Dataset {
            id,
            name: name.to_owned(),
            kind,
            used: 0,
            available: 0,
            referenced: 0,
            mounted: false,
            mountpoint: None,
            key,
            origin: None,
            properties,
        });
        self.world
            .datasets
            .sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    fn keep_key(
        &mut self,
        id: Guid,
        source: &KeySource,
        secret: Option<&Secret>,
        name: &str,
    ) -> Result<(), EngineError> {
        let secret = match (source, secret) {
            (KeySource::Stored, _) => Secret(id.0.to_le_bytes().to_vec()),
            (KeySource::Passphrase, Some(secret)) => secret.clone(),
            (KeySource::Passphrase, None) => return Err(EngineError::WrongKey(name.to_owned())),
        };
        self.keys.insert(id, secret);
        Ok(())
    }

    /// Whether a dataset can be made below this one.
    pub(super) fn can_hold(&mut self, parent: &str) -> Result<(), EngineError> {
        let found = self.find(parent)?;
        if found.kind == DatasetKind::Volume {
            return Err(EngineError::unsuitable(parent, "a volume holds no datasets"));
        }
        if found.key.as_ref().is_some_and(|key| !key.loaded) {
            return Err(EngineError::Locked(parent.to_owned()));
        }
        self.writable_by_name(parent)
    }

    pub(super) fn writable_by_name(&mut self, name: &str) -> Result<(), EngineError> {
        let pool = name.split(['/', '@']).next().unwrap_or_default();
        let id = self.world.imported(pool).map(|pool| pool.id);
        let id = id.ok_or_else(|| EngineError::Missing(pool.to_owned()))?;
        self.writable(id).map(|_| ())
    }

    pub(super) fn find(&self, name: &str) -> Result<&Dataset, EngineError> {
        self.world
            .dataset(name)
            .ok_or_else(|| EngineError::Missing(name.to_owned()))
    }

    pub(super) fn find_mut(&mut self, name: &str) -> Result<&mut Dataset, EngineError> {
        let mut sets = self.world.datasets.iter_mut();
        sets.find(|set| set.name == name)
            .ok_or_else(|| EngineError::Missing(name.to_owned()))
    }

    pub(super) fn rename(&mut self, name: &str, to: &str) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        self.find(name)?;
        if self.world.dataset(to).is_some() {
            return Err(EngineError::Exists(to.to_owned()));
        }
        let (parent, _) = to.rsplit_once('/').unwrap_or_default();
        self.can_hold(parent)?;
        let first = |name: &str| name.split('/').next().map(str::to_owned);
        if first(name) != first(to) || renamed(to, name, "") != to {
            return Err(EngineError::unsuitable(
                name,
                "it stays in its pool and outside of itself",
            ));
        }
        if self.world.tree(name).any(|set| set.mounted) {
            return Err(EngineError::Busy(name.to_owned()));
        }
        for set in &mut self.world.datasets {
            set.name = renamed(&set.name, name, to);
            set.origin = set.origin.as_ref().map(|origin| renamed(origin, name, to));
            if let Some(key) = &mut set.key {
                key.root = renamed(&key.root, name, to);
            }
        }
        for snapshot in &mut self.world.snapshots {
            snapshot.name = renamed(&snapshot.name, name, to);
            let clones = snapshot.clones.iter();
            snapshot.clones = clones.map(|clone| renamed(clone, name, to)).collect();
        }
        self.world
            .datasets
            .sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    pub(super) fn destroy_dataset(&mut self, name: &str) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        self.find(name)?;
        if !name.contains('/') {
            return Err(EngineError::unsuitable(
                name,
                "a pool's first dataset goes with the pool",
            ));
        }
        let tree: Vec<Dataset> = self.world.tree(name).cloned().collect();
        if tree.iter().any(|set| set.mounted) && !self.reckless {
            return Err(EngineError::Busy(name.to_owned()));
        }
        let within = |name: &str| tree.iter().any(|set| set.name == name);
        for snapshot in self.world.snapshots.iter().filter(|one| within(one.dataset())) {
            if !snapshot.holds.is_empty() && !self.reckless {
                return Err(EngineError::Held(snapshot.name.clone()));
            }
            if let Some(clone) = snapshot.clones.iter().find(|clone| !within(clone)) {
                return Err(EngineError::Needed {
                    what: snapshot.name.clone(),
                    by: clone.clone(),
                });
            }
        }
        self.world.datasets.retain(|set| !within(&set.name));
        self.world.snapshots.retain(|one| !within(one.dataset()));
        for snapshot in &mut self.world.snapshots {
            snapshot.clones.retain(|clone| !within(clone));
        }
        Ok(())
    }

    pub(super) fn set(
        &mut self,
        name: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        let set = self.find_mut(name)?;
        let promised = properties
            .get("refreservation")
            .and_then(|bytes| bytes.parse::<u64>().ok());
        if promised.is_some_and(|promised| promised > set.available.saturating_add(set.used)) {
            return Err(EngineError::NoSpace(name.to_owned()));
        }
        let values = properties.iter();
        set.properties
            .extend(values.map(|(name, value)| (name.clone(), local(value))));
        Ok(())
    }

    pub(super) fn inherit(&mut self, name: &str, property: &str) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        self.find_mut(name)?.properties.remove(property);
        Ok(())
    }

    pub(super) fn set_owner_quota(
        &mut self,
        name: &str,
        owner: Owner,
        bytes: u64,
    ) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        let set = self.find_mut(name)?;
        let property = mounting::owner_quota(owner);
        if bytes == 0 {
            set.properties.remove(&property);
        } else {
            set.properties.insert(property, local(&bytes.to_string()));
        }
        Ok(())
    }

    pub(super) fn load_key(&mut self, name: &str, secret: Option<&Secret>) -> Result<(), EngineError> {
        let set = self.find(name)?;
        let Some(key) = set.key.clone().filter(|key| key.root == name) else {
            return Err(EngineError::unsuitable(name, "it has no key of its own"));
        };
        if key.loaded {
            return Err(EngineError::unsuitable(name, "its key is loaded already"));
        }
        // A machine that was read from a file has forgotten its keys: it takes any.
        let right = match (self.keys.get(&set.id), secret) {
            _ if key.automatic => true,
            (Some(known), Some(given)) => known == given,
            (known, given) => known.is_none() && given.is_some(),
        };
        if !right {
            return Err(EngineError::WrongKey(name.to_owned()));
        }
        self.set_loaded(name, true);
        Ok(())
    }

    pub(super) fn unload_key(&mut self, name: &str) -> Result<(), EngineError> {
        let set = self.find(name)?;
        let loaded = set.key.as_ref().is_some_and(|key| key.root == name && key.loaded);
        if !loaded {
            return Err(EngineError::unsuitable(name, "no key of its own is loaded"));
        }
        let of_root = |set: &&Dataset| set.key.as_ref().is_some_and(|key| key.root == name);
        if self.world.datasets.iter().filter(of_root).any(|set| set.mounted) {
            return Err(EngineError::Busy(name.to_owned()));
        }
        self.set_loaded(name, false);
        Ok(())
    }

    fn set_loaded(&mut self, root: &str, loaded: bool) {
        let keys = self.world.datasets.iter_mut().filter_map(|set| set.key.as_mut());
        for key in keys.filter(|key| key.root == root) {
            key.loaded = loaded;
        }
    }

    pub(super) fn change_key(
        &mut self,
        name: &str,
        source: &KeySource,
        secret: Option<&Secret>,
    ) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        let set = self.find(name)?;
        let id = set.id;
        if !set.key.as_ref().is_some_and(|key| key.root == name && key.loaded) {
            return Err(EngineError::Locked(name.to_owned()));
        }
        self.keep_key(id, source, secret, name)?;
        let keys = self.world.datasets.iter_mut().filter_map(|set| set.key.as_mut());
        for key in keys.filter(|key| key.root == name) {
            key.automatic = *source == KeySource::Stored;
        }
        Ok(())
    }

    pub(super) fn mount(&mut self, name: &str, mounted: bool) -> Result<(), EngineError> {
        self.find(name)?;
        let sets: Vec<String> = self.world.tree(name).map(|set| set.name.clone()).collect();
        for one in sets {
            let place = mounting::mountpoint(&self.world, &one);
            let can = mounting::mounts(&self.world, &one);
            let set = self.find_mut(&one)?;
            if !mounted {
                set.mounted = false;
                set.mountpoint = None;
            } else if can {
                set.mounted = true;
                set.mountpoint = place;
            }
        }
        Ok(())
    }

    /// Writes new data to a dataset.
    pub fn write(&mut self, name: &str, bytes: u64) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        let set = self.find(name)?;
        if set.key.as_ref().is_some_and(|key| !key.loaded) {
            return Err(EngineError::Locked(name.to_owned()));
        }
        let above = self
            .world
            .datasets
            .iter()
            .filter(|above| *above.name == *name || set.is_below(&above.name));
        for limit in above {
            if bytes > limit.available {
                let quota =
                    limit.properties.contains_key("quota") || limit.properties.contains_key("refquota");
                let name = limit.name.clone();
                return Err(if quota {
                    EngineError::Quota(name)
                } else {
                    EngineError::NoSpace(name)
                });
            }
        }
        self.counter += 1;
        let version = self.counter;
        let set = self.find_mut(name)?;
        set.referenced += bytes;
        let id = set.id;
        self.versions.insert(id, version);
        self.count();
        Ok(())
    }
}
