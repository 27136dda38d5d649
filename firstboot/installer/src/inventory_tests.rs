use proptest::prelude::*;

use super::holders::in_the_way;
use super::*;
use crate::machine::{Holder, Installed, StopBy};

fn part(label: &str, size: u64, fstype: Option<&str>) -> String {
    let fstype = fstype.map_or("null".to_owned(), |kind| format!("\"{kind}\""));
    format!(
        r#"{{"name":"sda1","path":"/dev/sda1","type":"part","size":{size},"partlabel":"{label}","fstype":{fstype},"mountpoints":[null]}}"#
    )
}

fn device(rest: &str, children: &[String]) -> Device {
    let text = format!(
        r#"{{"blockdevices":[{{"name":"sda","path":"/dev/sda","type":"disk","size":1000,"rota":true,"ro":false,"log-sec":512,
        "mountpoints":[null]{rest},"children":[{}]}}]}}"#,
        children.join(",")
    );
    lsblk::parse(&text).unwrap().remove(0)
}

#[test]
fn an_installed_system_is_known_by_its_partitions() {
    let slots =
        ["esp", "root-a", "root-a-verity", "root-b", "root-b-verity"].map(|label| part(label, 7, None));
    let with = |state: &str, fstype| {
        contents(&device(
            "",
            &[&slots[..], &[part(state, 9, Some(fstype))]].concat(),
        ))
    };
    let expected = |complete, encrypted| {
        Contents::SigmaVault(Installed {
            complete,
            version: None,
            slot_bytes: 7,
            verity_bytes: 7,
            state_bytes: 9,
            encrypted,
        })
    };
    assert_eq!(with("state", "ext4"), expected(true, false));
    assert_eq!(with("state", "crypto_LUKS"), expected(true, true));
    assert_eq!(with("state-new", "ext4"), expected(false, false));
    assert!(matches!(with("home", "ext4"), Contents::Foreign(_)));
    let twice = [&slots[..], &[part("state", 9, None), part("state", 8, None)]].concat();
    assert!(matches!(contents(&device("", &twice)), Contents::Foreign(_)));
}

