//! `sigmavault dataset`, `snapshot` and `policy` on a simulated machine.

#![allow(clippy::unwrap_used)]

mod simulated;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use sigmavault_types::storage::{Care, DatasetKind, Schedule, SnapshotPolicy};
use simulated::Machine;

#[test]
fn datasets_take_sizes_in_binary_units() {
    let machine = Machine::with_mirror();
    machine.done(&["dataset", "create", "tank/a", "-o", "recordsize=1M", "--yes"]);
    machine.done(&[
        "dataset",
        "set",
        "tank/a",
        "quota=1.5G",
        "compression=zstd",
        "--yes",
    ]);
    machine.done(&["dataset", "quota", "tank/a", "user:1000", "1G", "--yes"]);
    machine.done(&[
        "dataset", "create", "tank/vm", "--volume", "2G", "--sparse", "--yes",
    ]);
    let set = |name: &str| machine.read().world.dataset(name).unwrap().clone();
    let value = |name: &str, property: &str| set(name).properties[property].value.clone();
    assert_eq!(value("tank/a", "quota"), "1610612736");
    assert_eq!(value("tank/a", "recordsize"), "1048576");
    assert_eq!(value("tank/a", "userquota@1000"), "1073741824");
    assert_eq!(set("tank/vm").kind, DatasetKind::Volume);
    let shown = machine.done(&["dataset", "show", "tank/a"]);
    let properties = shown.split_once("Properties  ").unwrap().1;
    assert_eq!(
        properties,
        "compression     zstd     set here\n            quota           1.5 GiB  set here\n            \
         recordsize      1 MiB    set here\n            userquota@1000  1 GiB    set here\n"
    );
    machine.done(&["dataset", "quota", "tank/a", "user:1000", "none", "--yes"]);
    assert!(!set("tank/a").properties.contains_key("userquota@1000"));
    machine.done(&["dataset", "inherit", "tank/a", "compression", "--yes"]);
    assert!(!set("tank/a").properties.contains_key("compression"));
    // What is not a size is wrong usage.
    let output = machine.run(&["dataset", "create", "tank/b", "--volume", "2GB"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("'GB' could be decimal: units are binary, write 2G"),
        "{errors}"
    );
}

#[test]
fn schedules_and_policies() {
    let machine = Machine::with_mirror();
    machine.done(&[
        "pool",
        "schedule",
        "tank",
        "--scrub",
        "monthly",
        "--trim",
        "week:sunday@3",
        "--yes",
    ]);
    machine.done(&["pool", "schedule", "tank", "--trim", "never", "--yes"]);
    let world = machine.read().world;
    assert_eq!(
        world.care,
        [Care {
            pool: world.pools[0].id,
            scrub: Some(Schedule::Month { day: 1, hour: 0 }),
            trim: None,
        }]
    );
    assert!(
        machine
            .done(&["pool", "show", "tank"])
            .contains("Scrubs      each month on day 1 at 00:00\nTrims       never by themselves\n")
    );
    assert_eq!(
        machine.run(&["pool", "schedule", "tank", "--yes"]).status.code(),
        Some(2)
    );

    assert_eq!(
        machine.refused(&[
            "policy", "set", "daily", "--every", "day", "--daily", "7", "--yes"
        ]),
        "sigmavault: there is no policy 'daily' yet, and a new one needs --datasets; see: sigmavault policy set --help"
    );
    machine.done(&["dataset", "create", "tank/a", "--yes"]);
    machine.done(&[
        "policy",
        "set",
        "daily",
        "--datasets",
        "tank,tank/a",
        "--every",
        "day@3:15",
        "--daily",
        "7",
        "--weekly",
        "4",
        "--yes",
    ]);
    // What is not named stays.
    machine.done(&[
        "policy",
        "set",
        "daily",
        "--lock-days",
        "2",
        "--recursive",
        "--pause",
        "--yes",
    ]);
    let policy: SnapshotPolicy = machine.json(&["policy", "show", "daily"]);
    assert_eq!(policy.schedule, Schedule::Day { hour: 3, minute: 15 });
    assert_eq!(
        (policy.keep.daily, policy.keep.weekly, policy.lock_days),
        (7, 4, 2)
    );
    assert!(policy.recursive && policy.paused);
    assert_eq!(
        machine.done(&["policy", "show", "daily"]),
        "Policy      daily\n\
         State       paused\n\
         Datasets    tank\n            tank/a\n\
         Below them  included\n\
         Makes       each day at 03:15\n\
         Keeps       7 daily, 4 weekly\n\
         Locked      for 2 days\n"
    );
    assert_eq!(
        machine.refused(&["policy", "run", "daily", "--yes"]),
        "sigmavault: daily: the policy is paused"
    );
    machine.done(&["policy", "set", "daily", "--resume", "--yes"]);
    machine.done(&["policy", "run", "daily", "--yes"]);
    let list = machine.done(&["snapshot", "list", "tank"]);
    assert_eq!(
        list,
        "Snapshots   tank@GMT-2100.01.01-00.00.00  2100-01-01T00:00:00Z  0 B used  0 B referenced  by policy daily  locked until \
         2100-01-03T00:00:00Z\n"
    );
    machine.done(&["policy", "remove", "daily", "--yes"]);
    assert_eq!(
        machine.done(&["policy", "list"]),
        "Policies    none; create one with: sigmavault policy set\n"
    );
}

#[test]
fn snapshots_are_held_and_cloned() {
    let machine = Machine::with_mirror();
    machine.done(&["dataset", "create", "tank/a", "--yes"]);
    machine.done(&["snapshot", "create", "tank/a@x", "--yes"]);
    machine.done(&["snapshot", "hold", "tank/a@x", "backup", "--yes"]);
    assert_eq!(
        machine.refused(&["snapshot", "destroy", "tank/a@x", "--confirm", "tank/a@x"]),
        "sigmavault: tank/a@x is held by 'backup': release the hold first"
    );
    machine.done(&["snapshot", "release", "tank/a@x", "backup", "--yes"]);
    machine.done(&["snapshot", "clone", "tank/a@x", "tank/b", "--yes"]);
    assert!(
        machine
            .done(&["dataset", "show", "tank/b"])
            .contains("Clone of    tank/a@x\n")
    );
    machine.done(&["dataset", "promote", "tank/b", "--yes"]);
    machine.done(&["dataset", "rename", "tank/a", "tank/c", "--yes"]);
    machine.done(&["dataset", "destroy", "tank/c", "--confirm", "tank/c"]);
    machine.done(&["snapshot", "destroy", "tank/b@x", "--confirm", "tank/b@x"]);
    assert_eq!(machine.done(&["snapshot", "list"]), "Snapshots   none\n");
}

#[test]
fn passphrases_come_from_a_file_or_standard_input() {
    let machine = Machine::with_mirror();
    let file = machine.file.with_file_name("key");
    fs::write(&file, "correct horse\n").unwrap();
    let file = file.to_str().unwrap();
    let create = ["dataset", "create", "tank/p", "--encrypt", "passphrase", "--yes"];
    assert_eq!(
        machine.refused(&create),
        "sigmavault: nobody is there to type the passphrase: name a file that holds it, --key-file FILE, or --key-file - for \
         standard input"
    );
    machine.done(&[&create[..], &["--key-file", file]].concat());
    // In plans and in the file there is none.
    assert!(!fs::read_to_string(&machine.file).unwrap().contains("correct"));
    machine.done(&["dataset", "lock", "tank/p", "--yes"]);
    assert!(
        machine
            .done(&["dataset", "show", "tank/p"])
            .contains("Encryption  locked; unlock it with: sigmavault dataset unlock tank/p\n")
    );

    let mut child = machine
        .command(&[
            "dataset",
            "create",
            "tank/q",
            "--encrypt",
            "passphrase",
            "--key-file",
            "-",
            "--yes",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"battery staple").unwrap();
    assert!(child.wait().unwrap().success());
    let key = machine
        .read()
        .world
        .dataset("tank/q")
        .unwrap()
        .key
        .clone()
        .unwrap();
    assert!(key.loaded && !key.automatic);

    machine.done(&["dataset", "create", "tank/s", "--encrypt", "stored", "--yes"]);
    machine.done(&["dataset", "lock", "tank/s", "--yes"]);
    assert_eq!(
        machine.refused(&["dataset", "unlock", "tank/s", "--key-file", file, "--yes"]),
        "sigmavault: this takes no passphrase: the key of tank/s is kept by this machine; leave --key-file out"
    );
    machine.done(&["dataset", "unlock", "tank/s", "--yes"]);
    machine.done(&[
        "dataset",
        "change-key",
        "tank/s",
        "passphrase",
        "--key-file",
        file,
        "--yes",
    ]);
    assert!(
        !machine
            .read()
            .world
            .dataset("tank/s")
            .unwrap()
            .key
            .clone()
            .unwrap()
            .automatic
    );
}

#[test]
fn a_simulated_machine_takes_any_key_since_its_file_holds_none() {
    let machine = Machine::with_mirror();
    machine.done(&["dataset", "create", "tank/p", "--encrypt", "stored", "--yes"]);
    machine.done(&["dataset", "lock", "tank/p", "--yes"]);
    let mut simulator = machine.read();
    for set in &mut simulator.world.datasets {
        if let Some(key) = &mut set.key {
            key.automatic = false;
        }
    }
    machine.write(&simulator);
    let file = machine.file.with_file_name("key");
    fs::write(&file, "another one").unwrap();
    machine.done(&[
        "dataset",
        "unlock",
        "tank/p",
        "--key-file",
        file.to_str().unwrap(),
        "--yes",
    ]);
    let world = machine.read().world;
    assert!(world.dataset("tank/p").unwrap().key.as_ref().unwrap().loaded);
}
