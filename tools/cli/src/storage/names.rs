//! Names on the command line, and what they stand for. A name that could mean several things is refused with the choices.

use std::path::Path;

use sigmavault_facts::terminal::printable;
use sigmavault_types::storage::{Dataset, Disk, DiskId, Pool, Snapshot, SnapshotPolicy, Vdev, World};

use super::access::Storage;
use super::words::quoted;

/// Choices that are listed at most.
const LISTED: usize = 10;

/// Why a name stands for nothing, or for too much.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing with this name.
    #[error("there is no {kind} '{}'; {}", printable(.name), known(.choices))]
    Unknown {
        /// What kind of thing.
        kind: &'static str,
        /// The name.
        name: String,
        /// What there is.
        choices: Vec<String>,
    },
    /// There are several.
    #[error("'{}' can mean several things; name one of: {}", printable(.name), printable(&choices.join(", ")))]
    Ambiguous {
        /// The name.
        name: String,
        /// What it can mean.
        choices: Vec<String>,
    },
    /// The pool is not imported.
    #[error("pool {} is not imported; import it with: sigmavault pool import {}", printable(.0), quoted(.0))]
    NotImported(String),
}

fn known(choices: &[String]) -> String {
    if choices.is_empty() {
        "there is none".to_owned()
    } else {
        let more = choices.len().saturating_sub(LISTED);
        let listed: Vec<&str> = choices.iter().take(LISTED).map(String::as_str).collect();
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("there are: {}{rest}", printable(&listed.join(", ")))
    }
}

fn unknown(kind: &'static str, name: &str, mut choices: Vec<String>) -> NameError {
    // Of many, those that look like it are seen first.
    if choices.len() > LISTED {
        choices.sort_by_key(|choice| strsim::damerau_levenshtein(choice, name));
    }
    NameError::Unknown {
        kind,
        name: name.to_owned(),
        choices,
    }
}

/// The only one that was found.
fn only<'a, T>(
    kind: &'static str,
    name: &str,
    found: &[&'a T],
    choice: impl Fn(&T) -> String,
    all: impl FnOnce() -> Vec<String>,
) -> Result<&'a T, NameError> {
    match found {
        [one] => Ok(one),
        [] => Err(unknown(kind, name, all())),
        several => Err(NameError::Ambiguous {
            name: name.to_owned(),
            choices: several.iter().map(|one| choice(one)).collect(),
        }),
    }
}

/// A pool, imported or not, by name or GUID. Of several with the same name the imported one is meant.
pub fn pool<'a>(world: &'a World, name: &str) -> Result<&'a Pool, NameError> {
    if let Some(pool) = world.imported(name) {
        return Ok(pool);
    }
    let pools: Vec<&Pool> = world.pools.iter().collect();
    among(&pools, "pool", name)
}

/// A pool that is imported.
pub fn imported<'a>(world: &'a World, name: &str) -> Result<&'a Pool, NameError> {
    let pools: Vec<&Pool> = world.pools.iter().filter(|pool| pool.imported).collect();
    match among(&pools, "pool", name) {
        Err(NameError::Unknown { .. }) if pool(world, name).is_ok_and(|pool| !pool.imported) => {
            Err(NameError::NotImported(name.to_owned()))
        }
        found => found,
    }
}

/// A pool that can be imported.
pub fn importable<'a>(world: &'a World, name: &str) -> Result<&'a Pool, NameError> {
    let pools: Vec<&Pool> = world.pools.iter().filter(|pool| !pool.imported).collect();
    among(&pools, "pool to import", name)
}

fn among<'a>(pools: &[&'a Pool], kind: &'static str, name: &str) -> Result<&'a Pool, NameError> {
    let all = || pools.iter().map(|pool| pool.name.clone()).collect();
    let mut found: Vec<&Pool> = pools.iter().copied().filter(|pool| pool.name == name).collect();
    if found.is_empty() {
        let with_id = |pool: &&Pool| pool.id.to_string() == name;
        found = pools.iter().copied().filter(with_id).collect();
    }
    let choice = |pool: &Pool| format!("{} (a pool {})", pool.id, pool.name);
    only(kind, name, &found, choice, all)
}

/// Which vdevs of a pool are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Groups and single devices at the top.
    Top,
    /// Devices: disks and files.
    Device,
    /// All.
    Any,
}

