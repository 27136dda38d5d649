//! Whole installations on a machine that does not exist, held against transcripts: every step, program, file and copy,
//! in order. `UPDATE_TRANSCRIPTS=1 cargo test -p sigmavault-installer --test transcripts` writes them anew.
#![allow(clippy::unwrap_used)]

mod fake;

use std::fs;
use std::path::PathBuf;

use fake::card::command_line;
use fake::{Machine, part};
use sigmavault_installer::execute::Execute as _;
use sigmavault_installer::execute::real::Real;
use sigmavault_installer::once::Fingerprint;
use sigmavault_installer::plan::{self, Confirmation};
use sigmavault_installer::progress::{Event, Stop};
use sigmavault_installer::{answers, inventory};

const SYSTEM: &str = "[system]\ndisk.serial = 'S-vda'\nconfirm = 'S-vda'\n";
const USER: &str = "[user]\nname = 'anna'\npassword = 'correct horse'\n";
const PASSPHRASE: &str = "[encryption]\npassphrase = 'battery staple'\n";

/// Installs by these answers and compares what was done with the transcript of this name; the recovery key.
fn holds(name: &str, machine: &Machine, answers: &[&str]) -> Option<String> {
    let text = answers.concat();
    let answers = answers::parse(&text).unwrap();
    let (site, _) = machine.site();
    let mut found = inventory::read(&site).unwrap();
    found.letters.learn(site.run(), &answers.keyboard);
    let plan = plan::build(&found, &answers, Confirmation::Required).unwrap();
    let plan = plan.by(Fingerprint::of(&text));
    let (site, recorder) = machine.site();
    let result = Real(site).execute(&plan, &Stop::default(), &|event| match event {
        Event::Began { step, .. } => recorder.note(&format!("[{}]", step.title())),
        Event::Bytes { .. } => {}
        Event::Done { said, .. } => recorder.note(format!("[done] {said}").trim_end()),
        Event::Note { text } => recorder.note(&format!("[note] {text}")),
    });
    match &result {
        Ok(outcome) => outcome
            .notes
            .iter()
            .for_each(|note| recorder.note(&format!("[note] {note}"))),
        Err(error) => recorder.note(&format!("[failed] {error}")),
    }
    let found = steady(&recorder.transcript().without_output().to_string());
    for secret in ["correct horse", "battery staple", "sesame", "$y$"] {
        assert!(!found.contains(secret), "{secret} is in the transcript");
    }
    let path = PathBuf::from(format!(
        "{}/tests/transcripts/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    ));
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    for (number, (expected, found)) in (1..).zip(expected.lines().zip(found.lines())) {
        assert_eq!(found, expected, "line {number} of {}", path.display());
    }
    assert_eq!(
        found.lines().count(),
        expected.lines().count(),
        "{}",
        path.display()
    );
    result.ok().and_then(|outcome| outcome.recovery_key)
}

/// A transcript without what differs from run to run: the process id and a random name.
fn steady(text: &str) -> String {
    let text = text.replace(&format!("/key-{}", std::process::id()), "/key-PID");
    let mut parts = text.split("/repart-");
    let mut steady = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        steady.push_str("/repart-RANDOM");
        steady.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric()));
    }
    steady
}

#[test]
fn erase() {
    let old = [
        part("old-boot", 1 << 30, "vfat"),
        part("old-root", 1 << 30, "ext4"),
    ];
    let machine = Machine::new().holds("vda", &old);
    let answers = "language = 'de_DE.UTF-8'\ntimezone = 'Europe/Berlin'\nkeyboard.layout = 'de'\n";
    let user = "[user]\nname = 'anna'\nfull-name = 'Anna Example'\npassword-hash = '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7'\n\
                ssh = true\nssh-keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJWcSyyELXhKWB3PzQuVGcJlQnkIoAxVNwQAmlhUDDaJ anna@example']\n";
    let network = "[network]\nhostname = 'nas'\n[network.address]\ninterface = 'enp1s0'\naddress = '192.0.2.10/24'\n\
                   gateway = '192.0.2.1'\ndns = ['192.0.2.1']\n";
    assert_eq!(holds("erase", &machine, &[answers, SYSTEM, network, user]), None);
}

#[test]
fn a_key_as_the_only_way_in() {
    let user = "[user]\nname = 'anna'\nssh = true\nsudo-without-password = true\n\
                ssh-keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJWcSyyELXhKWB3PzQuVGcJlQnkIoAxVNwQAmlhUDDaJ anna@example']\n";
    assert_eq!(holds("key-only", &Machine::new(), &[SYSTEM, user]), None);
}

#[test]
fn nothing_is_written_when_a_program_does_not_take_its_file() {
    let machine = Machine::new().fails("nmcli");
    let network = "[network.address]\ninterface = 'enp1s0'\naddress = '192.0.2.10/24'\n";
    assert_eq!(holds("not-taken", &machine, &[SYSTEM, network, USER]), None);
}