#[test]
fn other_contents_are_named() {
    assert_eq!(contents(&device("", &[])), Contents::Empty);
    assert_eq!(
        contents(&device(r#","pttype":"gpt""#, &[])),
        Contents::Foreign("an empty gpt partition table".into())
    );
    assert_eq!(
        contents(&device(r#","fstype":"zfs_member","label":"tank""#, &[])),
        Contents::Foreign("\"tank\" (zfs_member)".into())
    );
    assert_eq!(
        contents(&device(
            r#","pttype":"gpt""#,
            &[part("x", 1, Some("ntfs")), part("y", 1, Some("ext4"))]
        )),
        Contents::Foreign("2 partitions: (ntfs), (ext4)".into())
    );
}

#[test]
fn what_is_mounted_or_built_upon_is_in_use() {
    let mounted = part("x", 1, Some("ext4")).replace("[null]", r#"["/mnt"]"#);
    assert_eq!(
        in_the_way(&device("", &[mounted])).map(|by| by.to_string()),
        Some("sda1 is in use as /mnt".into())
    );
    let paths =
        r#"{"name":"mpatha","path":"/dev/mapper/mpatha","type":"mpath","size":1,"mountpoints":[null]}"#;
    assert_eq!(
        in_the_way(&device("", &[paths.to_owned()])).map(|by| by.to_string()),
        Some("mpatha (mpath) is made of it and running".into())
    );
    assert_eq!(in_the_way(&device("", &[part("x", 1, None)])), None);
}

#[test]
fn keyboards_have_their_variants() {
    let text = "! model\n  pc105  Generic\n\n! layout\n  us              English (US)\n  de              German\n\n! variant\n  \
                nodeadkeys      de: German (no dead keys)\n  x  zz: Nowhere\n\n! option\n  grp  Switching\n";
    assert_eq!(
        keyboards(text),
        [
            KeyboardLayout {
                name: "us".into(),
                description: "English (US)".into(),
                variants: vec![],
            },
            KeyboardLayout {
                name: "de".into(),
                description: "German".into(),
                variants: vec![("nodeadkeys".into(), "German (no dead keys)".into())],
            },
        ]
    );
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,200}") {
        let _ = keyboards(&text);
    }
}

/// The disks of a list that lsblk printed, on a machine with these files.
fn disks_of(list: &str, files: &[(&str, &str)]) -> Vec<Disk> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let nothing = sigmavault_host::run::Scripted(|_: &sigmavault_host::run::Invocation| {
        sigmavault_host::run::Output::success("")
    });
    let site = Site::new(
        std::sync::Arc::new(nothing),
        Files::new(folder.path()),
        std::sync::Arc::new(|_| {}),
    );
    disks(&site, &lsblk::parse(list).unwrap(), &[])
}

fn names(disks: &[Disk]) -> Vec<&str> {
    disks.iter().map(|disk| disk.name.as_str()).collect()
}

#[test]
fn two_paths_to_a_disk_are_one_disk() {
    let disks = disks_of(include_str!("../tests/lsblk/sas-two-paths.json"), &[]);
    assert_eq!(names(&disks), ["sda", "sdb", "sdc"]);
    let paths: Vec<&[String]> = disks.iter().map(|disk| disk.paths.as_slice()).collect();
    assert_eq!(
        paths,
        [&[][..], &["/dev/sdd".to_owned()], &["/dev/sde".to_owned()]]
    );
    assert_eq!(
        disks[1].describe(),
        "sdb  4.00 TB  sas  ST4000NM0025  ZC10A1B20000C7412X9K  (one disk with 2 paths, also /dev/sdd)"
    );
}

#[test]
fn namespaces_are_parts_of_a_drive() {
    let nqn = |serial: &str| format!("nqn.2014-08.org.nvmexpress:13441344{serial}        Micron_7450\n");
    let (first, second) = (nqn("2237396AB1C2"), nqn("2237396AB2F7"));
    let disks = disks_of(
        include_str!("../tests/lsblk/nvme-namespaces.json"),
        &[
            ("sys/class/block/nvme0n1/device/subsysnqn", &first),
            ("sys/class/block/nvme0n2/device/subsysnqn", &first),
            ("sys/class/block/nvme1n1/device/subsysnqn", &second),
        ],
    );
    assert_eq!(names(&disks), ["nvme0n1", "nvme0n2", "nvme1n1"]);
    assert!(identity::same_drive(&disks[0], &disks[1]));
    assert!(!identity::same_drive(&disks[0], &disks[2]));
}

#[test]
fn areas_of_an_emmc_and_empty_readers_are_no_disks() {
    let disks = disks_of(include_str!("../tests/lsblk/emmc.json"), &[]);
    assert_eq!(names(&disks), ["mmcblk0", "mmcblk1"]);
    // The card is write-protected.
    let selector = crate::select::Selector {
        bus: Some("mmc".into()),
        ..Default::default()
    };
    let all: Vec<&Disk> = disks.iter().collect();
    assert_eq!(
        selector.choose(&all).map(|disk| disk.name.as_str()),
        Ok("mmcblk0")
    );
}

#[test]
fn the_kernel_knows_a_wwn_that_udev_does_not() {
    let list = r#"{"blockdevices":[{"name":"sda","path":"/dev/sda","type":"disk","size":4000787030016,
        "mountpoints":[null]}]}"#;
    let wwn = |text| {
        disks_of(list, &[("sys/class/block/sda/device/wwid", text)])[0]
            .wwn
            .clone()
    };
    assert_eq!(
        wwn("naa.5000c500a6d8e2b3\n").as_deref(),
        Some("naa.5000c500a6d8e2b3")
    );
    assert_eq!(wwn("t10.ATA     ST4000NM0025\n"), None);
}

#[test]
fn an_array_that_waits_for_its_other_disks_can_be_stopped() {
    for kind in ["raid5", "md", ""] {
        let list = format!(
            r#"{{"blockdevices":[{{"name":"sda","path":"/dev/sda","type":"disk","size":1000,"fstype":"linux_raid_member",
            "mountpoints":[null],"children":[{{"name":"md127","path":"/dev/md127","type":"{kind}","size":0,"mountpoints":[null]}}]}}]}}"#
        );
        let disk = &disks_of(&list, &[])[0];
        let said: Vec<String> = disk.holders.iter().map(ToString::to_string).collect();
        assert_eq!(
            (said, &disk.in_use),
            (vec!["md127 (incomplete array on sda)".to_owned()], &None)
        );
        assert_eq!(disk.holders[0].stop, StopBy::Mdadm);
    }
}

