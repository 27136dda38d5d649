//! The ZFS pool for data.

use std::path::Path;

use sigmavault_host::run::Invocation;
use sigmavault_host::zpool::{self, NewPool};

use super::error::{ExecuteError, io};
use super::files;
use crate::layout::Kind;
use crate::plan::PoolPlan;
use crate::site::Site;

/// Where it is mounted while it is made.
const ALTROOT: &str = "/run/sigmavault/pool";

/// Makes the pool and leaves it exported, with what the new system needs to import it by itself.
pub fn create(site: &Site, plan: &PoolPlan, root: &Path) -> Result<(), ExecuteError> {
    let folder = root.join("etc/zfs");
    files::make_folder(site, &folder)?;
    let cache = folder.join("zpool.cache");
    links_lead_to_disks(site, plan)?;
    site.run().succeed(&creation(plan, &cache))?;
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

/// How the pool is created. Sources of the choices: zpoolprops(7), zfsprops(7), OpenZFS "Workload Tuning".
fn creation(plan: &PoolPlan, cache: &Path) -> Invocation {
    let trim = if plan.disks.iter().any(|disk| disk.rotational) {
        "autotrim=off"
    } else {
        "autotrim=on"
    };
    zpool::create(&NewPool {
        name: &plan.name,
        altroot: ALTROOT,
        properties: &["ashift=12", trim, &format!("cachefile={}", cache.display())],
        file_system_properties: &[
            "compression=lz4",
            "relatime=on",
            "xattr=sa",
            "acltype=posixacl",
            "dnodesize=auto",
            &format!("mountpoint={}", plan.mountpoint),
        ],
        vdevs: &vdevs(plan),
    })
}

/// The vdevs as zpool-create(8) takes them.
fn vdevs(plan: &PoolPlan) -> Vec<String> {
    let mut words = Vec::new();
    let keyword = match plan.layout.kind {
        Kind::Single | Kind::Stripe => None,
        Kind::Mirror | Kind::Mirrors => Some("mirror"),
        Kind::Raidz1 => Some("raidz1"),
        Kind::Raidz2 => Some("raidz2"),
        Kind::Raidz3 => Some("raidz3"),
    };
    let device = |index: &usize| {
        plan.disks
            .get(*index)
            .map(|disk| disk.links.first().unwrap_or(&disk.path).clone())
    };
    for vdev in &plan.layout.vdevs {
        words.extend(keyword.map(str::to_owned));
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
