//! A storage machine in memory: disks that can be pulled, pools with their redundancy, datasets, snapshots, space and time. It refuses
//! what ZFS refuses and needs no rights, so that every test, the service and the command can run on it.
//!
//! A [`Simulator`] is read from and written to JSON: a file for `--simulate`.

mod counting;
mod datasets;
mod devices;
mod fault;
mod faults;
mod file;
mod pools;
mod scans;
mod snapshots;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sigmavault_types::storage::{Action, Dataset, Disk, Guid, Snapshot, World};

use crate::engine::{Engine, EngineError, Secret};

pub use fault::Fault;
pub use file::{SimulatorFile, SimulatorFileError};

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simulator {
    /// Everything that can be seen.
    pub world: World,
    /// What is in pools that are not imported.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    contents: BTreeMap<Guid, Contents>,
    /// Disks that were pulled out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pulled: Vec<Disk>,
    /// Devices that do not hold everything yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stale: Vec<Guid>,
    /// What datasets and snapshots hold, as a number that grows with each write.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    versions: BTreeMap<Guid, u64>,
    /// Keys and passphrases of encryption roots.
    #[serde(skip)]
    keys: BTreeMap<Guid, Secret>,
    /// Pools whose data was lost at some time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Guid>,
    /// The number of the last id and of the last transaction.
    counter: u64,
    /// What goes wrong next.
    #[serde(skip)]
    faults: Vec<Fault>,
    /// Whether it does what ZFS refuses, as far as that can be done: nothing but the laws of plans protects data then.
    #[serde(skip)]
    pub reckless: bool,
}

/// What is in a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Contents {
    datasets: Vec<Dataset>,
    snapshots: Vec<Snapshot>,
}

impl Simulator {
    /// A machine with these disks.
    pub fn with_disks(disks: Vec<Disk>) -> Self {
        Self {
            world: World {
                disks,
                ..World::default()
            },
            ..Self::default()
        }
    }

    /// What a dataset or a snapshot holds: another number after each write.
    pub fn version(&self, id: Guid) -> u64 {
        self.versions.get(&id).copied().unwrap_or_default()
    }

    /// Whether data of a pool was lost at some time.
    pub fn has_lost(&self, pool: Guid) -> bool {
        self.lost.contains(&pool)
    }

    /// An id that was not there before.
    fn new_id(&mut self) -> Guid {
        self.counter += 1;
        // Ids of ZFS are spread over 64 bits: this is a step of splitmix64, which gives each number another one.
        let mut bits = self.counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Guid(bits ^ (bits >> 31))
    }

    fn do_action(&mut self, action: &Action, secret: Option<&Secret>) -> Result<(), EngineError> {
        match action {
            Action::EraseDisk { disk } => self.erase(disk),
            Action::CreatePool {
                name,
                vdevs,
                properties,
                dataset_properties,
                key,
            } => self.create_pool(name, vdevs, properties, dataset_properties, key.as_ref(), secret),
            Action::ImportPool {
                pool,
                name,
                read_only,
                ..
            } => self.import(*pool, name, *read_only),
            Action::ExportPool { pool } => self.export(*pool),
            Action::DestroyPool { pool } => self.destroy_pool(*pool),
            Action::AddVdevs { pool, vdevs } => self.add(*pool, vdevs),
            Action::RemoveVdev { pool, vdev } => self.remove(*pool, *vdev),
            Action::ExpandRaidz { pool, vdev, disk } => self.expand(*pool, *vdev, disk),
            Action::AttachDisk { pool, to, disk } => self.attach(*pool, *to, disk),
            Action::DetachDevice { pool, device } => self.detach(*pool, *device),
            Action::ReplaceDevice { pool, device, disk } => self.replace(*pool, *device, disk),
            Action::OfflineDevice { pool, device } => self.offline(*pool, *device),
            Action::OnlineDevice { pool, device } => self.online(*pool, *device),
            Action::ClearErrors { pool } => self.clear(*pool),
            Action::ScrubPool { pool, scrub } => self.scrub(*pool, *scrub),
            Action::TrimPool { pool, trim } => self.trim(*pool, *trim),
            Action::UpgradePool { pool } => self.upgrade(*pool),
            Action::SetPoolProperties { pool, properties } => self.set_pool(*pool, properties),
            Action::SetCare { care } => {
                self.world.care.retain(|other| other.pool != care.pool);
                self.world.care.push(*care);
                Ok(())
            }
            Action::CreateDataset {
                name,
                kind,
                size,
                sparse,
                key,
                properties,
            } => self.create_dataset(
                name,
                *kind,
                size.filter(|_| !sparse),
                key.as_ref(),
                properties,
                secret,
            ),
            Action::RenameDataset { name, to } => self.rename(name, to),
            Action::DestroyDataset { name } => self.destroy_dataset(name),
            Action::SetProperties { name, properties } => self.set(name, properties),
            Action::InheritProperty { name, property } => self.inherit(name, property),
            Action::SetOwnerQuota { name, owner, bytes } => self.set_owner_quota(name, *owner, *bytes),
            Action::LoadKey { name, .. } => self.load_key(name, secret),
            Action::UnloadKey { name } => self.unload_key(name),
            Action::ChangeKey { name, key } => self.change_key(name, key, secret),
            Action::Mount { name } => self.mount(name, true),
            Action::Unmount { name } => self.mount(name, false),
            Action::CreateSnapshots {
                datasets,
                tag,
                policy,
                locked_until,
            } => self.create_snapshots(datasets, tag, policy.as_ref(), *locked_until),
            Action::DestroySnapshots { dataset, tags } => self.destroy_snapshots(dataset, tags),
            Action::HoldSnapshot { snapshot, tag } => self.hold(snapshot, tag),
            Action::ReleaseSnapshot { snapshot, tag } => self.release(snapshot, tag),
            Action::Rollback { snapshot } => self.rollback(snapshot),
            Action::CloneSnapshot { snapshot, name } => self.clone_snapshot(snapshot, name),
            Action::PromoteDataset { name } => self.promote(name),
            Action::SetPolicy { policy } => {
                self.world.policies.retain(|other| other.name != policy.name);
                self.world.policies.push(policy.clone());
                Ok(())
            }
            Action::RemovePolicy { name } => {
                let before = self.world.policies.len();
                self.world.policies.retain(|other| other.name != *name);
                if self.world.policies.len() == before {
                    return Err(EngineError::Missing(name.clone()));
                }
                Ok(())
            }
        }
    }
}

impl Engine for Simulator {
    fn world(&mut self) -> Result<World, EngineError> {
        Ok(self.world.clone())
    }

    fn perform(&mut self, action: &Action, secret: Option<&Secret>) -> Result<(), EngineError> {
        let fault = self.next_fault();
        if fault == Some(Fault::Before) {
            return Err(EngineError::Failed(
                "the power went off before the change".to_owned(),
            ));
        }
        // An action that fails half way must leave nothing behind.
        let mut after = self.clone();
        after.do_action(action, secret)?;
        after.count();
        *self = after;
        if fault == Some(Fault::After) {
            return Err(EngineError::Failed(
                "the power went off after the change".to_owned(),
            ));
        }
        Ok(())
    }
}
