use sigmavault_types::storage::WantedLayout;

use super::*;
use crate::answers::*;
use crate::credentials::accounts::Accounts;
use crate::keyboard::KnownLetters;
use crate::machine::{Contents, Disk, Firmware, InUse, Installed, KeyboardLayout, Machine, Source};
use crate::select::Selector;
use crate::size::Size;

mod answers;
mod anywhere;
mod disks;
mod keyboard;
mod setup;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn disk(name: &str, serial: Option<&str>, bytes: u64, contents: Contents) -> Disk {
    Disk {
        name: name.to_owned(),
        path: format!("/dev/{name}"),
        links: Vec::new(),
        model: "TESTDISK".to_owned(),
        serial: serial.map(str::to_owned),
        wwn: None,
        subsystem: None,
        paths: Vec::new(),
        bus: "sata".to_owned(),
        bytes,
        rotational: false,
        sector: 512,
        in_use: None,
        holders: Vec::new(),
        contents,
    }
}

/// A machine with an empty system disk, three empty data disks, one with data, and the medium.
fn machine() -> Machine {
    let mut medium = disk(
        "sde",
        Some("STICK"),
        16 * GIB,
        Contents::Foreign("2 partitions".to_owned()),
    );
    medium.bus = "usb".to_owned();
    medium.in_use = Some(InUse::Medium);
    Machine {
        memory: 8 * GIB,
        firmware: Firmware::Uefi,
        tpm2: false,
        unreadable: std::collections::BTreeMap::new(),
        disks: vec![
            disk("sda", Some("SYS"), 500 * GIB, Contents::Empty),
            disk("sdb", Some("D1"), 4000 * GIB, Contents::Empty),
            disk("sdc", Some("D2"), 4000 * GIB, Contents::Empty),
            disk(
                "sdd",
                Some("OLD"),
                4000 * GIB,
                Contents::Foreign("\"data\" (ntfs)".to_owned()),
            ),
            medium,
        ],
        source: Source {
            version: "0.1.0".to_owned(),
            root_hash: "ab".repeat(32),
            root: "/dev/disk/by-partlabel/root".to_owned(),
            root_bytes: 1500 * MIB,
            verity: "/dev/disk/by-partlabel/root-verity".to_owned(),
            verity_bytes: 12 * MIB,
            esp: "/dev/disk/by-partlabel/esp".to_owned(),
        },
        setup: None,
        interfaces: vec!["enp1s0".to_owned(), "enp2s0".to_owned()],
        locales: vec!["de_DE.UTF-8".to_owned(), "en_US.UTF-8".to_owned()],
        keyboards: vec![KeyboardLayout {
            name: "us".to_owned(),
            description: "English (US)".to_owned(),
            variants: vec![("intl".to_owned(), "international".to_owned())],
        }],
        letters: KnownLetters::default(),
        timezones: vec!["Europe/Berlin".to_owned(), "Europe/Dublin".to_owned()],
        accounts: Accounts::parse(
            "root:x:0:0::/root:/bin/bash\nsaned:x:110:112::/var/lib/saned:/usr/sbin/nologin\n",
            "root:x:0:\nscanner:x:111:saned\n",
        ),
    }
}

fn by_serial(serial: &str) -> Selector {
    Selector {
        serial: Some(serial.to_owned()),
        ..Selector::default()
    }
}

/// Answers that this machine accepts.
fn answers() -> Answers {
    Answers {
        language: "de_DE.UTF-8".to_owned(),
        keyboard: Keyboard::default(),
        timezone: "Europe/Berlin".to_owned(),
        system: System {
            disk: by_serial("SYS"),
            confirm: Some("SYS".to_owned()),
            mode: None,
            state_size: None,
        },
        encryption: None,
        pool: None,
        network: Network::default(),
        user: Some(User {
            name: "anna".to_owned(),
            full_name: String::new(),
            password: Some(Secret("correct horse".to_owned())),
            password_hash: None,
            ssh_keys: Vec::new(),
            ssh: false,
            sudo_without_password: false,
        }),
        finish: Finish::default(),
    }
}

