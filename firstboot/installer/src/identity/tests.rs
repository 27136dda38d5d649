use super::*;
use crate::machine::Contents;

fn disk(name: &str, bus: &str, serial: Option<&str>, wwn: Option<&str>) -> Disk {
    Disk {
        name: name.to_owned(),
        path: format!("/dev/{name}"),
        links: vec![
            format!("/dev/disk/by-id/{bus}-{name}"),
            format!("/dev/disk/by-path/pci-0000:00:14.0-{name}"),
        ],
        model: "ST4000NM0025".to_owned(),
        serial: serial.map(str::to_owned),
        wwn: wwn.map(str::to_owned),
        subsystem: None,
        paths: Vec::new(),
        bus: bus.to_owned(),
        bytes: 4_000_787_030_016,
        rotational: true,
        sector: 512,
        in_use: None,
        holders: Vec::new(),
        contents: Contents::Empty,
    }
}

#[test]
fn a_wwn_is_read_however_it_is_written() {
    for text in [
        "0x5000c500a6d8e2b3",
        "0X5000C500A6D8E2B3",
        "naa.5000c500a6d8e2b3",
        "wwn-0x5000c500a6d8e2b3",
        "5000C500 A6D8E2B3",
        "5000-c500-a6d8-e2b3",
    ] {
        assert_eq!(wwn_digits(text), "5000c500a6d8e2b3", "{text}");
    }
    for (text, digits) in [
        ("eui.0025385b21404321", "0025385b21404321"),
        ("uuid.ef2d5c46-8a1b", "ef2d5c468a1b"),
        ("0x0000000000000000", ""),
        ("", ""),
    ] {
        assert_eq!(wwn_digits(text), digits, "{text}");
    }
}

#[test]
fn a_disk_is_named_by_what_it_alone_has() {
    let (first, second) = ("0x5000c500a6d8e2b3", "0x5000c500a6d8f017");
    // Serial and WWN of the disk and of the other one; what is asked for now, and in a file.
    let place = Some("/dev/disk/by-path/pci-0000:00:14.0-sda");
    for (own, other, now, before) in [
        (
            (Some("A"), Some(first)),
            (Some("B"), Some(second)),
            Some("A"),
            Some("A"),
        ),
        (
            (Some("A"), Some(first)),
            (Some("A"), Some(second)),
            Some(first),
            Some(first),
        ),
        (
            (None, Some(first)),
            (None, Some(second)),
            Some(first),
            Some(first),
        ),
        ((Some("A"), None), (Some("A"), None), Some("sda"), place),
        (
            (Some("A"), Some(first)),
            (Some("A"), Some(first)),
            Some("sda"),
            place,
        ),
        ((None, None), (None, None), Some("sda"), place),
    ] {
        let all = [
            disk("sda", "usb", own.0, own.1),
            disk("sdb", "usb", other.0, other.1),
        ];
        assert_eq!(ask_for(&all[0], &all, Named::Now), now, "{own:?} {other:?}");
        assert_eq!(ask_for(&all[0], &all, Named::Before), before, "{own:?} {other:?}");
    }
}

#[test]
fn every_name_of_its_own_is_accepted_and_no_shared_one() {
    let wwn = "0x5000c500a6d8e2b3";
    let all = [
        disk("sda", "usb", Some("A"), Some(wwn)),
        disk("sdb", "usb", Some("A"), None),
        disk("sdc", "usb", Some("C"), None),
        disk("sdd", "usb", None, None),
    ];
    for (at, text, now, before) in [
        (0, "A", false, false),
        (0, "5000C500A6D8E2B3", true, true),
        (0, "sda", false, false),
        (0, "/dev/disk/by-path/pci-0000:00:14.0-sda", true, true),
        // It may lead to the other disk after the next start: it is made of the serial number.
        (0, "/dev/disk/by-id/usb-sda", false, false),
        (1, "sdb", true, false),
        (1, "/dev/sdb", true, false),
        (1, "sda", false, false),
        (2, "C", true, true),
        (2, " C ", true, true),
        (2, "c", false, false),
        (2, "sdc", false, false),
        (3, "sdd", true, false),
        (3, "", false, false),
        (3, "0x0000000000000000", false, false),
    ] {
        for (named, expected) in [(Named::Now, now), (Named::Before, before)] {
            assert_eq!(
                accepts(text, &all[at], &all, named),
                expected,
                "{text} for {} {named:?}",
                all[at].name
            );
        }
    }
}

#[test]
fn a_disk_without_any_name_cannot_be_named_in_a_file() {
    let nameless = Disk {
        links: Vec::new(),
        ..disk("xvda", "", None, None)
    };
    let all = [nameless];
    assert_eq!(ask_for(&all[0], &all, Named::Before), None);
    assert_eq!(ask_for(&all[0], &all, Named::Now), Some("xvda"));
}

