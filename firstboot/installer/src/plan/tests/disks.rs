//! The system disk and the pool.

use super::*;

fn sizes(plan: &InstallPlan) -> Vec<(&str, &str, u64)> {
    plan.partitions
        .iter()
        .map(|part| (part.definition.as_str(), part.label.as_str(), part.bytes / MIB))
        .collect()
}

fn installed(slot: u64, state: u64, complete: bool) -> Contents {
    Contents::SigmaVault(Installed {
        complete,
        version: Some("0.0.9".to_owned()),
        slot_bytes: slot,
        verity_bytes: 48 * MIB,
        state_bytes: state,
        encrypted: true,
    })
}

#[test]
fn an_erased_disk() {
    let plan = plan(&machine(), &answers());
    // Twice 1500 MiB is 3000 MiB, in whole 64 MiB 3008; a 64th of it 47, in whole 4 MiB 48.
    assert_eq!(
        sizes(&plan),
        [
            ("10-esp", "esp", 1024),
            ("20-root-a", "root-a", 3008),
            ("21-root-a-verity", "root-a-verity", 48),
            ("30-root-b", "root-b", 3008),
            ("31-root-b-verity", "root-b-verity", 48),
            ("40-state", "state", 65536),
        ]
    );
    assert_eq!(plan.mode, Mode::Erase);
}

#[test]
fn a_large_hash_tree_gets_twice_its_size() {
    let mut machine = machine();
    machine.source.verity_bytes = 31 * MIB;
    assert_eq!(plan(&machine, &answers()).partitions[2].bytes, 64 * MIB);
}

#[test]
fn the_state_takes_what_is_not_worth_leaving() {
    // 1024 + 2 x (3008 + 48) + 4 MiB are taken already.
    const FIXED: u64 = 7140 * MIB;
    for (bytes, state) in [
        (FIXED + 2 * GIB, 2 * GIB),
        (FIXED + 64 * GIB, 64 * GIB),
        (FIXED + 128 * GIB - 1, 128 * GIB - MIB),
        (FIXED + 128 * GIB, 64 * GIB),
        (4000 * GIB, 64 * GIB),
    ] {
        let mut machine = machine();
        machine.disks[0].bytes = bytes;
        let plan = plan(&machine, &answers());
        assert_eq!(plan.partitions[5].bytes, state, "{bytes}");
        let taken: u64 = plan.partitions.iter().map(|part| part.bytes).sum();
        assert!(taken + 4 * MIB <= bytes);
    }
}

#[test]
fn a_disk_that_is_too_small() {
    let mut machine = machine();
    machine.disks[0].bytes = 8 * GIB;
    assert_eq!(
        refused(&machine, &answers()),
        ["sda  8.59 GB  sata  TESTDISK  SYS has 8.59 GB; the system needs 9.63 GB\n  try: a larger disk"]
    );
    machine.disks[0].bytes = 7140 * MIB + 2 * GIB - 1;
    assert_eq!(
        refused(&machine, &answers()),
        [
            "sda  9.63 GB  sata  TESTDISK  SYS has 9634316287 bytes; the system needs 9634316288 bytes\n  try: a larger disk"
        ]
    );
}

#[test]
fn a_state_size_that_is_asked_for() {
    let with = |size: u64| {
        let mut answers = answers();
        answers.system.state_size = Some(Size(size));
        answers
    };
    assert_eq!(plan(&machine(), &with(100 * GIB)).partitions[5].bytes, 100 * GIB);
    assert_eq!(
        refused(&machine(), &with(500 * GIB)),
        [
            "system.state-size: 500G is more than sda  537 GB  sata  TESTDISK  SYS has beside the system: give at most 504860M"
        ]
    );
    assert_eq!(
        plan(&machine(), &with(504_860 * MIB)).partitions[5].bytes,
        504_860 * MIB
    );
    // A disk too small for any state partition is the cause, whatever was asked for.
    let mut small = machine();
    small.disks[0].bytes = 8 * GIB;
    assert!(refused(&small, &with(500 * GIB))[0].ends_with("the system needs 9.63 GB\n  try: a larger disk"));
    for wrong in [GIB, 2 * GIB + 1024, 0] {
        assert_eq!(keys(&machine(), &with(wrong)), ["system.state-size"], "{wrong}");
    }
    assert_eq!(refused(&machine(), &with(u64::MAX / MIB * MIB)).len(), 1);
}

