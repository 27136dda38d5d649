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
    answers.system.mode = Mode::KeepData;
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
    answers.system.mode = Mode::KeepData;
    answers.system.state_size = Some(Size(64 * GIB));
    answers.pool = Some(pool(&[]));
    answers.encryption = Some(Encryption {
        passphrase: Secret("12345678".to_owned()),
        recovery_key: true,
        tpm2: false,
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
    assert_eq!((pool.layout.kind, pool.layout.may_fail), (Kind::Mirror, 1));
}

#[test]
fn a_pool_of_chosen_disks() {
    let mut answers = answers();
    let mut wanted = pool(&["D2", "D1"]);
    wanted.layout = Some(Kind::Stripe);
    answers.pool = Some(wanted);
    let made = plan(&machine(), &answers).pool.expect("a pool");
    let names: Vec<&str> = made.disks.iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!((names, made.layout.kind), (vec!["sdc", "sdb"], Kind::Stripe));
}

#[test]
fn a_pool_that_cannot_be() {
    let with = |wanted: Pool| {
        let mut answers = answers();
        answers.pool = Some(wanted);
        answers
    };
    let mut layout = pool(&["D1", "D2"]);
    layout.layout = Some(Kind::Raidz2);
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
        Kind::Single
    );

    let mut machine = machine();
    machine.disks[1].in_use = Some(InUse::Mounted {
        device: "sdb1".to_owned(),
        at: "/mnt".to_owned(),
    });
    assert_eq!(
        refused(&machine, &with(pool(&["D1"]))),
        ["sdb  4.29 TB  sata  TESTDISK  D1 cannot be used: sdb1 is in use as /mnt"]
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
