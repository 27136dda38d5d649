//! The parsers of zpool(8)'s JSON and of zdb(8), held against recordings.

mod recorded;

use recorded::recorded;
use sigmavault_host::property::Source;
use sigmavault_host::zdb;
use sigmavault_host::zpool::scan::{Function, State};
use sigmavault_host::zpool::status::{self, Damaged, Status};
use sigmavault_host::zpool::vdev::{Health, Kind, PassState, Vdev};
use sigmavault_host::zpool::{get, list};

fn status_of(name: &str) -> Status {
    let file = format!("{name}-status.json");
    let mut pools = status::parse(&recorded(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(pools.len(), 1, "{file}");
    pools.remove(0)
}

/// A tree as text: one vdev a line, below its parent.
fn tree(vdevs: &[Vdev]) -> String {
    fn line(vdev: &Vdev, depth: usize) -> String {
        let name = vdev.name.trim_start_matches("/dev/disk/by-id/virtio-SV-");
        let indent = "  ".repeat(depth);
        let below = vdev.children.iter().map(|child| line(child, depth + 1));
        format!("{indent}{name} {:?} {:?}\n", vdev.kind, vdev.health) + &below.collect::<String>()
    }
    vdevs.iter().map(|vdev| line(vdev, 0)).collect()
}

#[test]
fn a_pool_with_every_class() {
    let pool = status_of("classes");
    assert_eq!((pool.name.as_str(), &pool.health), ("tank", &Health::Online));
    for (vdevs, expected) in [
        (
            &pool.data,
            "mirror-0 Mirror Online\n  DISK-01-part1 Disk Online\n  DISK-02-part1 Disk Online\n",
        ),
        (
            &pool.special,
            "mirror-1 Mirror Online\n  DISK-03-part1 Disk Online\n  DISK-04-part1 Disk Online\n",
        ),
        (
            &pool.logs,
            "mirror-2 Mirror Online\n  DISK-05-part1 Disk Online\n  DISK-06-part1 Disk Online\n",
        ),
        (&pool.cache, "DISK-07-part1 Disk Online\n"),
        (&pool.spares, "DISK-08-part1 Disk Available\n"),
        (
            &pool.dedup,
            "mirror-3 Mirror Online\n  DISK-09-part1 Disk Online\n  DISK-10-part1 Disk Online\n",
        ),
    ] {
        assert_eq!(tree(vdevs), expected);
    }
    assert_eq!(pool.vdevs().len(), 14);
    let disk = &pool.data[0].children[0];
    assert_eq!(
        (disk.path.as_deref(), disk.device_size, disk.can_trim),
        (
            Some("/dev/disk/by-id/virtio-SV-DISK-01-part1"),
            1_063_256_064,
            true
        )
    );
    assert_eq!(pool.data[0].size, 1_006_632_960);
    assert_eq!((pool.scan, pool.error_count), (None, 0));
}

#[test]
fn numbers_of_64_bits_are_exact() {
    let pool = status_of("classes");
    let label = zdb::parse_label(&recorded("label.txt")).unwrap();
    assert_eq!(label.pool_guid, Some(pool.guid));
    assert_eq!(label.guid, Some(pool.data[0].children[0].guid));
    assert_eq!(label.top_guid, Some(pool.data[0].guid));
    let spare = zdb::parse_label(&recorded("label-of-a-spare.txt")).unwrap();
    assert_eq!(spare.guid, Some(pool.spares[0].guid));
    assert_eq!(spare.state, zdb::State::Spare);
    let listed = list::parse(&recorded("list-exact-of-pools.json")).unwrap();
    assert_eq!(listed[0].guid, pool.guid);
    assert_eq!(listed[0].properties.number("guid"), Some(pool.guid));
}

#[test]
fn labels() {
    let label = zdb::parse_label(&recorded("label.txt")).unwrap();
    assert_eq!(
        (
            label.pool.as_deref(),
            label.comment.as_deref(),
            label.host_name.as_deref()
        ),
        (Some("tank"), Some("the big one"), Some("sigmavault"))
    );
    assert_eq!(label.state, zdb::State::Active);
    assert_eq!(
        label.path.as_deref(),
        Some("/dev/disk/by-id/virtio-SV-DISK-01-part1")
    );
    let cache = zdb::parse_label(&recorded("label-of-a-cache.txt")).unwrap();
    assert_eq!((cache.state, cache.pool), (zdb::State::Cache, None));
    assert_eq!(zdb::parse_label(&recorded("label-of-none.txt")), None);
}

#[test]
fn pools_with_sizes() {
    let pools = list::parse(&recorded("list-exact-of-pools.json")).unwrap();
    assert_eq!(pools.len(), 1);
    let pool = &pools[0];
    assert_eq!((pool.name.as_str(), &pool.health), ("tank", &Health::Online));
    assert_eq!(pool.size, 3_019_898_880);
    assert_eq!(pool.allocated + pool.free, pool.size);
    assert_eq!(
        (pool.ashift, pool.read_only, pool.dedup_ratio),
        (12, false, Some(100))
    );
    assert_eq!((pool.checkpoint, pool.altroot.as_deref()), (None, None));
    assert_eq!(pool.comment.as_deref(), Some("the big one"));
    // The same with the numbers that --json-int prints.
    let other = list::parse(&recorded("list-of-all-columns.json")).unwrap();
    assert_eq!((other[0].size, other[0].dedup_ratio), (pool.size, Some(100)));
    assert_eq!(list::parse("").unwrap(), []);
}

#[test]
fn properties_of_a_pool() {
    let pools = get::parse(&recorded("get-all.json")).unwrap();
    let (name, properties) = &pools[0];
    assert_eq!(name, "tank");
    let comment = properties.get("comment").unwrap();
    assert_eq!(
        (comment.value.as_str(), &comment.source),
        ("the big one", &Source::Local)
    );
    assert_eq!(properties.get("failmode").unwrap().source, Source::Default);
    assert_eq!(properties.text("feature@async_destroy"), Some("enabled"));
    assert_eq!(properties.flag("autotrim"), Some(false));
}

#[test]
fn no_pools() {
    assert_eq!(status::parse(&recorded("no-pool-status.json")).unwrap(), []);
}

#[test]
fn other_kinds_of_pools() {
    for (name, expected) in [
        ("stripe", "DISK-01-part1 Disk Online\nDISK-02-part1 Disk Online\n"),
        ("single", "DISK-01-part1 Disk Online\n"),
        (
            "raidz1",
            "raidz1-0 Raidz Online\n  DISK-01-part1 Disk Online\n  DISK-02-part1 Disk Online\n  DISK-03-part1 Disk Online\n",
        ),
    ] {
        assert_eq!(tree(&status_of(name).data), expected, "{name}");
    }
    let draid = status_of("draid");
    assert_eq!(
        (
            draid.data[0].name.as_str(),
            &draid.data[0].kind,
            draid.data[0].children.len()
        ),
        ("draid1:2d:6c:1s-0", &Kind::Draid, 6)
    );
    assert_eq!(
        (draid.spares[0].name.as_str(), &draid.spares[0].kind),
        ("draid1-0-0", &Kind::DistributedSpare)
    );
}

#[test]
fn a_disk_offline() {
    let pool = status_of("offline");
    assert_eq!(pool.health, Health::Degraded);
    assert_eq!(
        tree(&pool.data),
        "mirror-0 Mirror Degraded\n  DISK-01-part1 Disk Online\n  DISK-02-part1 Disk Offline\nmirror-1 Mirror Online\n  \
         DISK-03-part1 Disk Online\n  DISK-04-part1 Disk Online\n"
    );
    assert_eq!(
        pool.message.as_deref(),
        Some(
            "One or more devices has been taken offline by the administrator. Sufficient replicas exist for the pool to \
             continue functioning in a degraded state."
        )
    );
}

#[test]
fn scans() {
    for (name, function, state, ended, paused) in [
        ("resilvering", Function::Resilver, State::Running, false, false),
        ("resilvered", Function::Resilver, State::Finished, true, false),
        ("scrubbing", Function::Scrub, State::Running, false, false),
        ("scrub-paused", Function::Scrub, State::Paused, false, true),
        ("scrub-stopped", Function::Scrub, State::Cancelled, true, true),
        ("scrubbed", Function::Scrub, State::Finished, true, false),
    ] {
        let scan = status_of(name).scan.unwrap();
        assert_eq!((scan.function, scan.state), (function, state), "{name}");
        assert_eq!(
            (scan.ended.is_some(), scan.paused.is_some()),
            (ended, paused),
            "{name}"
        );
        assert!(scan.started.unwrap() > 1_700_000_000, "{name}");
        assert!(scan.to_examine > 50_000_000, "{name}");
        assert_eq!(scan.errors, 0, "{name}");
    }
}

#[test]
fn the_rate_of_a_scan() {
    let mut scan = status_of("scrubbed").scan.unwrap();
    scan.state = State::Running;
    (scan.pass_started, scan.pass_paused, scan.pass_issued) = (Some(1000), 10, 2000);
    (scan.to_examine, scan.issued, scan.skipped) = (5000, 2000, 1000);
    assert_eq!((scan.rate(1020), scan.left(1020)), (Some(200), Some(10)));
    assert_eq!((scan.rate(1010), scan.left(1010)), (None, None));
    assert_eq!(scan.rate(0), None);
}

#[test]
fn replacements_and_spares() {
    let pool = status_of("replacing");
    assert_eq!(
        tree(&pool.data[..1]),
        "mirror-0 Mirror Online\n  DISK-01-part1 Disk Online\n  replacing-1 Replacing Online\n    DISK-02-part1 Disk Online\n    \
         DISK-06-part1 Disk Online\n"
    );
    let pool = status_of("spare-in-use");
    assert_eq!(
        tree(&pool.data[1..]),
        "mirror-1 Mirror Online\n  spare-0 Spare Online\n    DISK-03-part1 Disk Online\n    DISK-05-part1 Disk Online\n  \
         DISK-04-part1 Disk Online\n"
    );
    assert_eq!(pool.spares[0].health, Health::InUse);
    assert_eq!(pool.spares[0].reason.as_deref(), Some("SPARED"));
    let stand_in = &pool.data[1].children[0].children[1];
    assert!(stand_in.repaired > 30_000_000, "{}", stand_in.repaired);
}

#[test]
fn damage() {
    let pool = status_of("damaged");
    assert_eq!(pool.message_id.as_deref(), Some("ZFS-8000-8A"));
    let scan = pool.scan.as_ref().unwrap();
    assert!(
        scan.errors > 10 && pool.error_count > 0,
        "{} {}",
        scan.errors,
        pool.error_count
    );
    assert!(pool.data[0].checksum_errors > 10);
    let scrubbed = status_of("error-scrubbed").scan.unwrap().error_scrub.unwrap();
    assert_eq!(scrubbed.state, State::Finished);
    // ZFS prints a number just below 2^64.
    assert_eq!(scrubbed.to_examine, 0);
    assert!(scrubbed.examined > 0);
}

#[test]
fn damaged_files() {
    let text = status::parse_damaged(&recorded("damaged-status-text.txt"));
    // The JSON as it would be if it went on behind the name that is not UTF-8.
    let json = recorded("damaged-status-names-in-utf-8.json");
    let whole = json.trim_end().to_owned() + r#""]}}}"#;
    let pools = status::parse(&whole).unwrap();
    let file = |dataset: &str, path: &str| Damaged::File {
        dataset: dataset.to_owned(),
        path: path.to_owned(),
    };
    for found in [&text, &pools[0].errors] {
        assert!(found.contains(&file("tank/photos", "/日本.raw")), "{found:?}");
    }
    assert!(text.contains(&file("tank/photos@before", "/a b.raw")), "{text:?}");
    assert!(
        text.contains(&file("tank/photos", "/latin \u{fffd}.raw")),
        "{text:?}"
    );
}

#[test]
fn json_that_ends_too_early_is_an_error() {
    // ZFS gives up at the first letter that is not of the locale, here 日 and a byte of ISO 8859-1, and says nothing of it.
    for (file, last) in [
        ("damaged-status-names-in-c.json", "tank/photos:/\n"),
        ("damaged-status-names-in-utf-8.json", "tank/photos:/latin \n"),
    ] {
        let text = recorded(file);
        assert!(text.ends_with(last), "{file}");
        let error = status::parse(&text).unwrap_err().to_string();
        assert!(
            error.starts_with("zpool printed something unexpected: control character"),
            "{error}"
        );
    }
}

#[test]
fn entries_of_the_damaged() {
    for (entry, expected) in [
        (
            "tank/photos:/a b.raw",
            Damaged::File {
                dataset: "tank/photos".to_owned(),
                path: "/a b.raw".to_owned(),
            },
        ),
        (
            "tank/volume:<0x1>",
            Damaged::Object {
                dataset: "tank/volume".to_owned(),
                object: 1,
            },
        ),
        ("<metadata>:<0x3d>", Damaged::Metadata { object: 61 }),
        (
            "<0x8c>:<0x2>",
            Damaged::Object {
                dataset: "<0x8c>".to_owned(),
                object: 2,
            },
        ),
        ("/tank/a", Damaged::Other("/tank/a".to_owned())),
    ] {
        assert_eq!(Damaged::of(entry), expected);
    }
}

#[test]
fn growing_and_shrinking() {
    let expanding = status_of("expanding").expansion.unwrap();
    assert_eq!((expanding.vdev, expanding.state), (0, State::Running));
    assert!(expanding.moved < expanding.to_move);
    let pool = status_of("expanded");
    assert_eq!(pool.expansion.unwrap().state, State::Finished);
    assert_eq!(pool.data[0].children.len(), 4);
    // A scrub follows by itself.
    assert_eq!(pool.scan.unwrap().function, Function::Scrub);

    let pool = status_of("removing");
    assert_eq!(pool.removal.unwrap().state, State::Running);
    assert!(pool.data[1].removing);
    let pool = status_of("removed-vdev");
    let removal = pool.removal.unwrap();
    assert_eq!((removal.state, removal.moved), (State::Finished, removal.to_move));
    assert_eq!(tree(&pool.data), "DISK-01-part1 Disk Online\n");
    assert_eq!(status_of("log-removed").logs, []);
}

#[test]
fn checkpoints_and_passes() {
    let checkpoint = status_of("checkpoint").checkpoint.unwrap();
    assert_eq!(checkpoint.state, "EXISTS");
    assert!(checkpoint.made.unwrap() > 1_700_000_000);
    assert_eq!(status_of("checkpoint-discarded").checkpoint, None);

    let trim = |name: &str| status_of(name).data[0].trim.clone();
    assert_eq!(trim("checkpoint").state, PassState::Never);
    assert_eq!(trim("trimming").state, PassState::Running);
    // A fast machine is done before it is told to wait.
    assert!(matches!(
        trim("trim-suspended").state,
        PassState::Suspended | PassState::Done
    ));
    let initialize = status_of("initializing").data[0].initialize.clone();
    assert_eq!(initialize.state, PassState::Running);
    assert!(initialize.done < initialize.total);
}

#[test]
fn upgrades() {
    assert!(status_of("old").is_upgradable());
    assert!(!status_of("compatible").is_upgradable());
    assert!(!status_of("classes").is_upgradable());
}

#[test]
fn lost_disks() {
    let pool = status_of("removed");
    assert_eq!(pool.health, Health::Degraded);
    assert_eq!(pool.data[0].children[1].health, Health::Removed);
    let pool = status_of("missing");
    let missing = &pool.data[0].children[1];
    assert_eq!(missing.health, Health::Unavailable);
    assert_eq!(
        missing.was.as_deref(),
        Some("/dev/disk/by-id/virtio-SV-DISK-11-part1")
    );
    assert_eq!(missing.name, missing.guid.to_string());
}

#[test]
fn a_suspended_pool() {
    let pool = status_of("suspended");
    assert_eq!(pool.health, Health::Suspended);
    let listed = list::parse(&recorded("suspended-list.json")).unwrap();
    let tank = listed.iter().find(|pool| pool.name == "tank").unwrap();
    assert_eq!(tank.health, Health::Suspended);
}
