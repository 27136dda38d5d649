//! What makes a boot bad.

use std::collections::{BTreeSet, HashMap};

use sigmavault_facts::slots::record;
use sigmavault_facts::{Files, mounts, verity, zpool_cache};

use super::settings::Settings;
use crate::durable;
use crate::program::Run;

/// Where the initrd mounts the state partition.
const STATE: &str = "/run/initramfs/state";

/// Names of the pools that were imported when a boot was last good or shut down in order.
pub const POOLS: &str = "pools";

/// Everything that is not as it should be now, each in one sentence; nothing when the boot is good.
pub fn problems(
    files: &Files,
    settings: &Settings,
    run: Run<'_>,
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

/// The state file system is mounted and takes writes.
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
        .map(|error| format!("the state file system does not take writes: {error}"))
}

/// A unit runs, or is off because somebody turned it off.
fn unit(name: &str, run: Run<'_>) -> Result<(), String> {
    let properties =
        "--property=LoadState,ActiveState,UnitFileState,ConditionResult,ConditionTimestampMonotonic";
    let shown = run(&["systemctl", "show", properties, "--", name])?;
    let shown: HashMap<&str, &str> = shown.lines().filter_map(|line| line.split_once('=')).collect();
    let of = |property| shown.get(property).copied().unwrap_or("unknown");
    // A condition that was never looked at shows as unmet too.
    let unmet = of("ConditionResult") == "no" && of("ConditionTimestampMonotonic") != "0";
    match (of("LoadState"), of("ActiveState")) {
        (_, "active" | "reloading" | "refreshing") | ("masked", _) => Ok(()),
        ("not-found", _) => Err(format!("{name} is not on this system")),
        (_, "failed") => Err(format!("{name} failed")),
        (_, "inactive") if of("UnitFileState") != "enabled" || unmet => Ok(()),
        (_, state) => Err(format!("{name} does not run ({state})")),
    }
}

/// Pools that are imported now.
pub fn imported(run: Run<'_>) -> Result<Vec<String>, String> {
    let list = run(&["zpool", "list", "-H", "-o", "name"])?;
    Ok(list
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Pools that were imported, or should have been, and are not.
fn pools(files: &Files, settings: &Settings, run: Run<'_>) -> Vec<String> {
    // ZFS takes a pool that it could not import out of its cache file as soon as it imports another one. So the pools
    // of the last good boot count too.
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
        Ok(imported) => wanted
            .iter()
            .filter(|name| !imported.contains(name))
            .map(|name| format!("pool {name} is not imported"))
            .collect(),
        Err(error) => {
            let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
            vec![format!("ZFS does not answer for {}: {error}", names.join(", "))]
        }
    }
}
