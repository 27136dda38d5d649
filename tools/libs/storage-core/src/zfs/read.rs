//! Reading everything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sigmavault_facts::{Files, slots};
use sigmavault_host::lsblk;
use sigmavault_host::run::Invocation;
use sigmavault_host::zfs::list::{self as datasets, Scope, Type};
use sigmavault_host::zfs::snapshot;
use sigmavault_host::zpool::vdev::Health;
use sigmavault_host::zpool::{import, list, status};
use sigmavault_types::storage::{Dataset, DeviceState, Disk, DiskUse, Guid, Pool, Snapshot, World};

use super::surface::Surface;
use crate::engine::EngineError;

/// Snapshots whose holds are asked for at once: a command line has a limit.
const HOLDS_AT_ONCE: usize = 200;
/// Folders of links to disks.
const LINKS: [&str; 2] = ["/dev/disk/by-id", "/dev/disk/by-path"];
/// Devices of this system, named by the initrd.
const OWN_DEVICES: [&str; 2] = ["/dev/sigmavault/esp", "/dev/sigmavault/root-verity"];

/// Everything that there is, policies and schedules apart. Of a pool that waits for its disks, datasets and snapshots are those of the last
/// time: ZFS does not tell them.
pub(super) fn world(surface: &Surface, last: &World) -> Result<World, EngineError> {
    let time = (surface.now)();
    let devices = lsblk::parse(&text(surface, &lsblk::tree(&super::COLUMNS, None))?).map_err(failed)?;
    let mut disks = super::disks(&devices, &surroundings(&surface.files));
    let listed = list::parse(&text(surface, &list::list())?).map_err(failed)?;
    let statuses = status::parse(&text(surface, &status::status(None, false))?).map_err(failed)?;
    let suspended: BTreeSet<&str> = listed
        .iter()
        .filter(|pool| pool.health == Health::Suspended)
        .map(|pool| pool.name.as_str())
        .collect();
    let healthy: Vec<&str> = listed
        .iter()
        .map(|pool| pool.name.as_str())
        .filter(|name| !suspended.contains(name))
        .collect();
    let (mut sets, mut snapshots) = (Vec::new(), Vec::new());
    if !healthy.is_empty() {
        sets = read_datasets(surface, &healthy)?;
        snapshots = read_snapshots(surface, &healthy)?;
    }
    sets.extend(
        last.datasets
            .iter()
            .filter(|set| suspended.contains(set.pool()))
            .cloned(),
    );
    snapshots.extend(
        last.snapshots
            .iter()
            .filter(|one| suspended.contains(one.pool()))
            .cloned(),
    );
    sets.sort_by(|a: &Dataset, b: &Dataset| a.name.cmp(&b.name));
    snapshots.sort_by(|a: &Snapshot, b: &Snapshot| {
        (a.dataset(), a.transaction).cmp(&(b.dataset(), b.transaction))
    });

    let mut pools = Vec::new();
    for printed in &statuses {
        let Some(of) = listed.iter().find(|pool| pool.guid == printed.guid) else {
            continue;
        };
        let damage = if has_damage(printed) {
            status::parse_damaged(&text(surface, &status::damaged(&printed.name))?)
        } else {
            Vec::new()
        };
        let root = sets.iter().find(|set| set.name == printed.name);
        let mut pool = super::pool(of, printed, &damage, root, &disks);
        keep_known(&mut pool, last);
        pools.push(pool);
    }
    super::claim(&mut disks, &pools);
    pools.extend(read_importable(surface, &disks, last)?);
    Ok(World {
        time,
        disks,
        pools,
        datasets: sets,
        snapshots,
        ..World::default()
    })
}

/// A pool that waits for its disks cannot say how large it is; an ended scrub is forgotten when another scan begins.
fn keep_known(pool: &mut Pool, last: &World) {
    let Some(before) = last.pool(pool.id) else { return };
    if pool.state == DeviceState::Suspended && pool.bytes == 0 {
        (pool.bytes, pool.allocated, pool.usable) = (before.bytes, before.allocated, before.usable);
    }
    pool.scrubbed = pool.scrubbed.max(before.scrubbed);
}

