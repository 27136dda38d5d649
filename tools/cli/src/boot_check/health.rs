//! What makes a boot bad.

use std::collections::BTreeSet;

use sigmavault_facts::slots::record;
use sigmavault_facts::{Files, mounts, verity, zpool_cache};
use sigmavault_host::run::{Run, RunError};
use sigmavault_host::{systemctl, zpool};

use super::settings::Settings;
use crate::durable;
use crate::unlock_pools;

/// Where the initrd mounts the state partition.
const STATE: &str = "/run/initramfs/state";

/// Names of the pools that were imported when a boot was last good or shut down in order.
pub const POOLS: &str = "pools";

/// The current problems, one sentence each; empty if the boot is good.
pub fn problems(
    files: &Files,
    settings: &Settings,
    run: &dyn Run,
    alive: &dyn Fn() -> Result<(), String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let root = verity::root_state(files);
    if !root.verified {
        problems.push(format!("the root file system is not verified: {}", root.detail));
    }
    problems.extend(state(files));
    problems.extend(settings.units.iter().filter_map(|name| unit(name, run).err()));
    problems.extend(alive().err());
    problems.extend(pools(files, settings, run));
    problems
}

/// Checks that the state file system is mounted and writable.
fn state(files: &Files) -> Option<String> {
    let mounts = files.text("/proc/self/mountinfo").unwrap_or_default();
    match mounts::parse(&mounts).iter().rfind(|mount| mount.point == STATE) {
        None => return Some("the state file system is not mounted".to_owned()),
        Some(mount) if mount.read_only => return Some("the state file system is read-only".to_owned()),
        Some(_) => {}
    }
    let probe = files.path(record("probe"));
    let written = durable::replace(&probe, b"probe\n").and_then(|()| durable::remove(&probe));
    written
        .err()
        .map(|error| format!("the state file system is not writable: {error}"))
}

/// Checks that a unit runs, or that somebody turned it off.
fn unit(name: &str, run: &dyn Run) -> Result<(), String> {
    let shown = run
        .text(&systemctl::show(name))
        .map_err(|error| error.to_string())?;
    let unit = systemctl::parse_unit(&shown);
    match (unit.load.as_str(), unit.active.as_str()) {
        (_, "active" | "reloading" | "refreshing") | ("masked", _) => Ok(()),
        ("not-found", _) => Err(format!("{name} is not on this system")),
        (_, "failed") => Err(format!("{name} failed")),
        (_, "inactive") if unit.file != "enabled" || unit.condition_unmet => Ok(()),
        (_, state) => Err(format!("{name} does not run ({state})")),
    }
}

/// Pools that are imported now.
pub fn imported(run: &dyn Run) -> Result<Vec<String>, RunError> {
    run.text(&zpool::list_names())
        .map(|text| zpool::parse_names(&text))
}

/// Pools that are expected and not imported.
fn pools(files: &Files, settings: &Settings, run: &dyn Run) -> Vec<String> {
    // ZFS removes a pool that it could not import from its cache file once it imports another one. So the pools of the
    // last good boot are expected too.
    let recorded = files.text(record(POOLS)).unwrap_or_default();
    let cache = files.bytes("/etc/zfs/zpool.cache").unwrap_or_default();
    let mut wanted: BTreeSet<String> = zpool_cache::pools(&cache).into_iter().collect();
    wanted.extend(
        recorded
            .lines()
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
    );
    wanted.retain(|name| !settings.ignore_pools.contains(name));
    if wanted.is_empty() {
        return Vec::new();
    }
    match imported(run) {
        Ok(imported) => {
            let missing = wanted.iter().filter(|name| !imported.contains(name));
            let missing = missing.map(|name| format!("pool {name} is not imported"));
            missing.chain(locked(files, settings, run)).collect()
        }
        Err(error) => {
            let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
            vec![format!("ZFS does not answer for {}: {error}", names.join(", "))]
        }
    }
}

/// Pools and datasets whose key lies in a file of this machine and is not loaded. Keys that somebody types do not count.
fn locked(files: &Files, settings: &Settings, run: &dyn Run) -> Vec<String> {
    match unlock_pools::locked(run) {
        Ok(locked) => locked
            .iter()
            .filter(|locked| !settings.ignore_pools.contains(&locked.pool().to_owned()))
            .map(|locked| locked.reason(files))
            .collect(),
        Err(error) => vec![format!(
            "ZFS does not say whether the pools are unlocked: {error}"
        )],
    }
}
