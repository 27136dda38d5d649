//! The ZFS pool for data.

use std::path::Path;

use super::ExecuteError;
use super::real::io;
use crate::layout::Kind;
use crate::plan::PoolPlan;
use crate::run::Run;

/// Where it is mounted while it is made.
const ALTROOT: &str = "/run/sigmavault/pool";

/// Makes the pool and leaves it exported, with what the new system needs to import it by itself.
pub fn create(run: &dyn Run, plan: &PoolPlan, root: &Path) -> Result<(), ExecuteError> {
    let folder = root.join("etc/zfs");
    std::fs::create_dir_all(&folder).map_err(|error| io("make", &folder.display().to_string(), error))?;
    let cache = folder.join("zpool.cache");
    let args = arguments(plan, &cache.display().to_string());
    run.run("zpool", &args.iter().map(String::as_str).collect::<Vec<_>>(), b"")?;
    // Exporting takes the pool out of the cache file, by which the new system finds it.
    let kept = std::fs::read(&cache).map_err(|error| io("read", &cache.display().to_string(), error))?;
    run.run("zpool", &["export", &plan.name], b"")?;
    std::fs::write(&cache, kept).map_err(|error| io("write", &cache.display().to_string(), error))
}

/// What `zpool` is told. Sources of the choices: zpoolprops(7), zfsprops(7), OpenZFS "Workload Tuning".
fn arguments(plan: &PoolPlan, cache: &str) -> Vec<String> {
    let mountpoint = format!("mountpoint={}", plan.mountpoint);
    let cachefile = format!("cachefile={cache}");
    let trim = if plan.disks.iter().any(|disk| disk.rotational) {
        "autotrim=off"
    } else {
        "autotrim=on"
    };
    let mut args: Vec<String> = [
        "create",
        "-f",
        "-R",
        ALTROOT,
        "-o",
        "ashift=12",
        "-o",
        trim,
        "-o",
        &cachefile,
        "-O",
        "compression=lz4",
        "-O",
        "relatime=on",
        "-O",
        "xattr=sa",
        "-O",
        "acltype=posixacl",
        "-O",
        "dnodesize=auto",
        "-O",
        &mountpoint,
        &plan.name,
    ]
    .map(str::to_owned)
    .to_vec();
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
        args.extend(keyword.map(str::to_owned));
        args.extend(vdev.iter().filter_map(device));
    }
    if !plan.layout.spares.is_empty() {
        args.push("spare".to_owned());
        args.extend(plan.layout.spares.iter().filter_map(device));
    }
    args
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
