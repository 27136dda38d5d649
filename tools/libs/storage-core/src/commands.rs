//! The commands of ZFS that carry an action out. Pure: what is shown in a plan and what is run are the same.

use std::collections::BTreeMap;

use sigmavault_host::run::Invocation;
use sigmavault_host::zfs::key::Key;
use sigmavault_host::zfs::{self, change, snapshot};
use sigmavault_host::zpool::create::{Creation, Group, Purpose, Redundancy, add, create_pool};
use sigmavault_host::zpool::import::{Import, import};
use sigmavault_host::zpool::{self, work};
use sigmavault_host::{blockdev, wipefs};
use sigmavault_types::storage::{
    Action, DatasetKind, DiskId, Guid, KeySource, NewVdev, Owner, Scrub, Trim, VdevClass, VdevKind, World,
};

use crate::engine::Secret;

/// Property of a snapshot that names the policy that made it.
pub const POLICY: &str = "org.sigmavault:policy";
/// Property of a snapshot until when only the console may destroy it, in seconds since 1970.
pub const LOCKED_UNTIL: &str = "org.sigmavault:locked-until";
/// The hold by which ZFS itself keeps a locked snapshot.
pub const LOCK: &str = "sigmavault-lock";
/// Folder of the keys that the system keeps.
const KEYS: &str = "/etc/sigmavault/keys";

/// The commands that carry an action out, as a shell would take them. A secret that one reads is not part of it.
pub fn commands(action: &Action, world: &World) -> Vec<String> {
    invocations(action, world, None)
        .iter()
        .map(Invocation::quoted)
        .collect()
}