#[test]
fn the_medium_is_never_chosen() {
    let mut answers = answers();
    answers.system.disk = by_serial("STICK");
    answers.system.confirm = Some("STICK".to_owned());
    let refused = refused(&machine(), &answers);
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].starts_with("system.disk: no disk matches serial = \"STICK\"\n  sda"),
        "{refused:?}"
    );
    assert!(!refused[0].contains("sde"), "{refused:?}");
}

#[test]
fn unusual_sectors() {
    for (sector, expected) in [(512, &[][..]), (4096, &[]), (520, &["system.disk"])] {
        let mut machine = machine();
        machine.disks[0].sector = sector;
        assert_eq!(keys(&machine, &answers()), expected, "{sector}");
    }
}

#[test]
fn data_is_kept() {
    let mut machine = machine();
    machine.disks[0].contents = installed(2000 * MIB, 32 * GIB, true);
    let mut answers = answers();
    answers.system.mode = Some(Mode::KeepData);
    answers.user = None;
    let kept = plan(&machine, &answers);
    assert_eq!(
        sizes(&kept),
        [
            ("10-esp", "esp", 1024),
            ("20-root-a", "root-a", 2000),
            ("21-root-a-verity", "root-a-verity", 48),
            ("30-root-b", "root-b", 2000),
            ("31-root-b-verity", "root-b-verity", 48),
            ("40-state", "state", 32768),
        ]
    );
    assert_eq!((kept.settings, kept.encryption, kept.pool), (None, None, None));
    machine.disks[0].contents = installed(1500 * MIB, 32 * GIB, true);
    plan(&machine, &answers);

    for (contents, reason) in [
        (
            installed(1499 * MIB, 32 * GIB, true),
            "its root slots have 1.57 GB each and the new system needs 1573",
        ),
        (installed(2000 * MIB, 0, true), "it has no state partition"),
        (
            installed(2000 * MIB, 32 * GIB, false),
            "its installation was not completed, so that there is nothing to keep",
        ),
        (Contents::Empty, "the disk is empty"),
        (
            Contents::Foreign("an ext4".to_owned()),
            "it holds no SigmaVault system but an ext4",
        ),
    ] {
        machine.disks[0].contents = contents;
        let refused = refused(&machine, &answers);
        assert_eq!(refused.len(), 1);
        let start = format!("sda  537 GB  sata  TESTDISK  SYS: its data cannot be kept: {reason}");
        let start = start.replace(
            "1.57 GB each and the new system needs 1573",
            "1571815424 bytes each and the new system needs 1572864000 bytes",
        );
        assert!(refused[0].starts_with(&start), "{refused:?} {start}");
    }
    machine.disks[0].contents = installed(2000 * MIB, 32 * GIB, true);
    machine.source.verity_bytes = 49 * MIB;
    assert!(
        refused(&machine, &answers)[0]
            .contains("its verity slots have 50.3 MB each and the new system needs 51.4 MB")
    );
}

#[test]
fn kept_data_refuses_what_would_not_be_done() {
    let mut machine = machine();
    machine.disks[0].contents = installed(2000 * MIB, 32 * GIB, true);
    let mut answers = answers();
    answers.system.mode = Some(Mode::KeepData);
    answers.system.state_size = Some(Size(64 * GIB));
    answers.pool = Some(pool(&[]));
    answers.encryption = Some(Encryption {
        passphrase: Secret("12345678".to_owned()),
        recovery_key: true,
        tpm2: false,
        tpm_pin: None,
    });
    assert_eq!(
        keys(&machine, &answers),
        ["encryption", "pool", "system.state-size"]
    );
}

