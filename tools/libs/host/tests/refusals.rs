//! What zpool(8) and zfs(8) complain of, told apart: every refusal that was recorded.

mod recorded;

use recorded::recorded;
use sigmavault_host::{zfs, zpool};

#[test]
fn of_pools() {
    use zpool::Refusal::{
        Busy, CheckpointExists, Exists, InvalidName, InvalidProperty, MixedRedundancy, NoReplicas,
        NoSuchDevice, NoSuchPool, NothingToEnd, OutOfSpace, SameDevice, Scanning, Suspended, TooFewDevices,
        TooSmall, Unavailable,
    };
    for (name, expected) in [
        ("refused-no-such-pool", NoSuchPool),
        ("refused-no-such-pool-list", NoSuchPool),
        ("refused-no-such-pool-scrub", NoSuchPool),
        ("refused-no-such-pool-export", NoSuchPool),
        ("refused-no-such-pool-set", NoSuchPool),
        ("refused-no-such-pool-destroy", NoSuchPool),
        ("import-no-such", NoSuchPool),
        ("import-nothing", NoSuchPool),
        ("import-damaged", Unavailable),
        ("refused-pool-exists", Exists),
        ("refused-import-imported", Exists),
        ("import-name-taken", Exists),
        ("refused-pool-name-reserved", InvalidName),
        ("refused-pool-name-digit", InvalidName),
        ("refused-pool-name-letters", InvalidName),
        ("refused-same-disk", SameDevice),
        ("refused-too-small", TooSmall),
        ("refused-too-small-attach", TooSmall),
        ("refused-no-such-device", NoSuchDevice),
        ("refused-detach-only", NoSuchDevice),
        ("refused-mixed-redundancy", MixedRedundancy),
        ("refused-mirror-of-one", TooFewDevices),
        ("refused-raidz-of-one", TooFewDevices),
        ("refused-bad-property", InvalidProperty),
        ("refused-bad-ashift", InvalidProperty),
        ("refused-set-read-only-property", InvalidProperty),
        ("refused-offline-last", NoReplicas),
        ("refused-remove-only", OutOfSpace),
        ("refused-scrub-stop-none", NothingToEnd),
        ("refused-checkpoint-none", NothingToEnd),
        ("refused-checkpoint-exists", CheckpointExists),
        ("refused-checkpoint-remove", CheckpointExists),
        ("refused-busy-export", Busy),
        ("refused-busy-destroy-pool", Busy),
        ("scrub-twice", Scanning),
        ("suspended-set", Suspended),
        ("suspended-export", Suspended),
        ("suspended-export-force", Suspended),
    ] {
        let complaint = recorded(&format!("{name}.stderr"));
        assert_eq!(zpool::Refusal::of(&complaint), expected, "{name}: {complaint}");
    }
}

#[test]
fn of_devices_in_use() {
    let part = |number: u8| format!("/dev/disk/by-id/virtio-SV-DISK-{number:02}-part1");
    for (name, device, by, forcible) in [
        ("refused-in-use", part(1), "part of active pool 'tank'", true),
        (
            "refused-in-use-force",
            part(1),
            "part of active pool 'tank'",
            false,
        ),
        (
            "refused-exported-pool",
            part(3),
            "part of exported pool 'other'",
            true,
        ),
        (
            "refused-file-system",
            part(4),
            "contains a filesystem of type 'ext4'",
            true,
        ),
    ] {
        let complaint = recorded(&format!("{name}.stderr"));
        let expected = zpool::Refusal::InUse {
            device,
            by: by.to_owned(),
            forcible,
        };
        assert_eq!(zpool::Refusal::of(&complaint), expected, "{name}: {complaint}");
    }
}

