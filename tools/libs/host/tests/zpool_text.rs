//! The parsers of what zpool(8) prints as text only, held against recordings.

mod recorded;

use recorded::recorded;
use sigmavault_host::zpool::events::{self, Events};
use sigmavault_host::zpool::import::{self, Importable};
use sigmavault_host::zpool::vdev::Health;

fn importable(file: &str) -> Vec<Importable> {
    import::parse(&recorded(file))
}

#[test]
fn pools_to_import() {
    let pools = importable("importable.txt");
    let mut names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["big pool", "lost", "tank"]);
    assert!(
        pools
            .iter()
            .all(|pool| pool.guid > 1 && pool.health == Health::Online)
    );

    let pools = importable("importable-damaged.txt");
    let lost = pools.iter().find(|pool| pool.name == "lost").unwrap();
    assert_eq!(lost.health, Health::Unavailable);
    let lines: Vec<(usize, &str, &Health, Option<&str>)> = lost
        .vdevs
        .iter()
        .map(|vdev| (vdev.depth, vdev.name.as_str(), &vdev.health, vdev.note.as_deref()))
        .collect();
    assert_eq!(
        lines,
        [
            (0, "lost", &Health::Unavailable, Some("insufficient replicas")),
            (
                1,
                "virtio-SV-DISK-07-part1",
                &Health::Unavailable,
                Some("invalid label")
            ),
            (1, "virtio-SV-DISK-08-part1", &Health::Online, None),
        ]
    );
    let big = pools.iter().find(|pool| pool.name == "big pool").unwrap();
    assert_eq!(
        big.action.as_deref(),
        Some(
            "The pool can be imported despite missing or damaged devices.  The fault tolerance of the pool may be compromised if \
             imported."
        )
    );
    assert_eq!((big.vdevs[0].name.as_str(), big.vdevs[0].depth), ("big pool", 0));
    let spares = big.vdevs.iter().find(|vdev| vdev.name == "spares").unwrap();
    assert_eq!((spares.depth, &spares.health), (0, &Health::Unknown));

    let found = importable("import-one-missing.txt");
    assert_eq!(found[0].health, Health::Degraded);
    assert_eq!(found[0].vdevs[3].note.as_deref(), Some("invalid label"));

    let destroyed = importable("import-destroyed.txt");
    assert_eq!(
        (
            destroyed[0].name.as_str(),
            destroyed[0].destroyed,
            &destroyed[0].health
        ),
        ("depot", true, &Health::Online)
    );
    assert_eq!(import::parse(""), []);
}

#[test]
fn what_happened() {
    let text = recorded("damaged-events.txt");
    let found = events::parse(&text);
    let bad = found
        .iter()
        .find(|event| event.class == "ereport.fs.zfs.checksum")
        .unwrap();
    assert_eq!(bad.pool.as_deref(), Some("tank"));
    assert_eq!(
        bad.vdev_path.as_deref(),
        Some("/dev/disk/by-id/virtio-SV-DISK-01-part1")
    );
    assert_eq!(bad.number("detector.vdev"), bad.vdev_guid);
    assert_eq!(bad.value("detector.scheme"), Some("zfs"));
    assert_eq!(bad.number("zio_err"), Some(52));
    assert!(bad.seconds > 1_700_000_000 && bad.nanoseconds < 1_000_000_000);
    // Numbers count up, and none is missing.
    let ids: Vec<u64> = found.iter().map(|event| event.id).filter(|id| *id != 0).collect();
    assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]));

    // In pieces of any size it is the same.
    for size in [1, 7, 4096] {
        let mut events = Events::default();
        let mut again: Vec<_> = text
            .as_bytes()
            .chunks(size)
            .flat_map(|piece| events.feed(piece))
            .collect();
        again.extend(events.finish());
        assert_eq!(again, found, "{size}");
    }
}

#[test]
fn changes_of_state() {
    let found = events::parse(&recorded("removed-events.txt"));
    let states: Vec<&str> = found
        .iter()
        .filter(|event| event.class == "resource.fs.zfs.statechange")
        .filter_map(|event| event.vdev_state.as_deref())
        .collect();
    assert_eq!(states, ["UNAVAIL", "REMOVED"]);
}
