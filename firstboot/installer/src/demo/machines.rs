//! Machines of the demonstration.

use crate::credentials::accounts::Accounts;
use crate::keyboard::KnownLetters;
use crate::machine::{
    Contents, Disk, Firmware, Holder, InUse, Installed, KeyboardLayout, Machine, Present, Setup, Source,
    StopBy,
};

const LOCALES: [&str; 16] = [
    "C.UTF-8",
    "cs_CZ.UTF-8",
    "da_DK.UTF-8",
    "de_AT.UTF-8",
    "de_CH.UTF-8",
    "de_DE.UTF-8",
    "en_GB.UTF-8",
    "en_US.UTF-8",
    "es_ES.UTF-8",
    "fr_FR.UTF-8",
    "it_IT.UTF-8",
    "ja_JP.UTF-8",
    "pl_PL.UTF-8",
    "ru_RU.UTF-8",
    "sr_RS",
    "sv_SE.UTF-8",
];

const TIMEZONES: [&str; 36] = [
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "Africa/Nairobi",
    "America/Anchorage",
    "America/Bogota",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Toronto",
    "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Jakarta",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Seoul",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Perth",
    "Australia/Sydney",
    "Etc/UTC",
    "Europe/Amsterdam",
    "Europe/Athens",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Paris",
    "Europe/Prague",
    "Europe/Stockholm",
    "Europe/Vienna",
    "Pacific/Auckland",
];

/// Users of an image, each with a group of its name.
const ACCOUNTS: [&str; 6] = ["root", "daemon", "www-data", "avahi", "saned", "sigmavault"];
/// Further groups.
const GROUPS: [&str; 5] = ["sudo", "users", "scanner", "render", "netdev"];

type Variants = &'static [(&'static str, &'static str)];

const KEYBOARDS: [(&str, &str, Variants); 14] = [
    ("at", "German (Austria)", &[("nodeadkeys", "no dead keys")]),
    (
        "ch",
        "German (Switzerland)",
        &[("fr", "French"), ("de_nodeadkeys", "no dead keys")],
    ),
    ("cz", "Czech", &[("qwerty", "QWERTY")]),
    (
        "de",
        "German",
        &[
            ("nodeadkeys", "no dead keys"),
            ("neo", "Neo 2"),
            ("dvorak", "Dvorak"),
        ],
    ),
    ("dk", "Danish", &[]),
    ("es", "Spanish", &[("cat", "Catalan"), ("dvorak", "Dvorak")]),
    ("fr", "French", &[("bepo", "BEPO"), ("azerty", "AZERTY")]),
    (
        "gb",
        "English (UK)",
        &[("dvorak", "Dvorak"), ("colemak", "Colemak")],
    ),
    ("it", "Italian", &[]),
    ("jp", "Japanese", &[]),
    ("ru", "Russian", &[("phonetic", "phonetic")]),
    ("rs", "Serbian", &[("latin", "Latin")]),
    ("se", "Swedish", &[("dvorak", "Dvorak")]),
    (
        "us",
        "English (US)",
        &[
            ("intl", "international"),
            ("dvorak", "Dvorak"),
            ("colemak", "Colemak"),
        ],
    ),
];

const MIB: u64 = 1 << 20;
/// The GPT partition type of what the firmware loads.
const FAT: &str = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";

/// Layouts without the letters a to z.
pub(super) const NOT_LATIN: [&str; 2] = ["rs", "ru"];