#[test]
fn of_datasets() {
    use zfs::Refusal::{
        Busy, Exists, Held, HoldExists, InvalidKey, InvalidName, InvalidProperty, KeyLoaded, KeyNotLoaded,
        LessThanUsed, Mounted, NoKeyFile, NoSuchDataset, NoSuchHold, NoSuchParent, NotAClone,
        NotAnEncryptionRoot, OutOfSpace, ReadOnly, Suspended, WrongKey,
    };
    for (name, expected) in [
        ("refused-no-such-dataset", NoSuchDataset),
        ("refused-no-such-dataset-destroy", NoSuchDataset),
        ("refused-no-such-dataset-list", NoSuchDataset),
        ("refused-no-such-dataset-set", NoSuchDataset),
        ("refused-no-such-snapshot", NoSuchDataset),
        ("refused-no-such-snapshot-rollback", NoSuchDataset),
        ("refused-no-such-parent", NoSuchParent),
        ("refused-dataset-exists", Exists),
        ("refused-snapshot-exists", Exists),
        ("refused-rename-exists", Exists),
        ("refused-held", Held),
        ("refused-hold-exists", HoldExists),
        ("refused-release-none", NoSuchHold),
        ("refused-busy", Busy),
        ("refused-busy-unmount", Busy),
        ("refused-dataset-name", InvalidName),
        ("refused-dataset-name-long", InvalidName),
        ("refused-dataset-name-utf-8", InvalidName),
        ("refused-dataset-name-percent", InvalidName),
        ("refused-dataset-property", InvalidProperty),
        ("refused-dataset-property-value", InvalidProperty),
        ("refused-dataset-property-read-only", InvalidProperty),
        ("refused-quota-too-small", LessThanUsed),
        ("refused-reservation-too-large", OutOfSpace),
        ("refused-volume-too-large", OutOfSpace),
        ("refused-promote-none", NotAClone),
        ("refused-mount-again", Mounted),
        ("read-only-create", ReadOnly),
        ("key-load-wrong", WrongKey),
        ("key-load-again", KeyLoaded),
        ("key-load-file-missing", NoKeyFile),
        ("key-load-file-wrong-size", InvalidKey),
        ("key-load-of-plain", NotAnEncryptionRoot),
        ("key-load-of-child", NotAnEncryptionRoot),
        ("key-change-inherit", NotAnEncryptionRoot),
        ("key-create-below-locked", KeyNotLoaded),
        ("key-unload-busy", Busy),
        ("suspended-create-again", Suspended),
        ("suspended-datasets", Suspended),
        ("suspended-snapshot", Suspended),
    ] {
        let complaint = recorded(&format!("{name}.stderr"));
        assert_eq!(zfs::Refusal::of(&complaint), expected, "{name}: {complaint}");
    }
}

#[test]
fn of_what_hangs_on_a_dataset() {
    use zfs::Refusal::{HasChildren, HasClones, HasNewer};
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (name, expected) in [
        (
            "refused-has-children",
            HasChildren(names(&[
                "tank/photos/below@a",
                "tank/photos/below@free",
                "tank/photos/below",
                "tank/photos@a",
            ])),
        ),
        ("refused-has-children-clones", HasClones(names(&["tank/clone"]))),
        ("refused-has-clones", HasClones(names(&["tank/clone"]))),
        (
            "refused-rollback-newer",
            HasNewer(names(&["tank/photos/below@free"])),
        ),
    ] {
        let complaint = recorded(&format!("{name}.stderr"));
        assert_eq!(zfs::Refusal::of(&complaint), expected, "{name}: {complaint}");
    }
}

#[test]
fn another_reason_is_kept() {
    assert_eq!(
        zpool::Refusal::of("cannot do this: the moon is full\n"),
        zpool::Refusal::Other("cannot do this: the moon is full".to_owned())
    );
}

/// Whether each command of the recording that had `--` before its names took it, and the two that did not.
#[test]
fn ends_of_options() {
    let index = recorded("index.tsv");
    let refused: Vec<&str> = index
        .lines()
        .filter_map(|line| {
            let mut words = line.split('\t');
            let (name, status) = (words.next()?, words.next()?);
            (name.starts_with("dashes-") && status == "2").then_some(name)
        })
        .collect();
    assert_eq!(
        refused,
        ["dashes-zpool-set", "dashes-zfs-hold-bare", "dashes-zfs-promote"]
    );
    // An option behind a name is taken for one.
    assert_eq!(recorded("dashes-after-operand.txt"), "would destroy tank/-dash\n");
}
