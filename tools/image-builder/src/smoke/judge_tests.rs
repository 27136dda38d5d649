use super::*;
use crate::smoke::judgement::Outcome;
use sigmavault_vm::Firmware;

const HASH: &str = "5f0c5a6f0e0f4c1d8a7b6c5d4e3f2a1b5f0c5a6f0e0f4c1d8a7b6c5d4e3f2a1b";

fn expected() -> Expected {
    Expected {
        firmware: Firmware::Uefi,
        medium: Medium::Usb,
        iso_bytes: 400 * 2048,
        volume_id: "SIGMAVAULT".into(),
        root_hash: HASH.into(),
        kernel: "6.12.107+deb13-amd64".into(),
        zfs: "2.3.9-1".into(),
        tier: "bitnet-7b",
    }
}

type Judge = fn(&Section, &Expected) -> Judgement;

fn section(facts: &[(&str, &str)]) -> Section {
    let facts = facts
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Section { facts, end: None }
}

/// The good facts pass; each change of one of them fails with a reason that has the given words.
fn table(judge: Judge, good: &[(&str, &str)], changes: &[(&str, &str, &str)]) {
    let judged = judge(&section(good), &expected());
    assert_eq!((judged.outcome, judged.reason), (Outcome::Pass, None));
    for (key, value, words) in changes {
        let mut other = section(good);
        assert!(
            other
                .facts
                .insert((*key).to_owned(), (*value).to_owned())
                .is_some(),
            "{key} is no fact"
        );
        let judged = judge(&other, &expected());
        let reason = judged.reason.unwrap_or_default();
        assert_eq!(judged.outcome, Outcome::Fail, "{key} = {value:?}");
        assert!(reason.contains(words), "{key} = {value:?}: {reason}");
    }
}

#[test]
fn firmware_and_kernel() {
    table(
        firmware_to_kernel,
        &[("firmware", "uefi"), ("kernel", "6.12.107+deb13-amd64")],
        &[
            ("firmware", "bios", "firmware is bios, not uefi"),
            ("kernel", "7.2.1", "kernel is 7.2.1, not 6.12.107+deb13-amd64"),
            ("kernel", "", "kernel is unknown"),
        ],
    );
}

#[test]
fn the_root() {
    let cmdline = format!("console=tty0 roothash={HASH} systemd.volatile=overlay");
    let status = format!(
        "/dev/mapper/root is active and is in use.\n  type:        VERITY\n  status:      verified\n  root hash:   {HASH}"
    );
    let other = "0".repeat(64);
    let disk =
        "disk sda /sys/devices/pci0000:00/0000:00:04.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sda";
    table(
        verity_root,
        &[
            ("cmdline", &cmdline),
            ("root", "overlay"),
            ("device", "CRYPT-VERITY-5f0c5a6f0e0f4c1d8a7b6c5d4e3f2a1b-root"),
            (
                "devices",
                "dm-0 root CRYPT-VERITY-5f0c5a6f0e0f4c1d8a7b6c5d4e3f2a1b-root\n",
            ),
            ("read-only", "1"),
            ("status", &status),
            ("disks", disk),
            ("volume", "SIGMAVAULT                      "),
            ("size", "819200"),
        ],
        &[
            ("cmdline", "root=/dev/sda2", "command line is unknown"),
            ("cmdline", &format!("roothash={other}"), "command line is 000"),
            (
                "cmdline",
                &format!("{cmdline} roothash={other}"),
                "command line is 000",
            ),
            ("root", "ext4", "root file system is ext4, not overlay"),
            (
                "device",
                "",
                "no verity device carries a mounted erofs (device mapper has: dm-0 root CRYPT",
            ),
            ("device", "CRYPT-LUKS2-5f0c", "no verity device"),
            ("read-only", "0", "not read-only"),
            (
                "status",
                &status.replace("verified", "corrupted"),
                "verity status is corrupted",
            ),
            ("status", &status.replace(HASH, &other), "active root hash is 000"),
            ("status", "", "verity status is unknown"),
            (
                "disks",
                "disk sr0 /sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/block/sr0",
                "USB stick alone",
            ),
            (
                "disks",
                "disk vda /sys/devices/pci0000:00/0000:00:05.0/virtio2/block/vda",
                "USB stick alone",
            ),
            ("disks", "file /run/live/root.img", "USB stick alone"),
            (
                "disks",
                &format!("{disk}\ndisk vda /sys/devices/virtio2/block/vda"),
                "USB stick alone",
            ),
            ("disks", "", "USB stick alone"),
            ("volume", "OTHER", "volume id of the disk below is OTHER"),
            (
                "size",
                "268435456",
                "the disk below has 268435456 bytes, the ISO 819200",
            ),
        ],
    );
}