/// A system disk, four data disks, one of them in use before, and the medium.
pub(super) fn usual() -> Machine {
    Machine {
        memory: 16 << 30,
        firmware: Firmware::Uefi,
        tpm2: true,
        unreadable: std::collections::BTreeMap::new(),
        disks: vec![
            disk(
                "nvme0n1",
                "Samsung SSD 980 PRO 500GB",
                "S5GXNX0R401382F",
                "nvme",
                500_107_862_016,
            ),
            spinning(
                "sda",
                "WDC WD40EFRX-68N32N0",
                "WD-WCC7K1AA0001",
                4_000_787_030_016,
            ),
            spinning(
                "sdb",
                "WDC WD40EFRX-68N32N0",
                "WD-WCC7K1AA0002",
                4_000_787_030_016,
            ),
            spinning(
                "sdc",
                "WDC WD40EFRX-68N32N0",
                "WD-WCC7K1AA0003",
                4_000_787_030_016,
            ),
            Disk {
                contents: Contents::Foreign("2 partitions: EFI system (vfat), \"Photos\" (ntfs)".to_owned()),
                ..spinning("sdd", "ST4000VN008-2DR166", "ZGY1A2B3", 4_000_787_030_016)
            },
            medium(),
        ],
        source: Source {
            version: "0.1.0".to_owned(),
            root_hash: "4d7a1c2be9f05a6833c1d2f4b7e8a9906b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e".to_owned(),
            root: "/dev/sdf2".to_owned(),
            root_bytes: 1_912_602_624,
            verity: "/dev/sdf3".to_owned(),
            verity_bytes: 15_728_640,
            esp: "/dev/sdf1".to_owned(),
        },
        setup: None,
        interfaces: ["enp1s0", "enp2s0"].map(str::to_owned).to_vec(),
        locales: LOCALES.map(str::to_owned).to_vec(),
        keyboards: KEYBOARDS
            .iter()
            .map(|(name, description, variants)| KeyboardLayout {
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                variants: variants
                    .iter()
                    .map(|(name, description)| ((*name).to_owned(), (*description).to_owned()))
                    .collect(),
            })
            .collect(),
        letters: KnownLetters::default(),
        timezones: TIMEZONES.map(str::to_owned).to_vec(),
        accounts: Accounts {
            users: ACCOUNTS.map(str::to_owned).to_vec(),
            groups: ACCOUNTS.into_iter().chain(GROUPS).map(str::to_owned).collect(),
        },
    }
}

