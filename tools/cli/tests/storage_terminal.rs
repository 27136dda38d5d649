//! Questions of `sigmavault pool` and `dataset` on a terminal, and watching.

#![allow(clippy::unwrap_used)]

mod simulated;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sigmavault_types::storage::Pool;
use simulated::Machine;

/// Answers questions as a person does on a terminal: what the program showed, and how it ended.
fn answered(mut command: Command, dialogue: &[(&str, &str)]) -> (String, ExitStatus) {
    let pty = openpty(None, None).unwrap();
    let slave = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut child = command
        .stdin(slave())
        .stdout(slave())
        .stderr(slave())
        .spawn()
        .unwrap();
    // Only the child has its end now.
    drop(command);
    drop(pty.slave);
    let mut master = File::from(pty.master);
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    let mut dialogue = dialogue.iter();
    let mut next = dialogue.next();
    let mut from = 0;
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..length]);
        while let Some((question, answer)) = next {
            let text = String::from_utf8_lossy(&seen[from..]).into_owned();
            if !text.ends_with(question) {
                break;
            }
            from = seen.len();
            master.write_all(answer.as_bytes()).unwrap();
            next = dialogue.next();
        }
    }
    assert!(next.is_none(), "{}", String::from_utf8_lossy(&seen));
    (String::from_utf8(seen).unwrap(), child.wait().unwrap())
}

#[test]
fn the_name_is_typed_before_something_is_destroyed() {
    let machine = Machine::with_mirror();
    let question = "This destroys data. Type tank to go on: ";
    let (seen, status) = answered(
        machine.command(&["pool", "destroy", "tank", "--yes"]),
        &[(question, "yes\n")],
    );
    assert_eq!(status.code(), Some(1));
    assert!(
        seen.contains("sigmavault: nothing was changed: 'yes' is not 'tank'"),
        "{seen}"
    );
    assert_eq!(machine.read().world.pools.len(), 1);
    let (seen, status) = answered(
        machine.command(&["pool", "destroy", "tank"]),
        &[(question, "tank\n")],
    );
    assert_eq!(status.code(), Some(0), "{seen}");
    assert!(seen.ends_with("Done.\r\n"), "{seen}");
    assert_eq!(machine.read().world.pools, []);
}

#[test]
fn below_r4_yes_is_typed() {
    let machine = Machine::with_mirror();
    for (answer, expected, datasets) in [("no\n", 1, 1), ("yes\n", 0, 2)] {
        let (seen, status) = answered(
            machine.command(&["dataset", "create", "tank/a"]),
            &[("Carry this out? Type yes to go on: ", answer)],
        );
        assert_eq!(status.code(), Some(expected), "{seen}");
        assert_eq!(machine.read().world.datasets.len(), datasets);
    }
}

#[test]
fn a_passphrase_is_typed_twice_and_never_shown() {
    let machine = Machine::with_mirror();
    let create = ["dataset", "create", "tank/p", "--encrypt", "passphrase"];
    let go_on = ("Carry this out? Type yes to go on: ", "yes\n");
    for (second, code, end) in [
        (
            "correct house\n",
            1,
            "sigmavault: the passphrases differ: try again\r\n",
        ),
        // The terminal is not left silent by Ctrl-C.
        ("\u{3}", 1, "sigmavault: no passphrase was typed\r\n"),
        ("wrong\u{15}correct horse\n", 0, "Done.\r\n"),
    ] {
        let (seen, status) = answered(
            machine.command(&create),
            &[
                go_on,
                ("Passphrase: ", "correct horse\n"),
                ("The same again: ", second),
            ],
        );
        assert_eq!(status.code(), Some(code), "{seen}");
        assert!(seen.ends_with(end), "{seen}");
        assert!(!seen.contains("horse") && !seen.contains("house"), "{seen}");
        let made = machine.read().world.dataset("tank/p").is_some();
        assert_eq!(made, code == 0, "{seen}");
    }
}

fn end(child: &mut Child) -> Option<i32> {
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(id, Signal::SIGINT).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn a_watched_list_is_drawn_again_on_every_change() {
    let machine = Machine::new();
    let mut child = machine
        .command(&["pool", "list", "--watch", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Vec<Pool> { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next(), []);
    let create = ["pool", "create", "tank", "sda", "sdb", "--yes", "--json"];
    let created = machine.run(&create).status;
    assert!(created.success());
    assert_eq!(next(), machine.read().world.pools);
    assert_eq!(end(&mut child), Some(0));

    let mut child = machine
        .command(&["pool", "show", "tank", "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "Pool        tank");
    let offline = ["pool", "offline", "tank", "sda", "--yes", "--json"];
    let changed = machine.run(&offline).status;
    assert!(changed.success());
    let again = lines
        .map(Result::unwrap)
        .find(|line| line.starts_with("State       degraded"));
    assert_eq!(
        again.as_deref(),
        Some("State       degraded: a device below it does not work")
    );
    assert_eq!(end(&mut child), Some(0));
}
