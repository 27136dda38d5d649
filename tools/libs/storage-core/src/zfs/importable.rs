//! Pools that could be imported, of what `zpool import` prints.

use std::collections::BTreeMap;

use sigmavault_host::zpool::import::{Importable, Member};
use sigmavault_host::zpool::vdev::Health;
use sigmavault_plan::may_fail;
use sigmavault_types::storage::{DeviceState, Disk, Errors, Guid, Pool, Vdev, VdevClass, VdevKind};

use super::pools::{disk_of, kind_named, state};

/// Groups below a pool that say what is in them for.
const CLASSES: [(&str, VdevClass); 5] = [
    ("special", VdevClass::Special),
    ("dedup", VdevClass::Dedup),
    ("logs", VdevClass::Log),
    ("cache", VdevClass::Cache),
    ("spares", VdevClass::Spare),
];

/// A pool that is not imported. Sizes and the ids of its devices are not known before it is: they are 0.
pub fn importable(printed: &Importable, disks: &[Disk]) -> Pool {
    let mut vdevs: Vec<Vdev> = Vec::new();
    let mut class = VdevClass::Data;
    // The first line is the pool itself.
    for member in printed.vdevs.iter().skip(1) {
        let group = CLASSES.iter().find(|(name, _)| *name == member.name);
        match (member.depth.checked_sub(1), group) {
            (Some(depth), _) => put(&mut vdevs, depth, device(member, class, disks)),
            (None, Some((_, of))) => class = *of,
            (None, None) => {}
        }
    }
    Pool {
        id: Guid(printed.guid),
        name: printed.name.clone(),
        imported: false,
        state: state(&printed.health),
        bytes: 0,
        allocated: 0,
        usable: 0,
        may_fail: may_fail(&vdevs),
        fragmentation: None,
        read_only: false,
        upgradable: false,
        vdevs,
        scan: None,
        trimming: false,
        scrubbed: None,
        damaged: Vec::new(),
        properties: BTreeMap::new(),
    }
}

/// Puts a vdev so deep below the last one.
fn put(vdevs: &mut Vec<Vdev>, depth: usize, vdev: Vdev) {
    match vdevs.last_mut() {
        Some(last) if depth > 0 => put(&mut last.children, depth - 1, vdev),
        _ => vdevs.push(vdev),
    }
}

fn device(member: &Member, class: VdevClass, disks: &[Disk]) -> Vdev {
    let name = &member.name;
    let kind = kind_named(name);
    let places = ["/dev/disk/by-id", "/dev/disk/by-path", "/dev"];
    let disk = places
        .iter()
        .find_map(|place| disk_of(&format!("{place}/{name}"), disks));
    Vdev {
        id: Guid(0),
        name: name.clone(),
        kind,
        class,
        state: match &member.health {
            // Caches and spares are listed without a state.
            Health::Unknown => DeviceState::Available,
            health => state(health),
        },
        bytes: 0,
        errors: Errors::default(),
        resilvering: false,
        expansions: 0,
        disk: disk.filter(|_| kind == VdevKind::Disk),
        children: Vec::new(),
    }
}