#[test]
fn an_array_that_nobody_uses_can_be_stopped() {
    let disks = disks_of(include_str!("../tests/lsblk/old-arrays.json"), &[]);
    let array = Holder {
        name: "md127".into(),
        path: "/dev/md127".into(),
        kind: "raid1".into(),
        stop: StopBy::Mdadm,
        disks: vec!["sda".into(), "sdb".into()],
        contents: "\"nas:data\" (LVM2_member)".into(),
    };
    let volume = Holder {
        name: "vg0-data".into(),
        path: "/dev/mapper/vg0-data".into(),
        kind: "lvm".into(),
        stop: StopBy::Dmsetup,
        disks: vec!["sda".into(), "sdb".into()],
        contents: "\"photos\" (ext4)".into(),
    };
    // The volume is on the array, and the array on both disks.
    for disk in &disks[..2] {
        assert_eq!(disk.in_use, None);
        assert_eq!(disk.holders, [volume.clone(), array.clone()]);
        assert!(matches!(&disk.contents, Contents::Foreign(text) if text.contains("linux_raid_member")));
    }
    assert_eq!(
        volume.to_string(),
        "vg0-data (lvm on sda sdb, holds \"photos\" (ext4))"
    );
    // An array with a mounted file system, and one that is swapped to.
    let why: Vec<String> = disks[2..4]
        .iter()
        .map(|disk| disk.in_use.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(why, ["md126p1 is in use as /mnt", "md125 is in use as [SWAP]"]);
    assert!(disks[2..4].iter().all(|disk| disk.holders.is_empty()));
    // A mapping of a whole disk that has no signature.
    assert_eq!(disks[4].contents, Contents::Foreign("a part of plain".into()));
}

/// Disks by serial number with the lists of what runs on them, and what they hold.
fn told(disks: &[Disk]) -> Vec<(&str, Vec<String>, Contents)> {
    let ours = disks
        .iter()
        .filter_map(|disk| Some((disk, disk.serial.as_deref()?)));
    ours.filter(|(_, serial)| serial.starts_with("SV-"))
        .map(|(disk, serial)| {
            let holders = disk.holders.iter().map(ToString::to_string).collect();
            (serial, holders, disk.contents.clone())
        })
        .collect()
}

/// As the scenario `old-arrays` recorded it in a virtual machine.
#[test]
fn recorded_arrays_of_another_system_can_be_stopped() {
    let disks = disks_of(include_str!("../tests/lsblk/recorded-old-arrays.json"), &[]);
    let mirror = vec![
        "vg0-data (lvm on sda sdc, holds \"photos\" (ext4))".to_owned(),
        "md127 (raid1 on sda sdc)".to_owned(),
    ];
    let member = |of: &str| {
        Contents::Foreign(format!(
            "1 partition: Linux RAID \"oldnas:{of}\" (linux_raid_member)"
        ))
    };
    assert_eq!(
        told(&disks),
        [
            ("SV-OLD-2", mirror.clone(), member("data")),
            (
                "SV-OLD-3",
                vec!["md126 (incomplete array on sdb)".to_owned()],
                member("rest")
            ),
            ("SV-OLD-1", mirror, member("data")),
            ("SV-SYSTEM", Vec::new(), Contents::Empty),
        ]
    );
    assert!(
        disks
            .iter()
            .filter(|disk| disk.name != "sdd")
            .all(|disk| disk.in_use.is_none())
    );
}

/// As the scenario `odd-disks` recorded it: two paths to each of two disks, namespaces, two disks in a dock, a card.
#[test]
fn recorded_paths_are_one_disk_and_namespaces_one_drive() {
    let drive = "nqn.2019-08.org.qemu:SV-DRIVE\n";
    let disks = disks_of(
        include_str!("../tests/lsblk/recorded-odd-disks.json"),
        &[
            ("sys/class/block/nvme0n1/device/subsysnqn", drive),
            ("sys/class/block/nvme0n2/device/subsysnqn", drive),
        ],
    );
    let paths: Vec<(&str, Vec<&str>)> = disks
        .iter()
        .map(|disk| {
            (
                disk.name.as_str(),
                disk.paths.iter().map(String::as_str).collect(),
            )
        })
        .collect();
    assert_eq!(
        paths,
        [
            ("mmcblk0", vec![]),
            ("nvme0n1", vec![]),
            ("nvme0n2", vec![]),
            ("sda", vec!["/dev/sdb"]),
            ("sdc", vec!["/dev/sdf"]),
            ("sdd", vec![]),
            ("sde", vec![]),
            ("sdg", vec![]),
        ]
    );
    for (first, one) in disks.iter().enumerate() {
        for other in &disks[first + 1..] {
            // Disks in a dock have its serial number, and are two all the same.
            let same = one.name == "nvme0n1" && other.name == "nvme0n2";
            assert_eq!(
                identity::same_drive(one, other),
                same,
                "{} {}",
                one.name,
                other.name
            );
        }
    }
}