#[test]
fn a_pool_takes_the_empty_disks() {
    let mut machine = machine();
    let mut stick = disk("sdf", Some("USB2"), 4000 * GIB, Contents::Empty);
    stick.bus = "usb".to_owned();
    let mut busy = disk("sdg", Some("BUSY"), 4000 * GIB, Contents::Empty);
    busy.in_use = Some(InUse::Claimed);
    machine.disks.extend([stick, busy]);
    let mut answers = answers();
    answers.pool = Some(pool(&[]));
    let pool = plan(&machine, &answers).pool.expect("a pool");
    let names: Vec<&str> = pool.disks.iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!(names, ["sdb", "sdc"]);
    assert_eq!(
        (pool.name.as_str(), pool.mountpoint.as_str()),
        ("tank", "/srv/sigmavault/tank")
    );
    assert_eq!(
        (pool.layout.kind, pool.layout.may_fail),
        (WantedLayout::Mirror, 1)
    );
}

#[test]
fn a_pool_of_chosen_disks() {
    let mut answers = answers();
    let mut wanted = pool(&["D2", "D1"]);
    wanted.layout = Some(WantedLayout::Stripe);
    answers.pool = Some(wanted);
    let made = plan(&machine(), &answers).pool.expect("a pool");
    let names: Vec<&str> = made.disks.iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!(
        (names, made.layout.kind),
        (vec!["sdc", "sdb"], WantedLayout::Stripe)
    );
}

#[test]
fn a_pool_that_cannot_be() {
    let with = |wanted: Pool| {
        let mut answers = answers();
        answers.pool = Some(wanted);
        answers
    };
    let mut layout = pool(&["D1", "D2"]);
    layout.layout = Some(WantedLayout::Raidz2);
    let mut named = pool(&["D1"]);
    named.name = "mirror".to_owned();
    for (wanted, start) in [
        (
            pool(&["D1", "D1"]),
            "pool.disks[1]: names sdb  4.29 TB  sata  TESTDISK  D1 again",
        ),
        (
            pool(&["SYS"]),
            "pool.disks[0]: no disk matches serial = \"SYS\"\n  sdb",
        ),
        (
            pool(&["STICK"]),
            "pool.disks[0]: no disk matches serial = \"STICK\"\n  sdb",
        ),
        (
            pool(&["OLD"]),
            "sdd  4.29 TB  sata  TESTDISK  OLD holds something: \"data\" (ntfs)\n  try: add \"OLD\" to pool.erase if that may be lost",
        ),
        (
            layout,
            "pool.layout: raidz2 needs at least 4 disks and there are 2; three disks make",
        ),
        (named, "pool.name: 'mirror' means something else to ZFS"),
    ] {
        let refused = refused(&machine(), &with(wanted));
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].starts_with(start), "{refused:?}");
    }

    let mut agreed = pool(&["OLD"]);
    agreed.erase = vec!["OLD".to_owned()];
    assert_eq!(
        plan(&machine(), &with(agreed)).pool.expect("a pool").layout.kind,
        WantedLayout::Single
    );

    let mut machine = machine();
    machine.disks[1].in_use = Some(InUse::Mounted {
        device: "sdb1".to_owned(),
        at: "/mnt".to_owned(),
    });
    assert_eq!(
        refused(&machine, &with(pool(&["D1"]))),
        ["sdb  4.29 TB  sata  TESTDISK  D1 cannot be used: sdb1 is in use as /mnt\n  try: umount /mnt"]
    );
    machine.disks.truncate(1);
    assert_eq!(keys(&machine, &with(pool(&[]))), ["pool.disks"]);
}

#[test]
fn an_unknown_system_disk_does_not_lend_itself_to_the_pool() {
    let mut answers = answers();
    answers.system.disk = by_serial("GONE");
    answers.pool = Some(pool(&[]));
    let refused = refused(&machine(), &answers);
    assert_eq!(refused.len(), 1, "{refused:?}");
}

/// A machine whose data disks are two namespaces of one drive and a drive of its own.
fn with_namespaces() -> Machine {
    let mut machine = machine();
    for (at, nqn) in [(1, "nqn.a"), (2, "nqn.a"), (3, "nqn.b")] {
        let disk = &mut machine.disks[at];
        disk.subsystem = Some(nqn.to_owned());
        disk.contents = Contents::Empty;
        "nvme".clone_into(&mut disk.bus);
    }
    machine
}

