//! The steps of a plan in words.

use std::collections::BTreeMap;

use sigmavault_facts::show::size;
use sigmavault_types::storage::{
    Action, DatasetKind, DiskId, Guid, KeySource, NewVdev, Owner, Plan, Precondition, Scrub, Step, Trim,
    VdevClass, VdevKind, World,
};

use super::words;

/// Names of pools, devices and disks by their ids.
#[derive(Debug, Default)]
pub struct Names {
    things: BTreeMap<Guid, String>,
    /// Names in the kernel.
    disks: BTreeMap<DiskId, String>,
}

impl Names {
    /// What a plan itself says.
    pub fn of_plan(plan: &Plan) -> Self {
        let conditions = plan.steps.iter().flat_map(|step| &step.preconditions);
        let pools = conditions.filter_map(|condition| match condition {
            Precondition::Pool { pool, name, .. } => Some((*pool, name.clone())),
            _ => None,
        });
        Self {
            things: pools.collect(),
            disks: BTreeMap::new(),
        }
    }

    /// With what there is.
    pub fn with(mut self, world: &World) -> Self {
        for pool in &world.pools {
            self.things.insert(pool.id, pool.name.clone());
            for vdev in pool.all_vdevs() {
                let disk = vdev.disk.as_ref().and_then(|id| world.disk(id));
                let name = disk.map_or(&vdev.name, |disk| &disk.name);
                self.things.insert(vdev.id, name.clone());
            }
        }
        let disks = world.disks.iter();
        self.disks
            .extend(disks.map(|disk| (disk.id.clone(), disk.name.clone())));
        self
    }

    fn of(&self, id: Guid) -> String {
        self.things.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A disk in a few words: its name in the kernel, or its id.
    fn disk(&self, id: &DiskId) -> String {
        self.disks.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A disk by its name in the kernel and its id.
    pub fn whole_disk(&self, id: &DiskId) -> String {
        match self.disks.get(id) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_string(),
        }
    }
}

/// Each step of a plan in words.
pub fn words(plan: &Plan, names: &Names) -> Vec<String> {
    let word = |step: &Step| action(&step.action, names);
    plan.steps.iter().map(word).collect()
}

#[allow(clippy::too_many_lines, reason = "one arm for each action")]
fn action(action: &Action, names: &Names) -> String {
    let of = |id: &Guid| names.of(*id);
    match action {
        Action::EraseDisk { disk } => format!("erase disk {}", names.disk(disk)),
        Action::CreatePool { name, vdevs, key, .. } => {
            format!(
                "create pool {name} of {}{}",
                groups(vdevs, names),
                encrypted(key.as_ref())
            )
        }
        Action::ImportPool {
            pool,
            name,
            read_only,
            ..
        } => {
            let old = of(pool);
            let renamed = if old == *name {
                String::new()
            } else {
                format!(" as {name}")
            };
            let how = if *read_only { ", read-only" } else { "" };
            format!("import pool {old}{renamed}{how}")
        }
        Action::ExportPool { pool } => format!("export pool {}", of(pool)),
        Action::DestroyPool { pool } => format!("destroy pool {}", of(pool)),
        Action::AddVdevs { pool, vdevs } => format!("add {} to {}", groups(vdevs, names), of(pool)),
        Action::RemoveVdev { pool, vdev } => format!("remove {} from {}", of(vdev), of(pool)),
        Action::ExpandRaidz { pool, vdev, disk } => {
            format!(
                "make {} of {} wider by disk {}",
                of(vdev),
                of(pool),
                names.disk(disk)
            )
        }
        Action::AttachDisk { pool, to, disk } => {
            format!("attach disk {} to {} of {}", names.disk(disk), of(to), of(pool))
        }
        Action::DetachDevice { pool, device } => format!("detach {} from {}", of(device), of(pool)),
        Action::ReplaceDevice { pool, device, disk } => {
            format!(
                "replace {} of {} by disk {}",
                of(device),
                of(pool),
                names.disk(disk)
            )
        }
        Action::OfflineDevice { pool, device } => format!("take {} of {} out of use", of(device), of(pool)),
        Action::OnlineDevice { pool, device } => format!("take {} of {} back into use", of(device), of(pool)),
        Action::ClearErrors { pool } => format!("clear the errors of {}", of(pool)),
        Action::ScrubPool { pool, scrub } => match scrub {
            Scrub::Start => format!("start or continue a scrub of {}", of(pool)),
            Scrub::Pause => format!("pause the scrub of {}", of(pool)),
            Scrub::Stop => format!("stop the scrub of {}", of(pool)),
            Scrub::Errors => format!("scrub the damaged blocks of {}", of(pool)),
        },
        Action::TrimPool { pool, trim } => match trim {
            Trim::Start => format!("start a trim of {}", of(pool)),
            Trim::Stop => format!("stop the trim of {}", of(pool)),
        },
        Action::UpgradePool { pool } => format!("enable the features of this system in {}", of(pool)),
        Action::SetPoolProperties { pool, properties } => {
            format!("set {} of pool {}", pairs(properties), of(pool))
        }
        Action::SetCare { care } => format!("set the schedule of scrubs and trims of {}", of(&care.pool)),
        Action::CreateDataset {
            name,
            kind,
            size: bytes,
            sparse,
            key,
            ..
        } => {
            let what = match kind {
                DatasetKind::FileSystem => "file system",
                DatasetKind::Volume if *sparse => "sparse volume",
                DatasetKind::Volume => "volume",
            };
            let bytes = bytes.map_or_else(String::new, |bytes| format!(" of {}", size(bytes)));
            format!("create {what} {name}{bytes}{}", encrypted(key.as_ref()))
        }
        Action::RenameDataset { name, to } => format!("rename {name} to {to}"),
        Action::DestroyDataset { name } => format!("destroy dataset {name} and what is below it"),
        Action::SetProperties { name, properties } => format!("set {} of {name}", pairs(properties)),
        Action::InheritProperty { name, property } => format!("let {name} inherit {property}"),
        Action::SetOwnerQuota { name, owner, bytes } => {
            let who = owner_words(*owner);
            match bytes {
                0 => format!("take the limit of {who} in {name} away"),
                bytes => format!("limit {who} to {} in {name}", size(*bytes)),
            }
        }
        Action::LoadKey { name, .. } => format!("load the key of {name}"),
        Action::UnloadKey { name } => format!("unload the key of {name}"),
        Action::ChangeKey { name, key } => format!("change the key of {name} to {}", key_words(key)),
        Action::Mount { name } => format!("mount {name}"),
        Action::Unmount { name } => format!("unmount {name}"),
        Action::CreateSnapshots {
            datasets,
            tag,
            locked_until,
            ..
        } => {
            let made: Vec<String> = datasets.iter().map(|set| format!("{set}@{tag}")).collect();
            let locked = locked_until.map_or_else(String::new, |until| {
                format!(", locked until {}", words::time(until))
            });
            format!("make {}{locked}", made.join(", "))
        }
        Action::DestroySnapshots { dataset, tags } => {
            let gone: Vec<String> = tags.iter().map(|tag| format!("{dataset}@{tag}")).collect();
            format!("destroy {}", gone.join(", "))
        }
        Action::HoldSnapshot { snapshot, tag } => format!("hold {snapshot} by '{tag}'"),
        Action::ReleaseSnapshot { snapshot, tag } => format!("release the hold '{tag}' of {snapshot}"),
        Action::Rollback { snapshot } => format!("roll back to {snapshot}"),
        Action::CloneSnapshot { snapshot, name } => format!("clone {snapshot} as {name}"),
        Action::PromoteDataset { name } => format!("promote {name}"),
        Action::SetPolicy { policy } => format!("set policy {}", policy.name),
        Action::RemovePolicy { name } => format!("remove policy {name}"),
    }
}

fn owner_words(owner: Owner) -> String {
    match owner {
        Owner::User(id) => format!("user {id}"),
        Owner::Group(id) => format!("group {id}"),
    }
}

const fn key_words(key: &KeySource) -> &'static str {
    match key {
        KeySource::Passphrase => "a passphrase",
        KeySource::Stored => "one that this machine keeps",
    }
}

