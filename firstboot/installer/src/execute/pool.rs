//! The ZFS pool for data.

use std::path::Path;

use sigmavault_host::run::Invocation;
use sigmavault_host::zfs;
use sigmavault_host::zpool::{self, NewPool};
use sigmavault_storage_core::layout;
use sigmavault_types::storage::VdevKind;

use super::error::{ExecuteError, io};
use super::files;
use crate::plan::PoolPlan;
use crate::pool_key::{self, PoolKey};
use crate::site::Site;

/// Where it is mounted while it is made.
const ALTROOT: &str = "/run/sigmavault/pool";
/// The list of pools of a system.
const CACHE: &str = "etc/zfs/zpool.cache";
/// How an encrypted pool is encrypted (zfsprops(7)). What is in a file can be read out and typed.
const CIPHER: [&str; 2] = ["encryption=aes-256-gcm", "keyformat=hex"];

/// Makes a key for a pool and keeps it in a file of the new system, before there is anything that needs it.
pub fn make_key(site: &Site, pool: &str, root: &Path) -> Result<PoolKey, ExecuteError> {
    let key = PoolKey::make(pool).map_err(|error| io("read", pool_key::RANDOM, error))?;
    let file = root.join(pool_key::file(pool));
    let folder = file.parent().unwrap_or(root);
    files::make_folder(site, folder)?;
    files::set_mode(site, folder, 0o700)?;
    files::write_secret(site, &file, key.digits(), 0o400)?;
    Ok(key)
}

/// Makes the pool and leaves it exported, with what the new system needs to import it by itself.
pub fn create(site: &Site, plan: &PoolPlan, root: &Path) -> Result<(), ExecuteError> {
    let cache = root.join(CACHE);
    files::make_folder(site, cache.parent().unwrap_or(root))?;
    links_lead_to_disks(site, plan)?;
    site.run().succeed(&creation(plan, root))?;
    if plan.encrypted {
        // It is created with the file where it is now; the new system has it below its own root.
        let file = Path::new("/").join(pool_key::file(&plan.name));
        site.run().succeed(&zfs::set_key_file(&plan.name, &file))?;
    }
    // Exporting takes the pool out of the cache file, by which the new system finds it.
    let kept = files::read(site, &cache)?;
    site.run().succeed(&zpool::export(&plan.name))?;
    files::restore(site, &cache, &kept)
}

/// Compares the links by which the pool is made with the disks of the plan.
fn links_lead_to_disks(site: &Site, plan: &PoolPlan) -> Result<(), ExecuteError> {
    for disk in &plan.disks {
        let Some(link) = disk.links.first() else {
            continue;
        };
        let found = site.resolve(link).map_err(|error| io("follow", link, error))?;
        let is_disk = |path: &String| Path::new(path) == found;
        if !is_disk(&disk.path) && !disk.paths.iter().any(is_disk) {
            return Err(ExecuteError::Gone {
                disk: disk.describe(),
            });
        }
    }
    Ok(())
}

/// How the pool of the system with this root is created. Sources of the choices: zpoolprops(7), zfsprops(7), OpenZFS
/// "Workload Tuning".
fn creation(plan: &PoolPlan, root: &Path) -> Invocation {
    let trim = if plan.disks.iter().any(|disk| disk.rotational) {
        "autotrim=off"
    } else {
        "autotrim=on"
    };
    let mountpoint = format!("mountpoint={}", plan.mountpoint);
    let key = root.join(pool_key::file(&plan.name));
    let key = format!("keylocation={}", zfs::location(&key));
    let mut properties = vec![
        "compression=lz4",
        "relatime=on",
        "xattr=sa",
        "acltype=posixacl",
        "dnodesize=auto",
        &mountpoint,
    ];
    if plan.encrypted {
        properties.extend(CIPHER);
        properties.push(&key);
    }
    let cache = root.join(CACHE);
    zpool::create(&NewPool {
        name: &plan.name,
        altroot: ALTROOT,
        properties: &["ashift=12", trim, &format!("cachefile={}", cache.display())],
        file_system_properties: &properties,
        vdevs: &vdevs(plan),
    })
}

/// The vdevs as zpool-create(8) takes them.
fn vdevs(plan: &PoolPlan) -> Vec<String> {
    let mut words = Vec::new();
    let keyword = |disks: usize| match layout::vdev_kind(plan.layout.kind, disks) {
        VdevKind::Mirror => Some("mirror".to_owned()),
        VdevKind::Raidz { parity } => Some(format!("raidz{parity}")),
        VdevKind::Draid { parity, data, spares } => Some(format!("draid{parity}:{data}d:{disks}c:{spares}s")),
        _ => None,
    };
    let device = |index: &usize| {
        plan.disks
            .get(*index)
            .map(|disk| disk.links.first().unwrap_or(&disk.path).clone())
    };
    for vdev in &plan.layout.vdevs {
        words.extend(keyword(vdev.len()));
        words.extend(vdev.iter().filter_map(device));
    }
    if !plan.layout.spares.is_empty() {
        words.push("spare".to_owned());
        words.extend(plan.layout.spares.iter().filter_map(device));
    }
    words
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
