//! What ZFS 2.3.9 printed, as a world. The recordings are those of the parsers' tests.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use sigmavault_host::zfs::{list as datasets, snapshot};
use sigmavault_host::zpool::{import, list, status};
use sigmavault_storage_core::zfs;
use sigmavault_types::storage::{
    DatasetKind, DeviceState, Disk, DiskId, DiskUse, Pool, ScanKind, ScanState, Source, Vdev, VdevClass,
    VdevKind,
};

fn recorded(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/tests/zfs-2.3.9");
    let bytes = std::fs::read(folder.join(name)).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The disks of the machine that was recorded.
fn disks() -> Vec<Disk> {
    let disk = |number: usize| {
        let name = format!("SV-DISK-{number:02}");
        Disk {
            id: DiskId(name.clone()),
            name: format!("vd{number}"),
            device: format!("/dev/disk/by-id/virtio-{name}"),
            bytes: 1 << 30,
            model: None,
            serial: Some(name.clone()),
            wwn: None,
            transport: None,
            sector: 512,
            rotational: true,
            drive: name,
            in_use: DiskUse::Free,
        }
    };
    (1..=12).map(disk).collect()
}

fn pool(name: &str) -> Pool {
    let listed = list::parse(&recorded(&format!("{name}-list.json"))).unwrap();
    let status = status::parse(&recorded(&format!("{name}-status.json"))).unwrap();
    zfs::pool(&listed[0], &status[0], &[], None, &disks())
}

fn kinds(pool: &Pool) -> Vec<(VdevClass, VdevKind, usize)> {
    let kind = |vdev: &Vdev| (vdev.class, vdev.kind, vdev.children.len());
    pool.vdevs.iter().map(kind).collect()
}

#[test]
fn classes_and_disks() {
    let pool = pool("classes");
    assert_eq!(
        kinds(&pool),
        [
            (VdevClass::Data, VdevKind::Mirror, 2),
            (VdevClass::Special, VdevKind::Mirror, 2),
            (VdevClass::Dedup, VdevKind::Mirror, 2),
            (VdevClass::Log, VdevKind::Mirror, 2),
            (VdevClass::Cache, VdevKind::Disk, 0),
            (VdevClass::Spare, VdevKind::Disk, 0),
        ]
    );
    assert_eq!((pool.state, pool.may_fail), (DeviceState::Online, Some(1)));
    let first = &pool.vdevs[0].children[0];
    assert_eq!(first.disk, Some(DiskId::from("SV-DISK-01")));
    let spare = pool.of_class(VdevClass::Spare).next().unwrap();
    assert_eq!(spare.state, DeviceState::Available);
    let members: Vec<_> = pool
        .all_vdevs()
        .iter()
        .filter_map(|vdev| vdev.disk.clone())
        .collect();
    assert_eq!(members.len(), 10, "every device is a disk that is known");
}

#[test]
fn redundancy_of_every_kind() {
    let draid = VdevKind::Draid {
        parity: 1,
        data: 2,
        spares: 1,
    };
    for (name, state, may_fail) in [
        ("raidz1", DeviceState::Online, Some(1)),
        ("raidz2", DeviceState::Online, Some(2)),
        ("draid", DeviceState::Online, Some(1)),
        ("stripe", DeviceState::Online, Some(0)),
        ("offline", DeviceState::Degraded, Some(0)),
    ] {
        let pool = pool(name);
        assert_eq!((name, pool.state, pool.may_fail), (name, state, may_fail));
    }
    assert!(pool("draid").vdevs.iter().any(|vdev| vdev.kind == draid));
}

#[test]
fn what_runs() {
    for (name, kind, state) in [
        ("scrubbing", ScanKind::Scrub, ScanState::Running),
        ("scrub-paused", ScanKind::Scrub, ScanState::Paused),
        ("scrub-stopped", ScanKind::Scrub, ScanState::Stopped),
        ("scrubbed", ScanKind::Scrub, ScanState::Finished),
        ("resilvering", ScanKind::Resilver, ScanState::Running),
        ("expanding", ScanKind::Expansion, ScanState::Running),
        // ZFS scrubs after an expansion: the later of both is told.
        ("expanded", ScanKind::Scrub, ScanState::Finished),
        ("removing", ScanKind::Removal, ScanState::Running),
    ] {
        let scan = pool(name).scan.unwrap();
        assert_eq!((name, scan.kind, scan.state), (name, kind, state));
        assert!(scan.began > 1_700_000_000, "{name}");
        assert_eq!(
            scan.ended.is_some(),
            matches!(state, ScanState::Finished | ScanState::Stopped),
            "{name}"
        );
    }
    assert!(pool("trimming").trimming);
    assert!(!pool("scrubbed").trimming);
    assert!(pool("scrubbed").scrubbed.is_some());
}

#[test]
fn damage_is_named() {
    let listed = list::parse(&recorded("damaged-list.json")).unwrap();
    let printed = status::parse(&recorded("damaged-status.json")).unwrap();
    // As text, since names that are not UTF-8 break ZFS's JSON.
    let named = status::parse_damaged(&recorded("damaged-status-text.txt"));
    let pool = zfs::pool(&listed[0], &printed[0], &named, None, &disks());
    assert_eq!(pool.damaged.len(), named.len());
    assert!(
        pool.damaged
            .iter()
            .any(|entry| entry.starts_with("tank/photos:/")),
        "{:?}",
        pool.damaged
    );
    let found = pool
        .all_vdevs()
        .iter()
        .map(|vdev| vdev.errors.checksum)
        .sum::<u64>();
    assert!(found > 0);
}

#[test]
fn a_dataset_with_its_settings() {
    let printed = datasets::parse(&recorded("get-exact.json")).unwrap();
    let set = zfs::dataset(&printed[0]).unwrap();
    assert_eq!(
        (set.name.as_str(), set.kind),
        ("tank/photos", DatasetKind::FileSystem)
    );
    assert!(set.id.0 > u64::from(u32::MAX), "{}", set.id);
    let inherited = set
        .properties
        .values()
        .filter(|one| matches!(one.source, Source::Inherited { .. }));
    assert!(inherited.count() > 0);
    for fact in ["used", "guid", "mounted", "creation"] {
        assert!(!set.properties.contains_key(fact), "{fact}");
    }
}

#[test]
fn holds_but_for_the_lock() {
    let holds =
        snapshot::parse_holds("tank@a\tkeep\t1\ntank@a\tsigmavault-lock\t1\ntank@b\tsigmavault-lock\t2\n");
    let tags = zfs::tags(&holds);
    assert_eq!(tags.len(), 1);
    assert_eq!(tags["tank@a"].iter().collect::<Vec<_>>(), ["keep"]);
}

#[test]
fn pools_that_could_be_imported() {
    let found = import::parse(&recorded("importable.txt"));
    let pools: Vec<Pool> = found.iter().map(|one| zfs::importable(one, &disks())).collect();
    let shapes: Vec<_> = pools
        .iter()
        .map(|pool| (pool.name.as_str(), pool.imported, pool.may_fail, kinds(pool)))
        .collect();
    let raidz = VdevKind::Raidz { parity: 1 };
    let single = (VdevClass::Data, VdevKind::Disk, 0);
    assert_eq!(
        shapes,
        [
            ("lost", false, Some(0), vec![single, single]),
            (
                "big pool",
                false,
                Some(1),
                vec![(VdevClass::Data, raidz, 3), (VdevClass::Spare, VdevKind::Disk, 0)]
            ),
            (
                "tank",
                false,
                Some(1),
                vec![(VdevClass::Data, VdevKind::Mirror, 2)]
            ),
        ]
    );
    assert_eq!(
        pools[1].vdevs[0].children[2].disk,
        Some(DiskId::from("SV-DISK-05"))
    );
    assert_eq!(pools[1].vdevs[1].state, DeviceState::Available);

    let found = import::parse(&recorded("import-one-missing.txt"));
    let pool = zfs::importable(&found[0], &disks());
    let mirror = &pool.vdevs[0];
    assert_eq!((pool.state, pool.may_fail), (DeviceState::Degraded, Some(0)));
    assert_eq!(mirror.children[1].state, DeviceState::Unavailable);
    assert_eq!(mirror.children[1].disk, Some(DiskId::from("SV-DISK-11")));
}