/// A Raspberry Pi at its first start, with an SD card and an empty solid-state disk.
pub(super) fn raspberry_pi() -> Machine {
    let card = Disk {
        in_use: Some(InUse::Medium),
        contents: Contents::Foreign("5 partitions: \"boot\" (vfat), \"boot-a\" (vfat), \"boot-b\" (vfat), Linux root (erofs), Linux root verity".to_owned()),
        ..disk("mmcblk0", "SN128", "0x4b1c22a9", "mmc", 127_865_454_592)
    };
    let data = disk(
        "nvme0n1",
        "KINGSTON SNV3S1000G",
        "50026B7381A2C3D4",
        "nvme",
        1_000_204_886_016,
    );
    let mut start = MIB;
    let mut part = |number, label: &str, kind: &str, bytes| {
        let part = Present {
            number,
            label: label.to_owned(),
            kind: kind.to_owned(),
            start,
            bytes,
        };
        start += bytes;
        part
    };
    let partitions = vec![
        part(1, "boot", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", 64 * MIB),
        part(2, "boot-a", FAT, 256 * MIB),
        part(3, "boot-b", FAT, 256 * MIB),
        part(4, "root-a", "b921b045-1df0-41c3-af44-4c6f280d3fae", 3648 * MIB),
        part(
            5,
            "root-a-verity",
            "df3300ce-d69f-4c92-978c-9bfb0f38d820",
            60 * MIB,
        ),
    ];
    let usual = usual();
    Machine {
        memory: 8 << 30,
        firmware: Firmware::RaspberryPi,
        tpm2: false,
        disks: vec![card, data],
        source: Source {
            root: "/dev/dm-0".to_owned(),
            verity: "/dev/mmcblk0p5".to_owned(),
            esp: "/dev/mmcblk0p1".to_owned(),
            ..usual.source
        },
        setup: Some(Setup {
            disk: "mmcblk0".to_owned(),
            model: "Raspberry Pi 5 Model B Rev 1.0".to_owned(),
            partitions,
        }),
        interfaces: vec!["end0".to_owned()],
        ..usual
    }
}

/// A system disk, the medium, and 24 data disks of which one is used by a running pool.
pub(super) fn shelf() -> Vec<Disk> {
    let mut disks = vec![disk(
        "nvme0n1",
        "KIOXIA KXG60ZNV256G",
        "10GA503SKQA1",
        "nvme",
        256_060_514_304,
    )];
    for letter in 'a'..='x' {
        let serial = format!("ZL2{}00{}", letter.to_ascii_uppercase(), u32::from(letter));
        disks.push(spinning(
            &format!("sd{letter}"),
            "ST16000NM001G-2KK103",
            &serial,
            16_000_900_661_248,
        ));
    }
    if let Some(disk) = disks.last_mut() {
        disk.in_use = Some(InUse::Pool("backup".to_owned()));
        disk.contents = Contents::Foreign("1 partition: member of pool \"backup\" (zfs)".to_owned());
    }
    disks.push(Disk {
        name: "sdy".to_owned(),
        path: "/dev/sdy".to_owned(),
        ..medium()
    });
    disks
}

/// A system disk, a drive with two namespaces, a disk with two paths, a member of an array that was assembled by
/// itself, and the medium.
pub(super) fn used() -> Vec<Disk> {
    let namespace = |number: u32| Disk {
        subsystem: Some(
            "nqn.2014-08.org.nvmexpress:134413442237396AB1C2        Micron_7450_MTFDKCC3T2TFS".to_owned(),
        ),
        ..disk(
            &format!("nvme1n{number}"),
            "Micron_7450_MTFDKCC3T2TFS",
            "2237396AB1C2",
            "nvme",
            1_600_321_314_816,
        )
    };
    let array = Holder {
        name: "md127".to_owned(),
        path: "/dev/md127".to_owned(),
        kind: "raid1".to_owned(),
        stop: StopBy::Mdadm,
        disks: vec!["sdb".to_owned()],
        contents: "\"photos\" (ext4)".to_owned(),
    };
    vec![
        disk(
            "nvme0n1",
            "Samsung SSD 980 PRO 500GB",
            "S5GXNX0R401382F",
            "nvme",
            500_107_862_016,
        ),
        namespace(1),
        namespace(2),
        Disk {
            bus: "sas".to_owned(),
            wwn: Some("0x5000c500a6d8e2b3".to_owned()),
            paths: vec!["/dev/sdc".to_owned()],
            ..spinning("sda", "ST4000NM0025", "ZC10A1B20000C741", 4_000_787_030_016)
        },
        Disk {
            contents: Contents::Foreign("1 partition: Linux RAID \"nas:0\" (linux_raid_member)".to_owned()),
            holders: vec![array],
            ..spinning("sdb", "WDC WD20EFRX-68EUZN0", "WD-WMC4N0K1A1", 2_000_398_934_016)
        },
        medium(),
    ]
}

/// A SigmaVault system.
pub(super) fn installed(complete: bool) -> Installed {
    Installed {
        complete,
        version: complete.then(|| "0.0.9".to_owned()),
        slot_bytes: 3_825_205_248,
        verity_bytes: 62_914_560,
        state_bytes: 68_719_476_736,
        encrypted: false,
    }
}

/// Puts something on the first disk.
pub(super) fn put_on_first(machine: &mut Machine, contents: Contents) {
    if let Some(disk) = machine.disks.first_mut() {
        disk.contents = contents;
    }
}

fn disk(name: &str, model: &str, serial: &str, bus: &str, bytes: u64) -> Disk {
    Disk {
        name: name.to_owned(),
        path: format!("/dev/{name}"),
        links: vec![format!(
            "/dev/disk/by-id/{bus}-{}_{serial}",
            model.replace(' ', "_")
        )],
        model: model.to_owned(),
        serial: Some(serial.to_owned()),
        wwn: None,
        subsystem: None,
        paths: Vec::new(),
        bus: bus.to_owned(),
        bytes,
        rotational: false,
        sector: 512,
        in_use: None,
        holders: Vec::new(),
        contents: Contents::Empty,
    }
}

fn spinning(name: &str, model: &str, serial: &str, bytes: u64) -> Disk {
    Disk {
        rotational: true,
        ..disk(name, model, serial, "sata", bytes)
    }
}

fn medium() -> Disk {
    Disk {
        in_use: Some(InUse::Medium),
        contents: Contents::Foreign("the installation medium".to_owned()),
        ..disk("sdf", "SanDisk Ultra", "4C530001230505117", "usb", 30_752_000_000)
    }
}
