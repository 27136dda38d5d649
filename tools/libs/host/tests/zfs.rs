//! The parsers of zfs(8), held against recordings.

mod recorded;

use std::path::{Path, PathBuf};

use recorded::recorded;
use sigmavault_host::property::Source;
use sigmavault_host::zfs::change::{Destruction, parse_destruction};
use sigmavault_host::zfs::diff::{self, What};
use sigmavault_host::zfs::list::{self, Dataset, Type};
use sigmavault_host::zfs::snapshot::parse_holds;
use sigmavault_host::zfs::space::{self, Space};

fn datasets(file: &str) -> Vec<Dataset> {
    list::parse(&recorded(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn named<'a>(datasets: &'a [Dataset], name: &str) -> &'a Dataset {
    let found = datasets.iter().find(|dataset| dataset.name == name);
    found.unwrap_or_else(|| panic!("{name} is not among them"))
}

#[test]
fn names_and_kinds() {
    let found = datasets("dataset-names.json");
    let names: Vec<(&str, Type)> = found
        .iter()
        .map(|dataset| (dataset.name.as_str(), dataset.kind))
        .collect();
    assert_eq!(
        names,
        [
            ("tank", Type::Filesystem),
            ("tank/-x", Type::Filesystem),
            ("tank/deep", Type::Filesystem),
            ("tank/deep/er", Type::Filesystem),
            ("tank/deep/er/down", Type::Filesystem),
            ("tank/photos", Type::Filesystem),
            ("tank/photos/family trip", Type::Filesystem),
            ("tank/photos/sub", Type::Filesystem),
            ("tank/thick", Type::Volume),
            ("tank/volume", Type::Volume),
        ]
    );
    assert_eq!(datasets("list-none.json"), []);
}

#[test]
fn numbers_of_64_bits_are_exact() {
    let exact = datasets("list-exact.json");
    let text = recorded("guids.txt");
    let mut compared = 0;
    for line in text.lines() {
        let (name, guid) = line.split_once('\t').unwrap();
        assert_eq!(named(&exact, name).guid(), guid.parse().ok(), "{name}");
        compared += 1;
    }
    assert!(compared > 15, "{compared}");
    // With --json-int some are not, which is why it is not asked for.
    let wrong = datasets("list-of-all.json");
    let cut = wrong
        .iter()
        .filter(|dataset| dataset.guid() == Some(i64::MAX.unsigned_abs()))
        .count();
    assert!(cut > 0);
}

#[test]
fn snapshots() {
    let found = datasets("list-snapshots.json");
    let odd = named(&found, "tank/photos/family trip@a b");
    assert_eq!(
        (odd.kind, odd.dataset.as_deref(), odd.snapshot_name.as_deref()),
        (Type::Snapshot, Some("tank/photos/family trip"), Some("a b"))
    );
    let before = named(&found, "tank/photos@before");
    assert_eq!(before.properties.number("userrefs"), Some(2));
    assert_eq!(before.properties.text("clones"), Some("tank/clone"));
    let kind = |name: &str| {
        named(&found, name)
            .properties
            .text("org.sigmavault:kind")
            .map(str::to_owned)
    };
    assert_eq!(kind("tank/photos@auto-1").as_deref(), Some("hourly"));
    assert_eq!(kind("tank/photos@before"), None);
}

#[test]
fn sources() {
    let found = datasets("get-sources.json");
    for (dataset, property, value, source) in [
        ("tank", "compression", "lz4", Source::Local),
        (
            "tank/-x",
            "compression",
            "lz4",
            Source::Inherited("tank".to_owned()),
        ),
        ("tank", "quota", "0", Source::Default),
        ("tank/photos", "quota", "536870912", Source::Local),
        ("tank/photos", "org.sigmavault:policy", "hourly", Source::Local),
        (
            "tank/photos/family trip",
            "org.sigmavault:policy",
            "hourly",
            Source::Inherited("tank/photos".to_owned()),
        ),
        ("tank", "org.sigmavault:policy", "-", Source::Fact),
    ] {
        let found = named(&found, dataset).properties.get(property).unwrap();
        assert_eq!(
            (found.value.as_str(), &found.source),
            (value, &source),
            "{dataset} {property}"
        );
    }
    let received = datasets("get-received.json");
    let policy = received[0].properties.get("org.sigmavault:policy").unwrap();
    assert_eq!(
        (policy.value.as_str(), &policy.source),
        ("daily", &Source::Received)
    );
    let mounted = datasets("get-temporary.json");
    let exec = mounted[0].properties.get("exec").unwrap();
    assert_eq!((exec.value.as_str(), &exec.source), ("off", &Source::Temporary));
}

#[test]
fn every_property() {
    let photos = &datasets("get-all-of-a-dataset.json")[0];
    assert_eq!(photos.properties.number("refquota"), Some(256 << 20));
    assert_eq!(photos.properties.text("mountpoint"), Some("/run/tank/photos"));
    let exact = &datasets("get-exact.json")[0];
    assert_eq!(exact.properties.number("refquota"), Some(256 << 20));
    assert_eq!(exact.properties.0.len(), photos.properties.0.len());
    let volume = &datasets("get-all-of-a-volume.json")[0];
    assert_eq!(
        (
            volume.properties.number("volsize"),
            volume.properties.number("volblocksize")
        ),
        (Some(64 << 20), Some(16 << 10))
    );
    let quotas = &datasets("get-userquotas.json")[0].properties;
    assert_eq!(
        (quotas.number("userquota@1000"), quotas.number("groupquota@100")),
        (Some(100 << 20), Some(200 << 20))
    );
}

#[test]
fn keys() {
    let status = |file: &str, name: &str| {
        let found = datasets(file);
        named(&found, name)
            .properties
            .text("keystatus")
            .map(str::to_owned)
    };
    assert_eq!(
        status("key-list.json", "tank/diary").as_deref(),
        Some("available")
    );
    assert_eq!(
        status("key-list-locked.json", "tank/diary").as_deref(),
        Some("unavailable")
    );
    assert_eq!(status("key-list.json", "tank"), None);
    let found = datasets("key-list.json");
    assert_eq!(
        named(&found, "tank/vault/inner")
            .properties
            .text("encryptionroot"),
        Some("tank/vault")
    );
}

#[test]
fn holds() {
    let mut found: Vec<(String, String)> = parse_holds(&recorded("holds.txt"))
        .into_iter()
        .map(|hold| {
            assert!(hold.made > 1_700_000_000);
            (hold.snapshot, hold.tag)
        })
        .filter(|(snapshot, _)| snapshot.starts_with("tank/photos@"))
        .collect();
    found.sort();
    let hold = |snapshot: &str, tag: &str| (snapshot.to_owned(), tag.to_owned());
    assert_eq!(
        found,
        [
            hold("tank/photos@auto-1", "sigmavault"),
            hold("tank/photos@before", "-keep"),
            hold("tank/photos@before", "keep it"),
        ]
    );
}

#[test]
fn differences() {
    let found = diff::parse(&recorded("diff.txt"));
    let at = |path: &str| {
        let path = Path::new("/run/tank/photos").join(path);
        let change = found.iter().find(|change| change.path == path);
        change.map(|change| (change.what.clone(), change.kind))
    };
    for (path, what, kind) in [
        ("of 65534", What::Modified, 'F'),
        ("of 0", What::Removed, 'F'),
        (
            "of 1000",
            What::Renamed(PathBuf::from("/run/tank/photos/moved")),
            'F',
        ),
        ("new file", What::Added, 'F'),
        ("tab\there", What::Added, 'F'),
        ("sub → b", What::Added, 'F'),
        ("folder", What::Added, '/'),
        ("link", What::Added, '@'),
    ] {
        assert_eq!(at(path), Some((what, kind)), "{path}");
    }
    assert_eq!(found.len(), recorded("diff.txt").lines().count());
}

#[test]
fn spaces() {
    let users = space::parse(&users_only("userspace-numeric.txt"));
    let ids: Vec<u32> = users.iter().map(|space| space.id).collect();
    assert_eq!(ids, [0, 1000, 65534]);
    assert_eq!(users[1].quota, Some(100 << 20));
    assert_eq!((users[0].quota, users[0].object_quota), (None, None));
    let projects = space::parse(&users_only("projectspace.txt"));
    assert_eq!(
        projects[1],
        Space {
            id: 7,
            used: 0,
            quota: Some(50 << 20),
            objects: None,
            object_quota: None
        }
    );
    assert_eq!(space::parse("S-1-5-21-1\t1\t0\t1\t0\n"), []);
}

/// The columns that are asked for; the recordings have the type before them.
fn users_only(file: &str) -> String {
    recorded(file)
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(_, rest)| format!("{rest}\n"))
        .collect()
}

#[test]
fn what_would_be_destroyed() {
    let plan = parse_destruction(&recorded("destroy-plan.txt"));
    assert_eq!(
        plan.names,
        [
            "tank/deep/er/down@auto-1",
            "tank/deep/er/down",
            "tank/deep/er@auto-1",
            "tank/deep/er",
            "tank/deep@auto-1",
            "tank/deep"
        ]
    );
    assert_eq!(
        parse_destruction("destroy\ttank/a b@c\nreclaim\t1024\n"),
        Destruction {
            names: vec!["tank/a b@c".to_owned()],
            reclaimed: Some(1024)
        }
    );
}
