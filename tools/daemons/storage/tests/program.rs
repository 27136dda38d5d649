//! The program itself.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::{Command, Output};

use common::{Daemon, four_disks};
use sigmavault_private_bus::Bus;

fn storage(arguments: &[&str], bus: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmavault-storage"))
        .args(arguments)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
        .env_remove("NOTIFY_SOCKET")
        .output()
        .unwrap()
}

#[test]
fn the_manual_page_is_that_of_this_command_line() {
    let manual = String::from_utf8(storage(&["--man"], "").stdout).unwrap();
    assert_eq!(
        manual,
        include_str!("../sigmavault-storage.8"),
        "make it again with: sigmavault-storage --man"
    );
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let file = folder.path().join("machine.json");
    std::fs::write(&file, "{\"wrold\": {}}").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, expected) in [
        (
            vec!["--state", state, "--simulate", "/nowhere/machine.json"],
            "cannot read /nowhere/machine.json: ",
        ),
        (
            vec!["--state", state, "--simulate", file],
            "holds no simulated machine: ",
        ),
    ] {
        let output = storage(&arguments, "unix:path=/nowhere/bus");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.starts_with("sigmavault-storage: ") && said.contains(expected),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_service_does_not_start_beside_the_first() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::start());
    let daemon = Daemon::start(folder.path(), &bus.address, four_disks).await;
    let arguments = [
        "--simulate",
        daemon.machine.to_str().unwrap(),
        "--state",
        daemon.state.to_str().unwrap(),
    ];
    let second = storage(&arguments, &bus.address);
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("org.sigmavault.Storage1"), "{said}");
}
