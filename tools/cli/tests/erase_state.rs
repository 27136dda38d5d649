//! `erase-state` of the initrd, on a file in place of the partition: a disk is called erased only when it is.

#![allow(clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../initramfs-hooks/tree/usr/lib/sigmavault/erase-state"
);
const MIB: usize = 1 << 20;
/// Bytes of the partition, and below them those of its start, which holds the keys.
const SIZE: usize = 80 * MIB;
const START: usize = 64 * MIB;

/// A partition full of data, and programs that do what they should; `programs` replaces some of them.
fn partition(programs: &[(&str, &str)]) -> TempDir {
    // A file system on a disk: the script reads past the page cache.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(folder.path().join("state"), vec![0xa5; SIZE]).unwrap();
    let usual = [
        ("blockdev", "stat --format %s \"$2\""),
        (
            "blkdiscard",
            "echo \"$*\" >>\"$LOG\"; case $* in *--zeroout*) head --bytes=$(stat --format %s \"$3\") /dev/zero >\"$3.new\" && \
             cat \"$3.new\" >\"$3\" ;; esac",
        ),
    ];
    for (name, text) in usual.iter().chain(programs) {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn erase(folder: &TempDir, kind: &str) -> Output {
    let path = format!("{}:/usr/sbin:/usr/bin:/bin", folder.path().display());
    Command::new("bash")
        .args([Path::new(SCRIPT), &folder.path().join("state"), Path::new(kind)])
        .env("PATH", path)
        .env("LOG", folder.path().join("log"))
        .output()
        .unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output.status.code(), text)
}

/// What the discarding program was told.
fn discarded(folder: &TempDir) -> Vec<String> {
    let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let state = folder.path().join("state").display().to_string();
    log.lines().map(|line| line.replace(&state, "STATE")).collect()
}

#[test]
fn the_keys_are_overwritten_before_the_disk_may_discard() {
    // It discards nothing and says that it did.
    let folder = partition(&[]);
    assert_eq!(said(&erase(&folder, "luks")), (Some(0), String::new()));
    let held = fs::read(folder.path().join("state")).unwrap();
    assert_eq!(held.len(), SIZE);
    assert!(held[..START].iter().all(|byte| *byte == 0));
    assert!(held[START..].iter().all(|byte| *byte == 0xa5));
    assert_eq!(discarded(&folder), ["--force STATE"]);
}

#[test]
fn a_state_that_is_not_encrypted_is_overwritten_to_its_end() {
    let folder = partition(&[]);
    assert_eq!(said(&erase(&folder, "ext4")), (Some(0), String::new()));
    let held = fs::read(folder.path().join("state")).unwrap();
    assert!(held.len() == SIZE && held.iter().all(|byte| *byte == 0));
    assert_eq!(discarded(&folder), ["--force --zeroout STATE", "--force STATE"]);
}

#[test]
fn a_disk_that_cannot_discard_is_erased_all_the_same() {
    let folder = partition(&[("blkdiscard", "exit 1")]);
    assert_eq!(said(&erase(&folder, "luks")), (Some(0), String::new()));
}

#[test]
fn what_was_not_erased_is_not_called_erased() {
    let pretends = "case $* in *of=*) exit 0 ;; esac; exec /usr/bin/dd \"$@\"";
    for (program, text, kind, reason) in [
        (
            "dd",
            "exit 1",
            "luks",
            "the start of the state partition cannot be overwritten\n",
        ),
        (
            "dd",
            pretends,
            "luks",
            "the start of the state partition still holds something after it was overwritten\n",
        ),
        (
            "blkdiscard",
            "exit 1",
            "ext4",
            "the state partition cannot be overwritten to its end\n",
        ),
        (
            "blkdiscard",
            "exit 0",
            "ext4",
            "the end of the state partition still holds something after it was overwritten\n",
        ),
    ] {
        let folder = partition(&[(program, text)]);
        assert_eq!(
            said(&erase(&folder, kind)),
            (Some(1), reason.to_owned()),
            "{program} {text} {kind}"
        );
    }
}