/// The commands that carry an action out. Policies and schedules have none: they are kept by the service.
#[allow(clippy::too_many_lines, reason = "one arm for each action")]
pub fn invocations(action: &Action, world: &World, secret: Option<&Secret>) -> Vec<Invocation> {
    let pool = |id: &Guid| {
        world
            .pool(*id)
            .map_or_else(|| id.to_string(), |pool| pool.name.clone())
    };
    let device = |disk: &DiskId| {
        world
            .disk(disk)
            .map_or_else(|| disk.to_string(), |disk| disk.device.clone())
    };
    match action {
        Action::EraseDisk { disk } => {
            let device = device(disk);
            // By itself, wipefs lets the kernel go on with the partitions that were there.
            vec![
                wipefs::erase_all(&device),
                blockdev::reread_partition_table(&device),
            ]
        }
        Action::CreatePool {
            name,
            vdevs,
            properties,
            dataset_properties,
            key,
        } => {
            let devices = devices(vdevs, world);
            let mut root = dataset_properties.clone();
            root.extend(encryption(name, key.as_ref()));
            let (properties, root) = (pairs(properties), pairs(&root));
            vec![create_pool(&Creation {
                name,
                groups: &groups(vdevs, &devices),
                properties: &properties,
                root_properties: &root,
                key: given(key.as_ref(), secret),
                ..Creation::default()
            })]
        }
        Action::ImportPool {
            pool,
            name,
            read_only,
            force,
        } => {
            let id = pool.to_string();
            let known = world.pool(*pool).is_some_and(|pool| pool.name == *name);
            let properties: &[(&str, &str)] = if *read_only { &[("readonly", "on")] } else { &[] };
            vec![import(&Import {
                pool: &id,
                new_name: (!known).then_some(name),
                places: &["/dev/disk/by-id"],
                properties,
                no_mount: true,
                force: *force,
                ..Import::default()
            })]
        }
        Action::ExportPool { pool: id } => vec![zpool::change::export_pool(&pool(id), false)],
        Action::DestroyPool { pool: id } => vec![zpool::change::destroy(&pool(id))],
        Action::AddVdevs { pool: id, vdevs } => {
            let devices = devices(vdevs, world);
            // The plan has judged the redundancy; zpool would ask for force where it differs.
            vec![add(&pool(id), &groups(vdevs, &devices), true, false)]
        }
        Action::RemoveVdev { pool: id, vdev } => {
            vec![zpool::change::remove(&pool(id), &vdev.to_string(), false)]
        }
        Action::ExpandRaidz { pool: id, vdev, disk } => {
            let name = world
                .pool(*id)
                .and_then(|pool| pool.vdev(*vdev))
                .map(|vdev| vdev.name.clone());
            let name = name.unwrap_or_else(|| vdev.to_string());
            vec![zpool::change::attach(
                &pool(id),
                &name,
                &device(disk),
                false,
                false,
            )]
        }
        Action::AttachDisk { pool: id, to, disk } => {
            vec![zpool::change::attach(
                &pool(id),
                &to.to_string(),
                &device(disk),
                false,
                false,
            )]
        }
        Action::DetachDevice { pool: id, device } => {
            vec![zpool::change::detach(&pool(id), &device.to_string())]
        }
        Action::ReplaceDevice {
            pool: id,
            device: old,
            disk,
        } => vec![zpool::change::replace(
            &pool(id),
            &old.to_string(),
            Some(&device(disk)),
            false,
            false,
        )],
        Action::OfflineDevice { pool: id, device } => {
            vec![zpool::change::offline(&pool(id), &device.to_string(), false)]
        }
        Action::OnlineDevice { pool: id, device } => {
            vec![zpool::change::online(&pool(id), &device.to_string(), false)]
        }
        Action::ClearErrors { pool: id } => vec![zpool::change::clear(&pool(id), None)],
        Action::ScrubPool { pool: id, scrub } => vec![match scrub {
            Scrub::Start => work::scrub(&pool(id), work::Step::Start),
            Scrub::Pause => work::scrub(&pool(id), work::Step::Pause),
            Scrub::Stop => work::scrub(&pool(id), work::Step::Stop),
            Scrub::Errors => work::error_scrub(&pool(id)),
        }],
        Action::TrimPool { pool: id, trim } => {
            let step = match trim {
                Trim::Start => work::Step::Start,
                Trim::Stop => work::Step::Stop,
            };
            vec![work::trim(&pool(id), None, step, None)]
        }
        Action::UpgradePool { pool: id } => vec![zpool::change::upgrade(&pool(id))],
        Action::SetPoolProperties { pool: id, properties } => properties
            .iter()
            .map(|(property, value)| zpool::get::set(&pool(id), property, value))
            .collect(),
        Action::CreateDataset {
            name,
            kind,
            size,
            sparse,
            key,
            properties,
        } => {
            let mut all = properties.clone();
            all.extend(encryption(name, key.as_ref()));
            vec![change::create(&change::Creation {
                name,
                volume: size.filter(|_| *kind == DatasetKind::Volume),
                sparse: *sparse,
                no_mount: *kind == DatasetKind::FileSystem,
                properties: &pairs(&all),
                key: given(key.as_ref(), secret),
                parents: false,
            })]
        }
        Action::RenameDataset { name, to } => vec![change::rename(name, to, true, false)],
        Action::DestroyDataset { name } => vec![change::destroy(name, change::Reach::Below)],
        Action::SetProperties { name, properties } => vec![change::set(name, &pairs(properties))],
        Action::InheritProperty { name, property } => vec![change::inherit(name, property, false, false)],
        Action::SetOwnerQuota { name, owner, bytes } => {
            let (owner, id) = match owner {
                Owner::User(id) => (zfs::space::Owner::User, *id),
                Owner::Group(id) => (zfs::space::Owner::Group, *id),
            };
            vec![zfs::space::set_quota(name, owner, id, *bytes)]
        }
        Action::LoadKey { name, key } => vec![zfs::key::load(name, given(Some(key), secret), false)],
        Action::UnloadKey { name } => vec![zfs::key::unload(name, false)],
        Action::ChangeKey { name, key } => {
            let mut properties = encryption(name, Some(key));
            properties.remove("encryption");
            if *key == KeySource::Passphrase {
                properties.remove("keylocation");
            }
            vec![zfs::key::change(
                name,
                &pairs(&properties),
                given(Some(key), secret),
            )]
        }
        Action::Mount { name } => vec![change::mount_tree(name)],
        Action::Unmount { name } => vec![change::unmount(name, false)],
        Action::CreateSnapshots {
            datasets,
            tag,
            policy,
            locked_until,
        } => create_snapshots(datasets, tag, policy.as_deref(), *locked_until),
        Action::DestroySnapshots { dataset, tags } => destroy_snapshots(dataset, tags, world),
        Action::HoldSnapshot { snapshot: name, tag } => vec![snapshot::hold(tag, &[name], false)],
        Action::ReleaseSnapshot { snapshot: name, tag } => vec![snapshot::release(tag, &[name], false)],
        Action::Rollback { snapshot: name } => vec![snapshot::rollback(name, true)],
        Action::CloneSnapshot { snapshot: from, name } => vec![snapshot::clone(from, name, &[])],
        Action::PromoteDataset { name } => vec![snapshot::promote(name)],
        Action::SetCare { .. } | Action::SetPolicy { .. } | Action::RemovePolicy { .. } => Vec::new(),
    }
}