#[test]
fn names_of_the_image_are_taken() {
    let (site, _) = Machine::new().site();
    let user = "[user]\nname = 'scanner'\npassword = 'correct horse'\n";
    let answers = answers::parse(&[SYSTEM, user].concat()).unwrap();
    let refusals =
        plan::build(&inventory::read(&site).unwrap(), &answers, Confirmation::Required).unwrap_err();
    assert_eq!(
        refusals.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "user.name: 'scanner' is a group of the system, and the user's own group has the user's name: take another"
        ]
    );
}

#[test]
fn keep_data() {
    let machine = Machine::new().installed();
    let answers = [SYSTEM, "mode = 'keep-data'\n"];
    assert_eq!(holds("keep-data", &machine, &answers), None);
}

#[test]
fn luks() {
    let answers = [SYSTEM, PASSPHRASE, "recovery-key = false\n", USER];
    assert_eq!(holds("luks", &Machine::new(), &answers), None);
}

#[test]
fn a_keyboard_without_latin_letters() {
    let keyboard = "keyboard.layout = 'ru'\n";
    let answers = [keyboard, SYSTEM, PASSPHRASE, "recovery-key = false\n", USER];
    assert_eq!(holds("keyboard-ru", &Machine::new(), &answers), None);
}

#[test]
fn tpm() {
    let answers = [SYSTEM, PASSPHRASE, "tpm2 = true\ntpm-pin = 'sesame'\n", USER];
    assert_eq!(
        holds("tpm", &Machine::new(), &answers).as_deref(),
        Some("cbdefghi-jklnrtuv-vutrnlkj-ihgfedbc-cdcdefef-ghghijij-klklnrnr-tutuvcvc")
    );
}

#[test]
fn pool() {
    let machine = Machine::new().holds("vdc", &[part("photos", 1 << 30, "ntfs")]);
    let pool = "[pool]\ndisks = [{ serial = 'S-vdb' }, { serial = 'S-vdc' }]\nerase = ['S-vdc']\n";
    assert_eq!(holds("pool", &machine, &[SYSTEM, pool, USER]), None);
}

#[test]
fn an_encrypted_pool() {
    let pool = "[pool]\ndisks = [{ serial = 'S-vdb' }, { serial = 'S-vdc' }]\n";
    let machine = Machine::new();
    let answers = [SYSTEM, PASSPHRASE, "recovery-key = false\n", pool, USER];
    assert_eq!(holds("pool-encrypted", &machine, &answers), None);
    let (digits, mode, folder) = machine.pool_key("tank");
    assert_eq!((mode, folder), (0o400, 0o700));
    assert!(digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    // Nothing but the file itself holds it.
    let path = format!(
        "{}/tests/transcripts/pool-encrypted.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    assert!(!fs::read_to_string(path).unwrap().contains(&digits));
}

#[test]
fn a_firmware_that_takes_no_boot_entry() {
    let machine = Machine::new().fails("bootctl --esp-path");
    assert_eq!(holds("no-boot-entry", &machine, &[SYSTEM, USER]), None);
}

#[test]
fn everything_is_closed_after_a_failure() {
    let machine = Machine::new().fails("target useradd");
    let answers = [SYSTEM, PASSPHRASE, USER];
    assert_eq!(holds("failed-user", &machine, &answers), None);
}

#[test]
fn a_slot_stays_when_the_loader_fails() {
    let machine = Machine::new().installed().fails("bootctl");
    let answers = [SYSTEM, "mode = 'keep-data'\n"];
    assert_eq!(holds("failed-keep-data", &machine, &answers), None);
}

#[test]
fn a_disk_that_was_exchanged_is_not_wiped() {
    let machine = Machine::new().exchanges("vdc", "systemd-repart");
    let pool = "[pool]\ndisks = [{ serial = 'S-vdb' }, { serial = 'S-vdc' }]\n";
    assert_eq!(holds("failed-exchanged", &machine, &[SYSTEM, pool, USER]), None);
    let path = format!(
        "{}/tests/transcripts/failed-exchanged.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = fs::read_to_string(path).unwrap();
    assert!(!text.contains("wipefs --all --force /dev/vdc"), "{text}");
    assert!(
        text.contains("# [failed] vdc  200 GB  virtio  Fake  S-vdc is no longer there"),
        "{text}"
    );
}

#[test]
fn setup() {
    let machine = Machine::raspberry_pi();
    assert_eq!(holds("setup", &machine, &[USER]), None);
    let (before, after) = (
        Machine::raspberry_pi().command_line("a"),
        machine.command_line("a"),
    );
    assert_eq!(after.len(), before.len());
    assert_eq!(
        after.split_whitespace().collect::<Vec<_>>(),
        command_line("").split_whitespace().collect::<Vec<_>>()
    );
    assert_eq!(machine.command_line("b"), after);
}

#[test]
fn setup_with_luks() {
    let answers = [PASSPHRASE, USER];
    assert_eq!(
        holds("setup-luks", &Machine::raspberry_pi(), &answers).as_deref(),
        Some("cbdefghi-jklnrtuv-vutrnlkj-ihgfedbc-cdcdefef-ghghijij-klklnrnr-tutuvcvc")
    );
}
