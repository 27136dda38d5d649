//! `sigmavault slots` on an installed machine made of files.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

fn installed() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        (
            "run/sigmavault/boot.json",
            r#"{"slot":"b","disk":"vda","esp":"0011","state":"ext4","entry":"sigmavault-b.conf"}"#,
        ),
        (
            "boot/loader/entries/sigmavault-a+0-3.conf",
            "title SigmaVault NAS OS 0.2.0 (slot A)\nversion 0.2.0\nsort-key sigmavault-1\nefi /EFI/sigmavault/slot-a.efi\n",
        ),
        (
            "boot/loader/entries/sigmavault-b.conf",
            "title SigmaVault NAS OS 0.1.0 (slot B)\nversion 0.1.0\nsort-key sigmavault-2\nefi /EFI/sigmavault/slot-b.efi\n",
        ),
        ("boot/EFI/sigmavault/slot-a.efi", "MZ"),
        ("boot/EFI/sigmavault/slot-b.efi", "MZ"),
        (
            "boot/sigmavault/failures.tsv",
            "2026-11-20T08:57:00Z\ta\troot hash does not match\n",
        ),
        ("var/lib/sigmavault/.keep", ""),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn sigmavault(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmavault"))
        .args(arguments)
        .arg("--root")
        .arg(root)
        .output()
        .unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_list_shows_why_a_slot_was_left() {
    let root = installed();
    let output = sigmavault(root.path(), &["slots"]);
    assert_eq!(
        text(output.stdout),
        "Slot A      0.2.0, 2 B\n            bad: every start failed\n\
         Slot B      0.1.0, runs now, starts next, 2 B\n            good\n\
         Note        fell back from slot A: root hash does not match (2026-11-20T08:57:00Z)\n\
         Failed      2026-11-20T08:57:00Z  A  root hash does not match\n"
    );
    let output = sigmavault(root.path(), &["slots", "--json"]);
    let slots: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        slots["slots"][0],
        json!({"slot": "a", "version": "0.2.0", "preferred": true, "running": false, "tries_left": 0,
               "tries_done": 3, "bad": true, "bytes": 2})
    );
    assert_eq!(slots["fell_back"]["from"], "a");
}

#[test]
fn a_switch_gives_a_bad_slot_new_tries() {
    let root = installed();
    let output = sigmavault(root.path(), &["slots", "switch", "A"]);
    assert_eq!(
        text(output.stdout),
        "Slot A starts from the next start on. Restart with: systemctl reboot\n\
         It was bad and has 3 new tries.\n"
    );
    let mut names: Vec<_> = fs::read_dir(root.path().join("boot/loader/entries"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["sigmavault-a+3.conf", "sigmavault-b.conf"]);
    let output = sigmavault(root.path(), &["slots", "switch", "b", "--json"]);
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        json!({"slot": "b", "retried": false, "once": false})
    );
}

#[test]
fn a_live_medium_has_none() {
    let root = installed();
    fs::create_dir_all(root.path().join("proc")).unwrap();
    fs::write(root.path().join("proc/cmdline"), "quiet sigmavault.live\n").unwrap();
    for arguments in [&["slots"][..], &["slots", "switch", "a"]] {
        let output = sigmavault(root.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            text(output.stderr),
            "sigmavault: this system runs from a live medium and has no slots; \
             try: sigmavault-installer, then start from the disk\n"
        );
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let root = installed();
    assert_eq!(
        sigmavault(root.path(), &["slots", "switch", "c"]).status.code(),
        Some(2)
    );
    assert_eq!(
        sigmavault(root.path(), &["slots", "switch"]).status.code(),
        Some(2)
    );
}

#[test]
fn status_names_the_slot_and_the_fall_back() {
    let root = installed();
    for (path, text) in [
        ("proc/uptime", "60.0 1.0\n"),
        ("proc/loadavg", "0.50 0.25 0.10 1/2 3\n"),
        ("proc/meminfo", "MemTotal: 1024 kB\n"),
    ] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let status = || {
        let output = sigmavault(root.path(), &["status", "--api", "http://127.0.0.1:9"]);
        text(output.stdout)
    };
    assert!(status().contains("\nSlot        B\n"), "{}", status());
    // Services see what was copied from the boot partition.
    sigmavault(root.path(), &["slots", "switch", "b"]);
    assert!(status().contains("\nSlot        B of A, B\n"), "{}", status());
}

/// A FAT32 file system whose root folder has these files, by their short names.
fn boot_partition(files: &[&[u8; 11]]) -> Vec<u8> {
    let mut image = vec![0; 2048];
    for (at, bytes) in [
        (11, &[0, 2, 1, 1, 0, 1][..]),
        (36, &[1]),
        (44, &[2]),
        (510, &[0x55, 0xAA]),
    ] {
        image[at..at + bytes.len()].copy_from_slice(bytes);
    }
    image[512 + 8..512 + 12].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x0F]);
    for (at, name) in files.iter().enumerate() {
        let entry = &mut image[1024 + 32 * at..];
        entry[..11].copy_from_slice(*name);
        entry[30] = 1;
    }
    image
}

#[test]
fn a_raspberry_pi_tries_a_slot_first() {
    let root = installed();
    let boot = boot_partition(&[
        b"CONFIG  TXT",
        b"CMDLINE TXT",
        b"SETTINGSIMG",
        b"INITRD  IMG",
        b"VMLINUZ    ",
    ]);
    for (path, bytes) in [
        (
            "run/sigmavault/boot.json",
            &br#"{"slot":"a","disk":"mmcblk0","esp":"0011","entry":"","chain":"tryboot","trying":false,"state":"ext4"}"#[..],
        ),
        (
            "boot/autoboot.txt",
            b"[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n",
        ),
        ("boot/sigmavault/slot-a.version", b"0.1.0\n"),
        ("boot/sigmavault/slot-b.version", b"0.2.0\n"),
        ("boot/sigmavault/bad", b"b\n"),
        ("boot/sigmavault/failures.tsv", b"2026-11-20T08:57:00Z\tb\troot hash does not match\n"),
        ("dev/sigmavault/boot-a", &boot),
        ("dev/sigmavault/boot-b", &boot),
        ("sys/kernel/sigmavault_tryboot/flag", b"0\n"),
    ] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let list = || text(sigmavault(root.path(), &["slots"]).stdout);
    assert_eq!(
        list(),
        "Slot A      0.1.0, runs now, starts next, 64 KiB\n            good\n\
         Slot B      0.2.0, 64 KiB\n            bad: every start failed\n\
         Note        fell back from slot B: root hash does not match (2026-11-20T08:57:00Z)\n\
         Failed      2026-11-20T08:57:00Z  B  root hash does not match\n"
    );
    let output = sigmavault(root.path(), &["slots", "switch", "b", "--json"]);
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        json!({"slot": "b", "retried": true, "once": false, "tried": true})
    );
    assert_eq!(
        list(),
        "Slot A      0.1.0, runs now, 64 KiB\n            good\n\
         Slot B      0.2.0, is tried at the next restart, 64 KiB\n            3 starts left to prove itself\n\
         Failed      2026-11-20T08:57:00Z  B  root hash does not match\n"
    );
    let read = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
    assert_eq!(read("boot/sigmavault/try"), "b 3\n");
    assert_eq!(read("sys/kernel/sigmavault_tryboot/flag"), "1\n");
}