#[test]
fn paths_are_one_disk() {
    let wwn = Some("0x5000c500a6d8e2b3");
    let size = |disk: Disk, bytes| Disk { bytes, ..disk };
    for (a, b, one) in [
        (
            disk("sda", "sas", Some("A"), wwn),
            disk("sdb", "sas", Some("A"), wwn),
            true,
        ),
        (
            disk("sda", "fc", None, wwn),
            disk("sdb", "fc", None, Some("naa.5000C500A6D8E2B3")),
            true,
        ),
        (
            disk("sda", "", Some("A"), None),
            disk("sdb", "", Some("A"), None),
            true,
        ),
        (disk("sda", "", None, None), disk("sdb", "", None, None), false),
        (
            disk("sda", "sas", Some("A"), wwn),
            disk("sdb", "sas", Some("B"), wwn),
            false,
        ),
        (
            disk("sda", "sas", Some("A"), wwn),
            disk("sdb", "sas", Some("A"), Some("0x5000c500a6d8f017")),
            false,
        ),
        (
            disk("sda", "sas", Some("A"), wwn),
            size(disk("sdb", "sas", Some("A"), wwn), 1),
            false,
        ),
        // A dock gives its own serial number to every disk; cheap disks share theirs and a WWN.
        (
            disk("sda", "usb", Some("A"), None),
            disk("sdb", "usb", Some("A"), None),
            false,
        ),
        (
            disk("sda", "sata", Some("A"), wwn),
            disk("sdb", "sata", Some("A"), wwn),
            false,
        ),
        (
            disk("nvme0n1", "nvme", Some("A"), None),
            disk("nvme0n2", "nvme", Some("A"), None),
            false,
        ),
    ] {
        let names = (a.name.clone(), b.name.clone(), a.bus.clone());
        let merged = merge_paths(vec![a, b]);
        assert_eq!(merged.len() == 1, one, "{names:?}");
        if one {
            assert_eq!(merged[0].paths, ["/dev/sdb"]);
        }
    }
}

#[test]
fn what_holds_one_path_holds_the_disk() {
    let wwn = Some("0x5000c500a6d8e2b3");
    let path = |name: &str, in_use: Option<InUse>| Disk {
        in_use,
        ..disk(name, "sas", Some("A"), wwn)
    };
    for (first, second, expected) in [
        (None, Some(InUse::Claimed), Some(InUse::Claimed)),
        (Some(InUse::Claimed), None, Some(InUse::Claimed)),
        (Some(InUse::Claimed), Some(InUse::Medium), Some(InUse::Medium)),
        (Some(InUse::Medium), Some(InUse::Claimed), Some(InUse::Medium)),
        (None, None, None),
    ] {
        let merged = merge_paths(vec![path("sda", first), path("sdb", second)]);
        assert_eq!(merged[0].in_use, expected);
    }
}

#[test]
fn parts_of_one_drive_are_known() {
    let namespace = |name: &str, nqn: &str| Disk {
        subsystem: Some(nqn.to_owned()),
        ..disk(name, "nvme", None, None)
    };
    let actuator = |name: &str, wwn: &str| disk(name, "sas", Some("WM0001"), Some(wwn));
    for (a, b, one) in [
        (namespace("nvme0n1", "nqn.a"), namespace("nvme0n2", "nqn.a"), true),
        (
            namespace("nvme0n1", "nqn.a"),
            namespace("nvme1n1", "nqn.b"),
            false,
        ),
        (
            actuator("sda", "0x6000c500d8a10001"),
            actuator("sdb", "0x6000c500d8a10002"),
            true,
        ),
        (
            disk("sda", "usb", Some("A"), None),
            disk("sdb", "usb", Some("A"), None),
            false,
        ),
        (
            disk("sda", "sata", None, None),
            disk("sdb", "sata", None, None),
            false,
        ),
    ] {
        assert_eq!(same_drive(&a, &b), one, "{} {}", a.name, b.name);
        assert_eq!(sharing(&[&a, &b]).is_some(), one);
    }
}

#[test]
fn the_largest_part_stands_for_a_drive() {
    let namespace = |name: &str, nqn: &str, bytes| Disk {
        subsystem: Some(nqn.to_owned()),
        bytes,
        ..disk(name, "nvme", None, None)
    };
    let disks = [
        namespace("nvme0n1", "nqn.a", 1),
        namespace("nvme0n2", "nqn.a", 2),
        namespace("nvme1n1", "nqn.b", 1),
        namespace("nvme1n2", "nqn.b", 1),
    ];
    let all: Vec<&Disk> = disks.iter().collect();
    let names: Vec<&str> = one_of_each_drive(&all)
        .into_iter()
        .map(|disk| disk.name.as_str())
        .collect();
    assert_eq!(names, ["nvme0n2", "nvme1n1"]);
}