fn pool(disks: &[&str]) -> Pool {
    Pool {
        name: "tank".to_owned(),
        layout: None,
        encrypt: None,
        disks: disks.iter().map(|serial| by_serial(serial)).collect(),
        erase: Vec::new(),
    }
}

fn plan(machine: &Machine, answers: &Answers) -> InstallPlan {
    build(machine, answers, Confirmation::Required).expect("a plan")
}

/// What is refused, as text.
fn refused(machine: &Machine, answers: &Answers) -> Vec<String> {
    build(machine, answers, Confirmation::Required)
        .expect_err("a refusal")
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The keys of the answers that are refused, where nothing else is.
fn keys(machine: &Machine, answers: &Answers) -> Vec<String> {
    match build(machine, answers, Confirmation::Required) {
        Ok(_) => Vec::new(),
        Err(refusals) => refusals
            .into_iter()
            .map(|refusal| match refusal {
                Refusal::Answer { key, .. } => key,
                other => panic!("{other}"),
            })
            .collect(),
    }
}

#[test]
fn says_everything_that_stands_against_it() {
    let mut machine = machine();
    machine.firmware = Firmware::Bios;
    machine.memory = GIB;
    machine.disks[0].in_use = Some(InUse::Mounted {
        device: "sda1".to_owned(),
        at: "/mnt".to_owned(),
    });
    let mut answers = answers();
    answers.system.confirm = Some("D1".to_owned());
    answers.network.hostname = "-x".to_owned();
    answers.user = None;
    assert_eq!(
        refused(&machine, &answers),
        [
            "this machine was started by BIOS; the installed system needs UEFI\n  try: switch UEFI on (CSM or legacy boot off) in the firmware setup and start the medium again",
            "this machine has 1024 MiB of memory; the system needs 2 GiB",
            "sda  537 GB  sata  TESTDISK  SYS cannot be used: sda1 is in use as /mnt\n  try: umount /mnt",
            "the system disk is sda  537 GB  sata  TESTDISK  SYS, but confirm is \"D1\"\n  try: system.confirm = \"SYS\" if that is the right one",
            "network.hostname: '-x' is not a host name: use letters, digits and '-', not at the ends, 63 at most, without a domain",
            "user: is missing: the system needs an administrator",
        ]
    );
}

#[test]
fn two_gib_of_memory_show_less() {
    let mut machine = machine();
    machine.memory = 1792 * MIB;
    plan(&machine, &answers());
    machine.memory -= 1;
    assert_eq!(
        refused(&machine, &answers()),
        ["this machine has 1791 MiB of memory; the system needs 2 GiB"]
    );
}

#[test]
fn the_plan_holds_the_answers() {
    let mut wanted = answers();
    wanted.network.hostname = "nas".to_owned();
    let plan = plan(&machine(), &wanted);
    assert_eq!(plan.disk.name, "sda");
    assert_eq!(plan.source, machine().source);
    let settings = plan.settings.expect("settings");
    assert_eq!(
        (settings.language.as_str(), settings.network.hostname.as_str()),
        ("de_DE.UTF-8", "nas")
    );
    assert_eq!(Some(settings.user), wanted.user);
}

#[test]
fn a_plan_shown_or_logged_holds_no_secret() {
    let mut wanted = answers();
    wanted.encryption = Some(Encryption {
        passphrase: Secret("open sesame".to_owned()),
        recovery_key: true,
        tpm2: true,
        tpm_pin: Some(Secret("271828".to_owned())),
    });
    let mut machine = machine();
    machine.tpm2 = true;
    let plan = plan(&machine, &wanted);
    let text = format!("{plan:?} {}", serde_json::to_string(&plan).expect("JSON"));
    assert!(text.contains("recovery-key") && text.contains("\"tpm2\":true"));
    assert!(
        !text.contains("sesame") && !text.contains("271828") && !text.contains("horse"),
        "{text}"
    );
}

#[test]
fn the_confirmation_may_come_later() {
    let mut answers = answers();
    answers.system.confirm = None;
    assert!(build(&machine(), &answers, Confirmation::Later).is_ok());
    assert_eq!(
        refused(&machine(), &answers),
        [
            "the system disk is sda  537 GB  sata  TESTDISK  SYS, but confirm is missing\n  try: system.confirm = \"SYS\" if that is the right one"
        ]
    );
}