#[test]
fn the_root_on_a_cd() {
    let cmdline = format!("roothash={HASH}");
    let facts = [
        ("cmdline", cmdline.as_str()),
        ("root", "overlay"),
        ("device", "CRYPT-VERITY-5f0c"),
        ("read-only", "1"),
        (
            "disks",
            "disk sr0 /sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sr0",
        ),
        ("volume", "SIGMAVAULT"),
        ("size", "819200"),
    ];
    let cd = Expected {
        medium: Medium::Cd,
        ..expected()
    };
    let judged = verity_root(&section(&facts), &cd);
    assert_eq!((judged.outcome, judged.reason), (Outcome::Pass, None));
    assert_eq!(judged.measured, format!("overlay on verity {HASH} on sr0"));
    assert_eq!(verity_root(&section(&facts), &expected()).outcome, Outcome::Fail);
}

#[test]
fn the_target() {
    table(
        boot_target,
        &[
            ("target", "graphical.target"),
            ("active", "active"),
            ("state", "running"),
            ("jobs", ""),
        ],
        &[
            (
                "target",
                "emergency.target",
                "the default target is \"emergency.target\"",
            ),
            ("active", "inactive", "the default target is inactive, not active"),
            ("state", "starting", "still \"starting\""),
            ("state", "maintenance", "still \"maintenance\""),
        ],
    );
    let degraded = [
        ("target", "multi-user.target"),
        ("active", "active"),
        ("state", "degraded"),
    ];
    assert_eq!(
        boot_target(&section(&degraded), &expected()).outcome,
        Outcome::Pass
    );
}

#[test]
fn failed_units_are_listed() {
    let units = "a.service\n  it said no\nb.service";
    let restarts = "getty@tty1.service restarted 4 times";
    table(
        failed_units,
        &[
            ("failed", "\n"),
            ("restarts", "systemd-journald.service restarted 1 times"),
        ],
        &[("failed", units, units), ("restarts", restarts, restarts)],
    );
    let judged = failed_units(
        &section(&[("failed", units), ("restarts", restarts)]),
        &expected(),
    );
    assert_eq!(judged.measured, "2 failed units, 1 restarted");
    assert_eq!(
        failed_units(&section(&[("failed", "")]), &expected()).outcome,
        Outcome::Fail
    );
}

#[test]
fn taint() {
    for (tainted, modules, outcome, measured) in [
        ("0", "", Outcome::Pass, "not tainted"),
        (
            "12289",
            "spl OE\nzfs POE\n",
            Outcome::Pass,
            "tainted POE by spl, zfs",
        ),
        ("4097", "zfs PO\nspl O\n", Outcome::Pass, "tainted PO by zfs, spl"),
        (
            "12289",
            "spl OE\nzfs POE\nnvidia POE\n",
            Outcome::Fail,
            "tainted POE by spl, zfs, nvidia",
        ),
        ("12289", "", Outcome::Fail, "tainted POE by "),
        ("512", "", Outcome::Fail, "tainted W by "),
        (
            "12801",
            "zfs POE\nspl OE\n",
            Outcome::Fail,
            "tainted PWOE by zfs, spl",
        ),
        ("2097152", "", Outcome::Fail, "tainted ? by "),
        ("-", "", Outcome::Fail, ""),
    ] {
        let judged = kernel_taint(
            &section(&[("tainted", tainted), ("modules", modules), ("warnings", "")]),
            &expected(),
        );
        assert_eq!(
            (judged.outcome, judged.measured.as_str()),
            (outcome, measured),
            "{tainted} {modules:?}"
        );
    }
}