/// A vdev of a pool: by GUID, by its name in the tools, or by its disk.
pub fn vdev<'a>(
    storage: &dyn Storage,
    world: &World,
    pool: &'a Pool,
    name: &str,
    which: Which,
) -> Result<&'a Vdev, NameError> {
    let all: Vec<&Vdev> = match which {
        Which::Top => pool.vdevs.iter().collect(),
        Which::Device => pool.vdevs.iter().flat_map(Vdev::devices).collect(),
        Which::Any => pool.all_vdevs(),
    };
    // A disk that is gone has only what the pool knows of it.
    let disks: Vec<&DiskId> = disks_named(storage, world, name)
        .into_iter()
        .map(|disk| &disk.id)
        .collect();
    let meant = |vdev: &Vdev| {
        vdev.id.to_string() == name
            || vdev.name == name
            || vdev.name.rsplit('/').next() == Some(name)
            || vdev
                .disk
                .as_ref()
                .is_some_and(|disk| disk.0 == name || disks.contains(&disk))
    };
    let found: Vec<&Vdev> = all.iter().copied().filter(|vdev| meant(vdev)).collect();
    let kind = match which {
        Which::Top => "vdev",
        Which::Device => "device",
        Which::Any => "vdev or device",
    };
    only(
        kind,
        name,
        &found,
        |vdev| format!("{} ({})", vdev.id, vdev.name),
        || all.iter().map(|vdev| known_as(vdev, world).to_owned()).collect(),
    )
}

/// The kernel's name of its disk, or the name in the tools.
fn known_as<'a>(vdev: &'a Vdev, world: &'a World) -> &'a str {
    let disk = vdev.disk.as_ref().and_then(|id| world.disk(id));
    disk.map_or(&vdev.name, |disk| &disk.name)
}

/// A disk: by its id, its name in the kernel, a path below `/dev`, or its link.
pub fn disk<'a>(storage: &dyn Storage, world: &'a World, name: &str) -> Result<&'a Disk, NameError> {
    let all = || world.disks.iter().map(|disk| disk.name.clone()).collect();
    let choice = |disk: &Disk| format!("{} ({})", disk.id, disk.device);
    only("disk", name, &disks_named(storage, world, name), choice, all)
}

/// Several disks.
pub fn disks(storage: &dyn Storage, world: &World, names: &[String]) -> Result<Vec<DiskId>, NameError> {
    let ids = names
        .iter()
        .map(|name| disk(storage, world, name).map(|disk| disk.id.clone()));
    ids.collect()
}

fn disks_named<'a>(storage: &dyn Storage, world: &'a World, name: &str) -> Vec<&'a Disk> {
    let link = |disk: &Disk| disk.device.rsplit('/').next() == Some(name);
    let meant = |disk: &&Disk| {
        disk.id.0 == name
            || disk.name == name
            || disk.device == name
            || link(disk)
            || name.strip_prefix("/dev/") == Some(disk.name.as_str())
    };
    let found: Vec<&Disk> = world.disks.iter().filter(meant).collect();
    if found.is_empty() && name.starts_with("/dev/") {
        let kernel = storage.kernel_name(Path::new(name));
        let named = |disk: &&Disk| kernel.as_ref() == Some(&disk.name);
        return world.disks.iter().filter(named).collect();
    }
    found
}

/// A dataset.
pub fn dataset<'a>(world: &'a World, name: &str) -> Result<&'a Dataset, NameError> {
    let all = || world.datasets.iter().map(|set| set.name.clone()).collect();
    world.dataset(name).ok_or_else(|| unknown("dataset", name, all()))
}

/// A snapshot among those of its dataset.
pub fn snapshot<'a>(snapshots: &'a [Snapshot], name: &str) -> Result<&'a Snapshot, NameError> {
    let all = || snapshots.iter().map(|one| one.name.clone()).collect();
    let found = snapshots.iter().find(|one| one.name == name);
    found.ok_or_else(|| unknown("snapshot", name, all()))
}

/// A policy.
pub fn policy<'a>(world: &'a World, name: &str) -> Result<&'a SnapshotPolicy, NameError> {
    let all = || world.policies.iter().map(|one| one.name.clone()).collect();
    let found = world.policies.iter().find(|one| one.name == name);
    found.ok_or_else(|| unknown("policy", name, all()))
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