fn encrypted(key: Option<&KeySource>) -> String {
    key.map_or_else(String::new, |key| {
        format!(
            ", encrypted by {}",
            match key {
                KeySource::Passphrase => "a passphrase",
                KeySource::Stored => "a key that this machine keeps",
            }
        )
    })
}

fn pairs(properties: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(" ")
}

/// Vdevs to be made, such as `mirror of a and b; spare c`.
fn groups(vdevs: &[NewVdev], names: &Names) -> String {
    let group = |vdev: &NewVdev| {
        let class = match vdev.class {
            VdevClass::Data => String::new(),
            class => format!("{} ", words::class(class)),
        };
        match vdev.kind {
            VdevKind::Disk => format!("{class}{}", disks(&vdev.disks, names)),
            kind => format!("{class}{} of {}", words::kind(kind), disks(&vdev.disks, names)),
        }
    };
    vdevs.iter().map(group).collect::<Vec<_>>().join("; ")
}

fn disks(ids: &[DiskId], names: &Names) -> String {
    let ids: Vec<String> = ids.iter().map(|id| names.disk(id)).collect();
    match ids.split_last() {
        Some((last, before @ [_, ..])) => format!("{} and {last}", before.join(", ")),
        _ => ids.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_and_devices_have_names() {
        let names = Names {
            things: BTreeMap::from([(Guid(1), "tank".to_owned()), (Guid(2), "sda".to_owned())]),
            disks: BTreeMap::from([(DiskId::from("b"), "sdb".to_owned())]),
        };
        let replace = Action::ReplaceDevice {
            pool: Guid(1),
            device: Guid(2),
            disk: DiskId::from("b"),
        };
        assert_eq!(action(&replace, &names), "replace sda of tank by disk sdb");
        let unknown = Action::ExportPool { pool: Guid(3) };
        assert_eq!(action(&unknown, &names), "export pool 3");
        let new = |kind, class, disks: &[&str]| NewVdev {
            kind,
            class,
            disks: disks.iter().map(|disk| DiskId::from(*disk)).collect(),
        };
        let add = Action::AddVdevs {
            pool: Guid(1),
            vdevs: vec![
                new(
                    VdevKind::Raidz { parity: 2 },
                    VdevClass::Data,
                    &["a", "b", "c", "d"],
                ),
                new(VdevKind::Disk, VdevClass::Spare, &["e"]),
            ],
        };
        assert_eq!(
            action(&add, &names),
            "add raidz2 of a, sdb, c and d; spare e to tank"
        );
    }
}
