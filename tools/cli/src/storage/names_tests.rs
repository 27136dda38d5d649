//! What names stand for.

use std::collections::BTreeMap;
use std::time::Duration;

use sigmavault_storage_core::Secret;
use sigmavault_types::storage::{
    DeviceState, DiskUse, Errors, Guid, Job, Planned, Request, State, VdevClass, VdevKind,
};

use super::super::access::AccessError;
use super::*;

/// A machine on which `/dev/disk/by-path/1` leads to sda.
struct Links;

impl Storage for Links {
    fn state(&mut self) -> Result<State, AccessError> {
        Err(AccessError::Silent)
    }

    fn snapshots(&mut self, _: &str, _: bool) -> Result<Vec<Snapshot>, AccessError> {
        Err(AccessError::Silent)
    }

    fn plan(&mut self, _: &Request) -> Result<Planned, AccessError> {
        Err(AccessError::Silent)
    }

    fn approve(&mut self, _: &str, _: &str) -> Result<(), AccessError> {
        Err(AccessError::Silent)
    }

    fn execute(&mut self, _: &str, _: Option<&Secret>) -> Result<String, AccessError> {
        Err(AccessError::Silent)
    }

    fn job(&mut self, _: &str) -> Result<Job, AccessError> {
        Err(AccessError::Silent)
    }

    fn wait(&mut self, _: Duration) -> Result<bool, AccessError> {
        Err(AccessError::Silent)
    }

    fn kernel_name(&self, path: &Path) -> Option<String> {
        (path == Path::new("/dev/disk/by-path/1")).then(|| "sda".to_owned())
    }
}

fn new_disk(id: &str, name: &str, link: &str) -> Disk {
    Disk {
        id: DiskId::from(id),
        name: name.to_owned(),
        device: format!("/dev/disk/by-id/{link}"),
        bytes: 1 << 30,
        model: None,
        serial: None,
        wwn: None,
        transport: None,
        sector: 512,
        rotational: false,
        drive: id.to_owned(),
        in_use: DiskUse::Free,
    }
}

fn new_vdev(id: u64, name: &str, kind: VdevKind, disk: Option<&str>, children: Vec<Vdev>) -> Vdev {
    Vdev {
        id: Guid(id),
        name: name.to_owned(),
        kind,
        class: VdevClass::Data,
        state: DeviceState::Online,
        bytes: 1 << 30,
        errors: Errors::default(),
        resilvering: false,
        expansions: 0,
        disk: disk.map(DiskId::from),
        children,
    }
}