#[test]
fn namespaces_of_one_drive_never_protect_each_other() {
    let machine = with_namespaces();
    let mut answers = answers();
    answers.pool = Some(pool(&["D1", "D2"]));
    let reason = "pool.disks: sdb and sdc are namespaces of one drive (D1): when it fails, both do, and neither \
                  protects the other; name one of them, or say layout = \"stripe\", which protects nothing";
    assert_eq!(refused(&machine, &answers), [reason]);
    for kind in [WantedLayout::Mirror, WantedLayout::Raidz1] {
        answers.pool = Some(Pool {
            layout: Some(kind),
            ..pool(&["D1", "D2", "OLD"])
        });
        assert_eq!(refused(&machine, &answers), [reason], "{kind:?}");
    }
    answers.pool = Some(Pool {
        layout: Some(WantedLayout::Stripe),
        ..pool(&["D1", "D2"])
    });
    let made = plan(&machine, &answers).pool.expect("a pool");
    assert_eq!(
        (made.layout.kind, made.layout.may_fail),
        (WantedLayout::Stripe, 0)
    );
    answers.pool = Some(pool(&["D1", "OLD"]));
    assert_eq!(
        plan(&machine, &answers).pool.expect("a pool").layout.kind,
        WantedLayout::Mirror
    );
}

#[test]
fn a_pool_of_what_is_left_takes_one_namespace_of_a_drive() {
    let machine = with_namespaces();
    let mut answers = answers();
    answers.pool = Some(pool(&[]));
    let made = plan(&machine, &answers).pool.expect("a pool");
    let names: Vec<&str> = made.disks.iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!(
        (names, made.layout.kind),
        (vec!["sdb", "sdd"], WantedLayout::Mirror)
    );
}

#[test]
fn layouts_offered_for_one_drive_promise_nothing() {
    let machine = with_namespaces();
    let members: Vec<&Disk> = machine.disks[1..4].iter().collect();
    let offered = layouts(&members);
    let kinds: Vec<WantedLayout> = offered.iter().map(|layout| layout.kind).collect();
    assert_eq!(kinds, [WantedLayout::Stripe]);
    assert!(
        offered[0]
            .reason
            .starts_with("sdb and sdc are namespaces of one drive"),
        "{}",
        offered[0].reason
    );
    let kinds: Vec<WantedLayout> = layouts(&[members[0], members[2]])
        .iter()
        .map(|layout| layout.kind)
        .collect();
    assert_eq!(kinds, [WantedLayout::Mirror, WantedLayout::Stripe]);
}

/// A machine whose data disks are behind a dock that gives both its own serial number.
fn with_dock(wwns: [Option<&str>; 2]) -> Machine {
    let mut machine = machine();
    for (at, wwn) in [1, 2].into_iter().zip(wwns) {
        let disk = &mut machine.disks[at];
        disk.serial = Some("DOCK".to_owned());
        disk.wwn = wwn.map(str::to_owned);
        disk.links = vec![format!(
            "/dev/disk/by-path/pci-0000:00:14.0-usb-0:3:1.0-scsi-0:0:0:{}",
            at - 1
        )];
        disk.contents = Contents::Foreign(format!("\"number {at}\" (ntfs)"));
        "usb".clone_into(&mut disk.bus);
    }
    machine
}