fn has_damage(printed: &status::Status) -> bool {
    // Without names, the number of damaged files is told only by the message and the errors of the pool.
    printed.message_id.as_deref() == Some("ZFS-8000-8A") || !printed.errors.is_empty()
}

fn read_datasets(surface: &Surface, pools: &[&str]) -> Result<Vec<Dataset>, EngineError> {
    let get = datasets::get(&Type::LIVE, &super::PROPERTIES, Scope::Below(pools));
    let printed = datasets::parse(&text(surface, &get)?).map_err(failed)?;
    Ok(printed.iter().filter_map(super::dataset).collect())
}

fn read_snapshots(surface: &Surface, pools: &[&str]) -> Result<Vec<Snapshot>, EngineError> {
    let list = datasets::list(
        &[Type::Snapshot],
        &super::SNAPSHOT_PROPERTIES,
        Scope::Below(pools),
    );
    let printed = datasets::parse(&text(surface, &list)?).map_err(failed)?;
    let held: Vec<&str> = printed
        .iter()
        .filter(|one| one.properties.number("userrefs").is_some_and(|holds| holds > 0))
        .map(|one| one.name.as_str())
        .collect();
    let mut holds = Vec::new();
    for some in held.chunks(HOLDS_AT_ONCE) {
        holds.extend(snapshot::parse_holds(&text(
            surface,
            &snapshot::holds(some, false),
        )?));
    }
    let tags = super::tags(&holds);
    Ok(printed
        .iter()
        .filter_map(|one| super::snapshot(one, &tags))
        .collect())
}

/// Pools on disks that are not imported. Disks are read for it, so it is asked only when there is one that is not known yet.
fn read_importable(surface: &Surface, disks: &[Disk], last: &World) -> Result<Vec<Pool>, EngineError> {
    let on_disks = |disks: &[Disk]| -> BTreeMap<Guid, BTreeSet<String>> {
        let mut found: BTreeMap<Guid, BTreeSet<String>> = BTreeMap::new();
        for disk in disks {
            if let DiskUse::ExportedPool { pool, .. } = disk.in_use {
                found.entry(pool).or_default().insert(disk.id.0.clone());
            }
        }
        found
    };
    let now = on_disks(disks);
    if now.is_empty() {
        return Ok(Vec::new());
    }
    if now == on_disks(&last.disks) {
        return Ok(last.pools.iter().filter(|pool| !pool.imported).cloned().collect());
    }
    // It says "no pools available to import" with an error code.
    let searched = surface
        .reader
        .run(&import::search(&LINKS[..1]))
        .map_err(|error| {
            EngineError::Failed(format!(
                "pools that are not imported cannot be looked for: {error}"
            ))
        })?;
    let found = import::parse(&String::from_utf8_lossy(&searched.stdout));
    Ok(found.iter().map(|one| super::importable(one, disks)).collect())
}

/// What of the disks lsblk does not know.
fn surroundings(files: &Files) -> super::Surroundings {
    let mut around = super::Surroundings {
        live: slots::is_live(files),
        ..super::Surroundings::default()
    };
    for folder in LINKS {
        for name in files.names(folder).unwrap_or_default() {
            let link = format!("{folder}/{name}");
            if let Some(device) = leads_to(files, &link) {
                around.links.entry(device).or_default().push(link);
            }
        }
    }
    for device in OWN_DEVICES {
        let partition = leads_to(files, device);
        around
            .started_from
            .extend(partition.and_then(|name| disk_of(files, &name)));
    }
    around
}

/// The name in the kernel of the device that a link leads to.
fn leads_to(files: &Files, link: &str) -> Option<String> {
    let target = files.link(link)?;
    Some(Path::new(&target).file_name()?.to_str()?.to_owned())
}

/// The disk that a partition is on.
fn disk_of(files: &Files, partition: &str) -> Option<String> {
    // ../../devices/pci0000:00/.../block/sda/sda1
    let target = files.link(format!("/sys/class/block/{partition}"))?;
    let above = Path::new(&target).parent()?.file_name()?.to_str()?;
    Some(above.to_owned())
}

fn text(surface: &Surface, invocation: &Invocation) -> Result<String, EngineError> {
    let output = surface.reader.succeed(invocation).map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn failed(error: impl std::fmt::Display) -> EngineError {
    EngineError::Failed(error.to_string())
}