fn new_pool(id: u64, name: &str, imported: bool, vdevs: Vec<Vdev>) -> Pool {
    Pool {
        id: Guid(id),
        name: name.to_owned(),
        imported,
        state: DeviceState::Online,
        bytes: 0,
        allocated: 0,
        usable: 0,
        may_fail: None,
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

/// A mirror of sda and of a disk that is gone.
fn world() -> World {
    let disk = VdevKind::Disk;
    let mirror = new_vdev(
        20,
        "mirror-0",
        VdevKind::Mirror,
        None,
        vec![
            new_vdev(21, "/dev/disk/by-id/ata-A", disk, Some("wwn:a"), Vec::new()),
            new_vdev(22, "/dev/disk/by-id/ata-GONE", disk, None, Vec::new()),
        ],
    );
    World {
        disks: vec![
            new_disk("wwn:a", "sda", "ata-A"),
            new_disk("wwn:b", "sdb", "ata-B"),
            // A disk whose link is another one's name.
            new_disk("wwn:c", "sdc", "sdb"),
        ],
        pools: vec![
            new_pool(1, "tank", true, vec![mirror]),
            new_pool(2, "tank", false, Vec::new()),
            new_pool(3, "ice", false, Vec::new()),
            new_pool(4, "ice", false, Vec::new()),
        ],
        ..World::default()
    }
}

fn said<T>(found: Result<T, NameError>) -> String {
    found.err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn the_imported_pool_of_a_name_is_meant_and_a_guid_is_exact() {
    let world = world();
    let id = |found: Result<&Pool, NameError>| found.map(|pool| pool.id.0);
    assert_eq!(id(pool(&world, "tank")), Ok(1));
    assert_eq!(id(pool(&world, "2")), Ok(2));
    assert_eq!(id(imported(&world, "1")), Ok(1));
    assert_eq!(id(importable(&world, "tank")), Ok(2));
    assert_eq!(
        said(pool(&world, "ice")),
        "'ice' can mean several things; name one of: 3 (a pool ice), 4 (a pool ice)"
    );
    assert_eq!(
        said(imported(&world, "3")),
        "pool 3 is not imported; import it with: sigmavault pool import 3"
    );
    assert_eq!(
        said(pool(&world, "tan")),
        "there is no pool 'tan'; there are: tank, tank, ice, ice"
    );
    assert_eq!(
        said(importable(&world, "1")),
        "there is no pool to import '1'; there are: tank, ice, ice"
    );
    assert_eq!(
        said(pool(&World::default(), "a\nb")),
        "there is no pool 'a\\nb'; there is none"
    );
}

#[test]
fn a_disk_has_many_names() {
    let world = world();
    let id = |name: &str| disk(&Links, &world, name).map(|disk| disk.id.0.as_str());
    for name in [
        "wwn:a",
        "sda",
        "/dev/sda",
        "ata-A",
        "/dev/disk/by-id/ata-A",
        "/dev/disk/by-path/1",
    ] {
        assert_eq!(id(name), Ok("wwn:a"), "{name}");
    }
    assert_eq!(id("/dev/sdb"), Ok("wwn:b"));
    assert_eq!(
        said(disk(&Links, &world, "sdb")),
        "'sdb' can mean several things; name one of: wwn:b (/dev/disk/by-id/ata-B), wwn:c (/dev/disk/by-id/sdb)"
    );
    for name in ["", "sd", "/dev/sdx", "/dev/disk/by-path/2", "sda "] {
        assert_eq!(
            said(disk(&Links, &world, name)),
            format!("there is no disk '{name}'; there are: sda, sdb, sdc")
        );
    }
    let several = ["sda".to_owned(), "wwn:b".to_owned()];
    assert_eq!(
        disks(&Links, &world, &several),
        Ok(vec![DiskId::from("wwn:a"), DiskId::from("wwn:b")])
    );
}

#[test]
fn vdevs_are_named_by_their_tools_their_guid_or_their_disk() {
    let world = world();
    let tank = pool(&world, "tank").unwrap();
    let id = |name: &str, which| vdev(&Links, &world, tank, name, which).map(|vdev| vdev.id.0);
    for name in [
        "21",
        "sda",
        "ata-A",
        "/dev/disk/by-id/ata-A",
        "wwn:a",
        "/dev/disk/by-path/1",
    ] {
        assert_eq!(id(name, Which::Device), Ok(21), "{name}");
    }
    // A disk that is gone is known by what the pool says.
    assert_eq!(id("ata-GONE", Which::Device), Ok(22));
    assert_eq!(id("mirror-0", Which::Top), Ok(20));
    assert_eq!(id("20", Which::Any), Ok(20));
    assert_eq!(
        said(id("mirror-0", Which::Device)),
        "there is no device 'mirror-0'; there are: sda, /dev/disk/by-id/ata-GONE"
    );
    assert_eq!(
        said(id("sda", Which::Top)),
        "there is no vdev 'sda'; there are: mirror-0"
    );
    assert_eq!(
        said(id("sdc", Which::Any)),
        "there is no vdev or device 'sdc'; there are: mirror-0, sda, /dev/disk/by-id/ata-GONE"
    );
}

#[test]
fn of_many_the_most_similar_are_listed() {
    let names: Vec<String> = (0..20).map(|at| format!("tank/set-{at}")).collect();
    let error = unknown("dataset", "tank/set-19x", names).to_string();
    assert!(
        error.starts_with("there is no dataset 'tank/set-19x'; there are: tank/set-19, tank/set-1"),
        "{error}"
    );
    assert!(error.ends_with(" and 10 more"), "{error}");
}