#[test]
fn tier() {
    table(
        detector_tier,
        &[(
            "hardware",
            r#"{"version": 1, "model": {"tier": "bitnet-7b", "reason": "16 GiB"}}"#,
        )],
        &[
            (
                "hardware",
                r#"{"model": {"tier": "draft-350m", "reason": "8 GiB of memory."}}"#,
                "tier is draft-350m, not bitnet-7b; the detector says: 8 GiB of memory.",
            ),
            ("hardware", r#"{"tier": "bitnet-7b"}"#, "tier is unknown"),
            ("hardware", "{", "hardware.json is not JSON"),
        ],
    );
    let judged = detector_tier(&section(&[("unit", "failed\nResult=exit-code")]), &expected());
    let reason = "there is no hardware.json; sigmavault-detect.service is failed\n  Result=exit-code";
    assert_eq!(judged.reason.as_deref(), Some(reason));
}

#[test]
fn api() {
    table(
        api_ready,
        &[("answer", "HTTP/1.1 200 OK\ncontent-type: application/json\n\n{}")],
        &[
            (
                "answer",
                "HTTP/1.1 503 Service Unavailable\n\n{\"ready\":false}",
                "{\"ready\":false}",
            ),
            ("answer", "", "no answer on port 3000"),
            ("answer", "SSH-2.0-OpenSSH 200", "SSH-2.0"),
        ],
    );
}

#[test]
fn storage_service() {
    table(
        storage,
        &[(
            "answer",
            r#"{"type":"s","data":["{\"world\":{\"disks\":[{},{}]},\"jobs\":[]}"]}"#,
        )],
        &[
            (
                "answer",
                "Call failed: no such name",
                "no state over D-Bus (Call failed",
            ),
            (
                "answer",
                r#"{"type":"s","data":["{\"world\":{\"disks\":[]}}"]}"#,
                "it knows no disk",
            ),
            (
                "answer",
                r#"{"type":"s","data":["{\"world\":{\"disks\":[{}]},\"stale\":{\"since\":1,\"reason\":\"zpool hangs\"}}"]}"#,
                "the pools cannot be read: zpool hangs",
            ),
        ],
    );
}

const STATUS: &str = "  pool: svsmoke
 state: ONLINE
  scan: scrub repaired 0B in 00:00:01 with 0 errors on Fri Nov 20 10:21:15 2026
config:

	NAME                  STATE     READ WRITE CKSUM
	svsmoke               ONLINE       0     0     0
	  mirror-0            ONLINE       0     0     0
	    virtio-SVSMOKE-A  ONLINE       0     0     0
	    virtio-SVSMOKE-B  ONLINE       0     0     0

errors: No known data errors";

#[test]
fn pool() {
    table(
        zfs_mirror,
        &[
            ("version", "2.3.9-1~deb13u1"),
            ("written", HASH),
            ("read", HASH),
            ("health", "ONLINE"),
            ("status", STATUS),
            ("left", "pools: "),
        ],
        &[
            ("version", "2.4.4-1", "module is 2.4.4, not 2.3.9"),
            ("read", "00", "checksum read back is 00"),
            ("written", "", "not one that was written"),
            ("health", "DEGRADED", "pool is DEGRADED"),
            (
                "status",
                &STATUS.replace("with 0 errors", "with 2 errors"),
                "scrub: \"scrub repaired 0B",
            ),
            (
                "status",
                &STATUS.replace("repaired 0B", "repaired 128K"),
                "scrub:",
            ),
            (
                "status",
                &STATUS.replace("No known data errors", "1 data errors"),
                "errors is 1 data errors",
            ),
            (
                "status",
                &STATUS.replace(
                    "SVSMOKE-B  ONLINE       0     0     0",
                    "SVSMOKE-B  ONLINE       0     0     7",
                ),
                "virtio-SVSMOKE-B is ONLINE 0 0 7",
            ),
            (
                "status",
                &STATUS.replace("mirror-0", "raidz1-0"),
                "the pool is no mirror of two disks",
            ),
            (
                "status",
                &STATUS.replace("SVSMOKE-B", "OTHER"),
                "the pool is no mirror of two disks",
            ),
            ("left", "pools: svsmoke", "\"pools: svsmoke\""),
            ("left", "", "after `zpool destroy`"),
        ],
    );
}

#[test]
fn tunnel() {
    let key = "0000000000000000000000000000000000000000000=";
    table(
        wireguard,
        &[
            ("expected-key", key),
            ("key", key),
            (
                "link",
                "5: svsmoke0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN",
            ),
            ("handshake", "1763633000"),
        ],
        &[
            ("key", "", "public key is unknown"),
            ("expected-key", "", "not one that was made"),
            (
                "link",
                "5: svsmoke0: <POINTOPOINT,NOARP> mtu 1420 state DOWN UP",
                "not up",
            ),
            ("handshake", "0", "no handshake"),
            ("handshake", "", "no handshake"),
        ],
    );
}

#[test]
fn shares() {
    let smb =
        |status: &str, dialect: &str| format!("00000118fe534d4240000000{status}{}{dialect}", "00".repeat(56));
    let good = smb("00000000", "0003");
    assert_eq!(good.len(), 2 * 74);
    table(
        samba,
        &[("unit", "active"), ("answer", &good)],
        &[
            ("unit", "failed\nResult=exit-code", "smbd.service is failed"),
            ("answer", "", "protocol on port 445 is unknown"),
            (
                "answer",
                &smb("000000c0", "0003"),
                "status of the negotiation is 000000c0",
            ),
            ("answer", &smb("00000000", "1002"), "dialect is 1002"),
        ],
    );
    table(
        nfs,
        &[
            ("unit", "active"),
            (
                "answer",
                "8000001853564e460000000100000000000000000000000000000000",
            ),
        ],
        &[
            ("unit", "inactive", "nfs-server.service is inactive"),
            (
                "answer",
                "8000001853564e460000000100000000000000000000000000000002",
                "answer on port 2049 is 8000",
            ),
            ("answer", "", "answer on port 2049 is unknown"),
        ],
    );
}
