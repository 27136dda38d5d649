//! `flash` on loop devices: needs root and losetup, and is skipped with a word without them.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{iso, program, sample, stderr, stdout};

/// A loop device over a file, detached when dropped.
struct Loop {
    device: String,
}

impl Loop {
    fn new(file: &Path, read_only: bool) -> Option<Self> {
        Self::with(file, if read_only { &["--read-only"] } else { &[] })
    }

    fn with(file: &Path, options: &[&str]) -> Option<Self> {
        let mut losetup = Command::new("losetup");
        losetup.args(["--find", "--show"]).args(options).arg(file);
        match losetup.output() {
            Ok(output) if output.status.success() => Some(Self {
                device: stdout(&output).trim().to_owned(),
            }),
            other => {
                println!("skipped: no loop device: {other:?}");
                None
            }
        }
    }

    fn name(&self) -> &str {
        self.device.trim_start_matches("/dev/")
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.device]).status();
    }
}

const SIZE: usize = 24 << 20;

fn disk(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("disk.img");
    fs::write(&file, vec![0xEE; SIZE]).unwrap();
    file
}

#[test]
fn an_iso_is_written_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let iso = iso(folder.path(), 10 << 20);
    let file = disk(folder.path());
    let Some(disk) = Loop::new(&file, false) else {
        return;
    };
    let flash = |extra: &[&str]| {
        let mut args = vec!["flash", iso.to_str().unwrap(), &disk.device];
        args.extend(extra);
        program(&args)
    };

    let refused = flash(&["--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains(&format!(
            "it is not removable; if it is truly the one, add --serial '{}'",
            disk.name()
        )),
        "{}",
        stderr(&refused)
    );
    let dry = flash(&["--serial", disk.name(), "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", stderr(&dry));
    assert!(
        stderr(&dry).contains(": vm-test 0.1.0 amd64\n"),
        "{}",
        stderr(&dry)
    );
    assert_eq!(
        fs::read(&file).unwrap(),
        vec![0xEE; SIZE],
        "nothing is written so far"
    );

    let done = flash(&["--serial", disk.name(), "--yes", "--json"]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let report: serde_json::Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!(
        (&report["written"], &report["verified"]),
        (&true.into(), &true.into())
    );
    let image = fs::read(&iso).unwrap();
    let sum = Command::new("sha256sum").arg(&iso).output().unwrap();
    assert_eq!(report["sha256"].as_str().unwrap(), &stdout(&sum)[..64]);
    let written = fs::read(&file).unwrap();
    assert!(written[..image.len()] == image);
    assert!(
        written[SIZE - (1 << 20)..].iter().all(|byte| *byte == 0),
        "the old end is cleared"
    );
    assert!(stderr(&done).contains("verify: done in "), "{}", stderr(&done));
}

#[test]
fn the_name_must_be_typed() {
    let folder = tempfile::tempdir().unwrap();
    let iso = iso(folder.path(), 0);
    let file = disk(folder.path());
    let Some(disk) = Loop::new(&file, false) else {
        return;
    };
    for (typed, code) in [("yes\n", 1), ("", 1), (&*format!("{}\n", disk.name()), 0)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sigmavault-image"))
            .args([
                "flash",
                iso.to_str().unwrap(),
                &disk.device,
                "--serial",
                disk.name(),
            ])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{typed:?}: {}", stderr(&output));
        let touched = fs::read(&file).unwrap()[0] != 0xEE;
        assert_eq!(touched, code == 0, "{typed:?}");
    }
}

#[test]
fn small_read_only_and_busy_devices_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let iso = iso(folder.path(), 10 << 20);
    let error = |disk: &Loop| {
        let output = program(&[
            "flash",
            iso.to_str().unwrap(),
            &disk.device,
            "--serial",
            disk.name(),
            "--yes",
        ]);
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    let small = folder.path().join("small.img");
    fs::write(&small, vec![0; 1 << 20]).unwrap();
    let Some(disk_small) = Loop::new(&small, false) else {
        return;
    };
    assert!(
        error(&disk_small).contains("it has 1048576 bytes, the ISO needs "),
        "{}",
        error(&disk_small)
    );
    let file = disk(folder.path());
    if let Some(disk) = Loop::new(&file, true) {
        assert!(error(&disk).contains("it is read-only"), "{}", error(&disk));
    }
    let Some(disk) = Loop::new(&file, false) else {
        return;
    };
    let formatted = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-L", "keep", &disk.device])
        .output();
    if !formatted.is_ok_and(|output| output.status.success()) {
        println!("not tried on a mounted file system: no mkfs.ext4");
        return;
    }
    let at = folder.path().join("mounted");
    fs::create_dir(&at).unwrap();
    if !Command::new("mount")
        .arg(&disk.device)
        .arg(&at)
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("not tried on a mounted file system: mount is not allowed");
        return;
    }
    let mounted = error(&disk);
    let unmounted = Command::new("umount").arg(&at).status().unwrap();
    assert!(unmounted.success());
    assert!(
        mounted.contains(&format!("{} is mounted on {}", disk.name(), at.display())),
        "{mounted}"
    );
    let plan = program(&[
        "flash",
        iso.to_str().unwrap(),
        &disk.device,
        "--serial",
        disk.name(),
        "--dry-run",
    ]);
    assert!(stderr(&plan).contains("ext4 \"keep\"\n"), "{}", stderr(&plan));
}

/// The confirmed order to flash is refused for this reason, and the disk is as before.
fn is_refused(iso: &Path, disk: &Loop, file: &Path, expected: &str) {
    let output = program(&[
        "flash",
        iso.to_str().unwrap(),
        &disk.device,
        "--serial",
        disk.name(),
        "--yes",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    assert!(
        fs::read(file).unwrap().iter().all(|byte| *byte == 0xEE),
        "nothing is written"
    );
}

#[test]
fn an_iso_with_a_flipped_byte_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let iso = iso(folder.path(), 0);
    let file = disk(folder.path());
    let Some(disk) = Loop::new(&file, false) else {
        return;
    };
    let good = fs::read(&iso).unwrap();
    let sum = Command::new("sha256sum")
        .current_dir(folder.path())
        .arg("test.iso")
        .output()
        .unwrap();
    // The root file system is checked with and without a list of sums, the boot sector with one.
    let root = sample::place(&good, &sample::root());
    for (at, sums, expected) in [
        (root + 5000, false, "block 1 of the data does not have the hash"),
        (3, true, "but SHA256SUMS says "),
    ] {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        fs::write(&iso, &flipped).unwrap();
        if sums {
            fs::write(folder.path().join("SHA256SUMS"), &sum.stdout).unwrap();
        }
        is_refused(&iso, &disk, &file, expected);
    }
}

#[test]
fn a_device_with_sectors_of_4096_bytes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let iso = iso(folder.path(), 0);
    let file = disk(folder.path());
    let Some(disk) = Loop::with(&file, &["--sector-size", "4096"]) else {
        return;
    };
    is_refused(&iso, &disk, &file, "its logical sectors have 4096 bytes");
}

#[test]
fn a_bad_iso_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = iso(folder.path(), 0);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 2048]).unwrap();
    let output = program(&["flash", path.to_str().unwrap(), "/dev/none"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("truncated: {} bytes of {}", whole.len() - 2048, whole.len());
    assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
}
