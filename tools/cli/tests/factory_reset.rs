//! `sigmavault factory-reset` on a machine made of files, with a folder of fake commands first in PATH.

#![allow(clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const REQUEST: &str = "run/initramfs/state/factory-reset";

fn machine() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("proc/sys/kernel/hostname", "vault\n"),
        ("proc/cmdline", "quiet\n"),
        (
            "proc/self/mountinfo",
            "30 1 8:5 / /run/initramfs/state rw - ext4 /dev/vda6 rw\n",
        ),
        ("run/initramfs/state/var/.keep", ""),
        ("bin/zpool", "#!/bin/sh\necho \"zpool $*\" >>\"$LOG\"\n"),
        ("bin/systemctl", "#!/bin/sh\necho \"systemctl $*\" >>\"$LOG\"\n"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        if path.parent().unwrap().ends_with("bin") {
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder
}

fn reset(root: &TempDir, arguments: &[&str]) -> Output {
    let path = format!("{}:/usr/bin:/bin", root.path().join("bin").display());
    Command::new(env!("CARGO_BIN_EXE_sigmavault"))
        .arg("factory-reset")
        .args(arguments)
        .arg("--root")
        .arg(root.path())
        .env("PATH", path)
        .env("LOG", root.path().join("log"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn log(root: &TempDir) -> String {
    fs::read_to_string(root.path().join("log")).unwrap_or_default()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_confirmed_reset_waits_for_the_start_that_it_begins() {
    let root = machine();
    let output = reset(&root, &["system", "--confirm", "vault"]);
    assert_eq!(
        text(output.stdout),
        "The machine restarts now and resets itself.\n"
    );
    assert_eq!(fs::read_to_string(root.path().join(REQUEST)).unwrap(), "system\n");
    assert!(log(&root).ends_with("systemctl reboot\n"), "{}", log(&root));
}

#[test]
fn nothing_is_changed_without_the_name_of_the_machine() {
    let root = machine();
    for (arguments, message) in [
        (
            &["system", "--confirm", "other"][..],
            "nothing was changed: \"other\" is not the name of this machine, vault\n",
        ),
        (
            &["system"],
            "nothing was changed: no confirmation; try: --confirm vault, or --dry-run to see what would go\n",
        ),
    ] {
        let output = reset(&root, arguments);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(output.stderr), format!("sigmavault: {message}"));
    }
    let output = reset(&root, &["everything", "--dry-run", "--json"]);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&plan["level"], &plan["destroyed"]),
        (&json!("everything"), &json!([]))
    );
    assert!(!root.path().join(REQUEST).exists());
    assert!(!log(&root).contains("reboot"), "{}", log(&root));
}

#[test]
fn a_reset_that_waits_can_be_taken_back() {
    let root = machine();
    let output = reset(
        &root,
        &["configuration", "--confirm", "vault", "--no-reboot", "--json"],
    );
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&done["level"], &done["requested"], &done["restarting"]),
        (&json!("configuration"), &json!(true), &json!(false))
    );
    assert_eq!(
        text(reset(&root, &["cancel"]).stdout),
        "The reset of configuration is cancelled.\n"
    );
    assert_eq!(text(reset(&root, &["cancel"]).stdout), "No reset was waiting.\n");
    assert_eq!(
        text(reset(&root, &["cancel", "--json"]).stdout),
        "{\n  \"cancelled\": null\n}\n"
    );
}

#[test]
fn wrong_usage_exits_with_2() {
    let root = machine();
    assert_eq!(reset(&root, &["all"]).status.code(), Some(2));
    assert_eq!(reset(&root, &[]).status.code(), Some(2));
    assert_eq!(
        reset(&root, &["system", "--dry-run", "--confirm", "vault"])
            .status
            .code(),
        Some(2)
    );
}
