//! Snapshots and clones.

use std::collections::BTreeSet;

use sigmavault_types::storage::{Dataset, DatasetKind, Snapshot};

use super::Simulator;
use crate::engine::EngineError;

impl Simulator {
    pub(super) fn create_snapshots(
        &mut self,
        datasets: &[String],
        tag: &str,
        policy: Option<&String>,
        locked_until: Option<i64>,
    ) -> Result<(), EngineError> {
        self.counter += 1;
        let transaction = self.counter;
        for dataset in datasets {
            self.writable_by_name(dataset)?;
            let set = self.find(dataset)?;
            let (source, referenced) = (set.id, set.referenced);
            let name = format!("{dataset}@{tag}");
            if self.world.snapshot(&name).is_some() {
                return Err(EngineError::Exists(name));
            }
            let id = self.new_id();
            if let Some(version) = self.versions.get(&source).copied() {
                self.versions.insert(id, version);
            }
            self.world.snapshots.push(Snapshot {
                id,
                name,
                created: self.world.time,
                transaction,
                used: 0,
                referenced,
                holds: BTreeSet::new(),
                clones: BTreeSet::new(),
                policy: policy.cloned(),
                locked_until,
            });
        }
        Ok(())
    }

    pub(super) fn find_snapshot(&mut self, name: &str) -> Result<&mut Snapshot, EngineError> {
        let mut snapshots = self.world.snapshots.iter_mut();
        let found = snapshots.find(|snapshot| snapshot.name == name);
        found.ok_or_else(|| EngineError::Missing(name.to_owned()))
    }

    pub(super) fn destroy_snapshots(&mut self, dataset: &str, tags: &[String]) -> Result<(), EngineError> {
        self.writable_by_name(dataset)?;
        let names: Vec<String> = tags.iter().map(|tag| format!("{dataset}@{tag}")).collect();
        self.can_go(&names)?;
        self.world
            .snapshots
            .retain(|snapshot| !names.contains(&snapshot.name));
        Ok(())
    }

    fn can_go(&mut self, names: &[String]) -> Result<(), EngineError> {
        let reckless = self.reckless;
        for name in names {
            let snapshot = self.find_snapshot(name)?;
            if !snapshot.holds.is_empty() && !reckless {
                return Err(EngineError::Held(name.clone()));
            }
            if let Some(clone) = snapshot.clones.first() {
                return Err(EngineError::Needed {
                    what: name.clone(),
                    by: clone.clone(),
                });
            }
        }
        Ok(())
    }

    pub(super) fn hold(&mut self, name: &str, tag: &str) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        if self.find_snapshot(name)?.holds.insert(tag.to_owned()) {
            return Ok(());
        }
        Err(EngineError::Exists(tag.to_owned()))
    }

    pub(super) fn release(&mut self, name: &str, tag: &str) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        if self.find_snapshot(name)?.holds.remove(tag) {
            return Ok(());
        }
        Err(EngineError::Missing(tag.to_owned()))
    }

    pub(super) fn rollback(&mut self, name: &str) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        let to = self.find_snapshot(name)?.clone();
        let newer = self.world.newer_than(&to).map(|other| other.name.clone());
        let newer: Vec<String> = newer.collect();
        self.can_go(&newer)?;
        self.world
            .snapshots
            .retain(|snapshot| !newer.contains(&snapshot.name));
        let version = self.version(to.id);
        let set = self.find_mut(to.dataset())?;
        if set.mounted {
            return Err(EngineError::Busy(set.name.clone()));
        }
        set.referenced = to.referenced;
        let id = set.id;
        self.versions.insert(id, version);
        Ok(())
    }

    pub(super) fn clone_snapshot(&mut self, snapshot: &str, name: &str) -> Result<(), EngineError> {
        let from = self.find_snapshot(snapshot)?.clone();
        let (parent, _) = name
            .rsplit_once('/')
            .ok_or_else(|| EngineError::Missing(name.to_owned()))?;
        self.can_hold(parent)?;
        if name.split('/').next() != Some(from.pool()) {
            return Err(EngineError::unsuitable(name, "a clone stays in its pool"));
        }
        let origin = self.find(from.dataset())?.clone();
        self.make_dataset(
            name,
            origin.kind,
            None,
            None,
            &std::collections::BTreeMap::new(),
            None,
        )?;
        let version = self.version(from.id);
        let made = self.find_mut(name)?;
        made.origin = Some(snapshot.to_owned());
        made.key.clone_from(&origin.key);
        if origin.kind == DatasetKind::Volume {
            made.properties = origin.properties.clone();
            made.properties.retain(|name, _| name == "volsize");
        }
        let id = made.id;
        self.versions.insert(id, version);
        self.find_snapshot(snapshot)?.clones.insert(name.to_owned());
        Ok(())
    }

    pub(super) fn promote(&mut self, name: &str) -> Result<(), EngineError> {
        self.writable_by_name(name)?;
        let set = self.find(name)?.clone();
        let origin = set
            .origin
            .ok_or_else(|| EngineError::unsuitable(name, "it is no clone"))?;
        let from = self.find_snapshot(&origin)?.clone();
        let parent = self.find(from.dataset())?.clone();
        let moved: Vec<(String, String)> = self
            .world
            .snapshots_of(&parent.name)
            .filter(|snapshot| snapshot.transaction <= from.transaction)
            .map(|snapshot| (snapshot.name.clone(), format!("{name}@{}", snapshot.tag())))
            .collect();
        for (_, new) in &moved {
            if self.world.snapshot(new).is_some() {
                return Err(EngineError::Exists(new.clone()));
            }
        }
        for (old, new) in &moved {
            let snapshot = self.find_snapshot(old)?;
            snapshot.name.clone_from(new);
            let clones = snapshot.clones.clone();
            for clone in clones {
                self.find_mut(&clone)?.origin = Some(new.clone());
            }
        }
        let new = format!("{name}@{}", from.tag());
        let snapshot = self.find_snapshot(&new)?;
        snapshot.clones.remove(name);
        snapshot.clones.insert(parent.name.clone());
        // What the other one was a clone of, this one is now.
        if let Some(older) = &parent.origin {
            let snapshot = self.find_snapshot(older)?;
            snapshot.clones.remove(&parent.name);
            snapshot.clones.insert(name.to_owned());
        }
        let (shared, own) = (parent.referenced.min(from.referenced), set.referenced);
        self.find_mut(name)?.origin = parent.origin;
        self.find_mut(name)?.referenced = own + shared;
        let other: &mut Dataset = self.find_mut(&parent.name)?;
        other.origin = Some(new);
        other.referenced -= shared;
        Ok(())
    }
}
