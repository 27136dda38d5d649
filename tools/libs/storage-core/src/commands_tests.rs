use sigmavault_types::storage::{Disk, DiskUse, World};

use super::*;

fn world() -> World {
    let disk = |name: &str| Disk {
        id: DiskId::from(name),
        name: name.to_owned(),
        device: format!("/dev/disk/by-id/{name}"),
        bytes: 1 << 40,
        model: None,
        serial: None,
        wwn: None,
        transport: None,
        sector: 4096,
        rotational: true,
        drive: name.to_owned(),
        in_use: DiskUse::Free,
    };
    World {
        disks: ["a", "b", "c"].map(disk).to_vec(),
        ..World::default()
    }
}

fn lines(action: &Action) -> Vec<String> {
    commands(action, &world())
}

#[test]
fn a_pool_and_its_key() {
    let vdev = |class, names: &[&str]| NewVdev {
        kind: if names.len() > 1 {
            VdevKind::Mirror
        } else {
            VdevKind::Disk
        },
        class,
        disks: names.iter().map(|name| DiskId::from(*name)).collect(),
    };
    let create = |key| Action::CreatePool {
        name: "tank".to_owned(),
        vdevs: vec![vdev(VdevClass::Data, &["a", "b"]), vdev(VdevClass::Spare, &["c"])],
        properties: BTreeMap::from([("ashift".to_owned(), "12".to_owned())]),
        dataset_properties: BTreeMap::from([("compression".to_owned(), "lz4".to_owned())]),
        key,
    };
    let disks = "-- tank mirror /dev/disk/by-id/a /dev/disk/by-id/b spare /dev/disk/by-id/c";
    assert_eq!(
        lines(&create(None)),
        [format!("zpool create -o ashift=12 -O compression=lz4 {disks}")]
    );
    let stored = lines(&create(Some(KeySource::Stored)));
    assert_eq!(
        stored,
        [format!(
            "zpool create -o ashift=12 -O compression=lz4 -O encryption=aes-256-gcm -O keyformat=hex \
             -O keylocation=file:///etc/sigmavault/keys/tank.key {disks}"
        )]
    );
    let secret = Secret(b"correct horse".to_vec());
    let typed = invocations(&create(Some(KeySource::Passphrase)), &world(), Some(&secret));
    assert!(!format!("{typed:?}").contains("horse"), "{typed:?}");
    assert_eq!(typed[0].standard_input().bytes(), b"correct horse");
}

#[test]
fn names_are_never_options() {
    let name = "tank/-x".to_owned();
    for (action, line) in [
        (
            Action::DestroyDataset { name: name.clone() },
            "zfs destroy -r -- tank/-x",
        ),
        (
            Action::Rollback {
                snapshot: "tank/-x@-y".to_owned(),
            },
            "zfs rollback -r -- tank/-x@-y",
        ),
        (
            Action::DestroySnapshots {
                dataset: name.clone(),
                tags: vec!["-y".to_owned(), "a b".to_owned()],
            },
            "zfs destroy -- 'tank/-x@-y,a b'",
        ),
        (
            Action::SetOwnerQuota {
                name,
                owner: Owner::User(1000),
                bytes: 5,
            },
            "zfs set -- userquota@1000=5 tank/-x",
        ),
    ] {
        assert_eq!(lines(&action), [line]);
    }
}

#[test]
fn a_locked_snapshot_is_held() {
    let action = Action::CreateSnapshots {
        datasets: vec!["tank".to_owned(), "tank/a".to_owned()],
        tag: "x".to_owned(),
        policy: Some("daily".to_owned()),
        locked_until: Some(9),
    };
    assert_eq!(
        lines(&action),
        [
            "zfs snapshot -o org.sigmavault:policy=daily -o org.sigmavault:locked-until=9 -- tank@x tank/a@x",
            "zfs hold -- sigmavault-lock tank@x tank/a@x",
        ]
    );
}

#[test]
fn keys_of_datasets_have_files_of_their_own() {
    assert_eq!(
        key_file("tank/a/b").to_str(),
        Some("/etc/sigmavault/keys/tank%a%b.key")
    );
}