fn create_snapshots(
    datasets: &[String],
    tag: &str,
    policy: Option<&str>,
    locked_until: Option<i64>,
) -> Vec<Invocation> {
    let names: Vec<String> = datasets
        .iter()
        .map(|dataset| format!("{dataset}@{tag}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let until = locked_until.map(|until| until.to_string());
    let policy = policy.map(|policy| (POLICY, policy));
    let lock = until.as_deref().map(|until| (LOCKED_UNTIL, until));
    let properties: Vec<(&str, &str)> = policy.into_iter().chain(lock).collect();
    let make = snapshot::snapshot(&names, false, &properties);
    let hold = locked_until.map(|_| snapshot::hold(LOCK, &names, false));
    std::iter::once(make).chain(hold).collect()
}

fn destroy_snapshots(dataset: &str, tags: &[String], world: &World) -> Vec<Invocation> {
    let name = |tag: &String| format!("{dataset}@{tag}");
    let locked = |name: &String| world.snapshot(name).is_some_and(|one| one.locked_until.is_some());
    let locked: Vec<String> = tags.iter().map(name).filter(locked).collect();
    let locked: Vec<&str> = locked.iter().map(String::as_str).collect();
    let release = (!locked.is_empty()).then(|| snapshot::release(LOCK, &locked, false));
    let destroy = change::destroy(&format!("{dataset}@{}", tags.join(",")), change::Reach::Only);
    release.into_iter().chain([destroy]).collect()
}

/// Properties by which a dataset is encrypted (zfsprops(7)).
fn encryption(name: &str, key: Option<&KeySource>) -> BTreeMap<String, String> {
    let properties: &[(&str, &str)] = match key {
        None => &[],
        Some(KeySource::Passphrase) => &[
            ("encryption", "aes-256-gcm"),
            ("keyformat", "passphrase"),
            ("keylocation", "prompt"),
        ],
        Some(KeySource::Stored) => &[("encryption", "aes-256-gcm"), ("keyformat", "hex")],
    };
    let mut all: BTreeMap<String, String> = properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    if key == Some(&KeySource::Stored) {
        all.insert("keylocation".to_owned(), zfs::location(&key_file(name)));
    }
    all
}

/// The file of a key that the system keeps. A slash cannot be in a file's name, and a percent sign not in a dataset's.
pub fn key_file(dataset: &str) -> std::path::PathBuf {
    std::path::Path::new(KEYS).join(format!("{}.key", dataset.replace('/', "%")))
}

fn given<'a>(key: Option<&KeySource>, secret: Option<&'a Secret>) -> Key<'a> {
    match (key, secret) {
        (Some(KeySource::Passphrase), Some(secret)) => Key::Bytes(&secret.0),
        _ => Key::Location,
    }
}

fn pairs(properties: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    properties
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// The devices of each vdev.
fn devices(vdevs: &[NewVdev], world: &World) -> Vec<Vec<String>> {
    let device = |disk: &DiskId| {
        world
            .disk(disk)
            .map_or_else(|| disk.to_string(), |disk| disk.device.clone())
    };
    let of = |vdev: &NewVdev| vdev.disks.iter().map(device).collect();
    vdevs.iter().map(of).collect()
}

fn groups<'a>(vdevs: &[NewVdev], devices: &'a [Vec<String>]) -> Vec<Group<'a>> {
    let group = |(vdev, devices): (&NewVdev, &'a Vec<String>)| Group {
        purpose: purpose(vdev.class),
        redundancy: redundancy(vdev.kind, devices.len()),
        devices,
    };
    vdevs.iter().zip(devices).map(group).collect()
}

const fn purpose(class: VdevClass) -> Purpose {
    match class {
        VdevClass::Data => Purpose::Data,
        VdevClass::Special => Purpose::Special,
        VdevClass::Dedup => Purpose::Dedup,
        VdevClass::Log => Purpose::Log,
        VdevClass::Cache => Purpose::Cache,
        VdevClass::Spare => Purpose::Spare,
    }
}

fn redundancy(kind: VdevKind, children: usize) -> Redundancy {
    match kind {
        VdevKind::Mirror => Redundancy::Mirror,
        VdevKind::Raidz { parity } => Redundancy::Raidz { parity },
        VdevKind::Draid { parity, data, spares } => Redundancy::Draid {
            parity,
            data: data.into(),
            children: u16::try_from(children).unwrap_or(u16::MAX),
            spares: spares.into(),
        },
        VdevKind::Disk | VdevKind::File | VdevKind::Replacing | VdevKind::Spare | VdevKind::Gone => {
            Redundancy::None
        }
    }
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