#[test]
fn one_serial_number_does_not_give_two_disks_away() {
    let with = |erase: &[&str]| {
        let mut answers = answers();
        answers.pool = Some(Pool {
            layout: Some(WantedLayout::Stripe),
            disks: ["/dev/sdb", "/dev/sdc"]
                .map(|path| Selector {
                    path: Some(path.to_owned()),
                    ..Selector::default()
                })
                .to_vec(),
            erase: erase.iter().map(|name| (*name).to_owned()).collect(),
            ..pool(&[])
        });
        answers
    };
    let hint = |disk: &str, name: &str| {
        let (at, other) = if disk == "sdb" { (1, "sdc") } else { (2, "sdb") };
        format!(
            "{disk}  4.29 TB  usb  TESTDISK  DOCK holds something: \"number {at}\" (ntfs)\n  try: its serial number is \
             also that of {other}: add \"{name}\" to pool.erase if that may be lost"
        )
    };
    let machine = with_dock([None, None]);
    let place = |lun: u32| format!("/dev/disk/by-path/pci-0000:00:14.0-usb-0:3:1.0-scsi-0:0:0:{lun}");
    assert_eq!(
        refused(&machine, &with(&["DOCK"])),
        [hint("sdb", &place(0)), hint("sdc", &place(1))]
    );
    assert_eq!(
        refused(&machine, &with(&[&place(0)])),
        [hint("sdc", &place(1))],
        "consent is for each disk"
    );
    plan(&machine, &with(&[&place(0), &place(1)]));

    let machine = with_dock([Some("0x5000c500a6d8e2b3"), Some("0x5000c500a6d8f017")]);
    assert_eq!(
        refused(&machine, &with(&["5000C500A6D8E2B3"])),
        [hint("sdc", "0x5000c500a6d8f017")]
    );
}

#[test]
fn the_system_disk_is_confirmed_by_what_it_alone_has() {
    let machine = with_dock([Some("0x5000c500a6d8e2b3"), None]);
    let mut answers = answers();
    answers.system.disk = Selector {
        path: Some("/dev/sdb".to_owned()),
        ..Selector::default()
    };
    for (given, accepted) in [
        ("DOCK", false),
        ("sdb", false),
        ("/dev/sdb", false),
        ("0x5000c500a6d8e2b3", true),
        ("5000C500A6D8E2B3", true),
        (
            "/dev/disk/by-path/pci-0000:00:14.0-usb-0:3:1.0-scsi-0:0:0:0",
            true,
        ),
    ] {
        answers.system.confirm = Some(given.to_owned());
        let built = build(&machine, &answers, Confirmation::Required);
        assert_eq!(built.is_ok(), accepted, "{given}");
        if let Err(refusals) = built {
            assert!(
                refusals[0]
                    .to_string()
                    .ends_with("try: system.confirm = \"0x5000c500a6d8e2b3\" if that is the right one"),
                "{refusals:?}"
            );
        }
    }
}

#[test]
fn a_name_of_the_kernel_confirms_nothing_in_a_file() {
    let mut machine = machine();
    machine.disks[0].serial = None;
    let mut answers = answers();
    answers.system.disk = Selector {
        path: Some("/dev/sda".to_owned()),
        ..Selector::default()
    };
    answers.system.confirm = Some("sda".to_owned());
    assert_eq!(
        refused(&machine, &answers),
        [
            "sda  537 GB  sata  TESTDISK  no serial number cannot be confirmed in a file: its serial number and WWN are \
             missing or those of another disk too, and it has no place of its own below /dev/disk/by-path\n  try: install \
             without an answer file, which asks for this disk by its name of now"
        ]
    );
    machine.disks[0].links = vec!["/dev/disk/by-path/pci-0000:00:17.0-ata-1".to_owned()];
    assert_eq!(
        refused(&machine, &answers),
        [
            "the system disk is sda  537 GB  sata  TESTDISK  no serial number, but confirm is \"sda\"\n  try: \
             system.confirm = \"/dev/disk/by-path/pci-0000:00:17.0-ata-1\" if that is the right one"
        ]
    );
    assert!(build(&machine, &answers, Confirmation::Typed).is_ok());
}

#[test]
fn a_disk_that_the_initrd_cannot_read() {
    let mut machine = machine();
    machine
        .unreadable
        .insert("sda".to_owned(), vec!["hpsa".to_owned()]);
    let found = refused(&machine, &answers());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains(
            "cannot be the system disk: the initrd of the installed system has no driver hpsa\n  try: "
        ),
        "{found:?}"
    );
    // Its pool is imported by the system itself, which has every driver.
    let mut machine = self::machine();
    machine
        .unreadable
        .insert("sdb".to_owned(), vec!["hpsa".to_owned()]);
    let mut answers = answers();
    answers.pool = Some(pool(&["D1"]));
    assert_eq!(plan(&machine, &answers).pool.expect("a pool").disks.len(), 1);
}
