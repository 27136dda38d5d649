//! The engine that runs ZFS, with the test in the place of the programs. What they print is what ZFS 2.3.9 printed.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use sigmavault_facts::Files;
use sigmavault_host::run::{Input, Invocation, Output, Scripted};
use sigmavault_storage_core::zfs::{Surface, Zfs};
use sigmavault_storage_core::{Engine as _, EngineError, Secret};
use sigmavault_types::storage::{Action, DatasetKind, DeviceState, DiskUse, KeySource, Scrub, World};

fn recorded(name: &str) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/tests/zfs-2.3.9");
    Output::success(std::fs::read(folder.join(name)).unwrap())
}

/// The machine whose disks and pools were recorded.
const DISKS: &str = r#"{"blockdevices": [
    {"name":"vdb","path":"/dev/vdb","type":"disk","size":1073741824,"serial":"SV-DISK-01","tran":"virtio"},
    {"name":"vdc","path":"/dev/vdc","type":"disk","size":1073741824,"serial":"SV-DISK-02","tran":"virtio"},
    {"name":"vdd","path":"/dev/vdd","type":"disk","size":1073741824,"serial":"SV-DISK-03","tran":"virtio"}]}"#;

/// A machine in a folder. What it ran to change something is in `ran`.
struct Machine {
    folder: tempfile::TempDir,
    engine: Zfs,
    ran: Arc<Mutex<Vec<Invocation>>>,
}

/// A machine whose tools print `state-list.json` and `state-status.json`; `answer` is what a change prints.
fn machine(
    state: &'static str,
    answer: impl Fn(usize, &Invocation) -> Output + Send + Sync + 'static,
) -> Machine {
    let folder = tempfile::tempdir().unwrap();
    let by_id = folder.path().join("dev/disk/by-id");
    std::fs::create_dir_all(&by_id).unwrap();
    for (number, device) in [(1, "vdb"), (2, "vdc"), (3, "vdd")] {
        let link = by_id.join(format!("virtio-SV-DISK-{number:02}"));
        std::os::unix::fs::symlink(format!("../../{device}"), link).unwrap();
    }
    let read = move |invocation: &Invocation| {
        let line = invocation.to_string();
        match line.split(' ').take(2).collect::<Vec<_>>().join(" ").as_str() {
            "zpool list" => recorded(&format!("{state}-list.json")),
            "zpool status" => recorded(&format!("{state}-status.json")),
            "zfs get" | "zfs list" => Output::success(""),
            _ if line.starts_with("lsblk") => Output::success(DISKS),
            _ => panic!("the reader runs {line}"),
        }
    };
    let ran: Arc<Mutex<Vec<Invocation>>> = Arc::default();
    let log = Arc::clone(&ran);
    let write = move |invocation: &Invocation| {
        if invocation.program() == "udevadm" {
            return Output::success("");
        }
        let mut ran = log.lock().unwrap();
        ran.push(invocation.clone());
        answer(ran.len(), invocation)
    };
    let engine = Zfs::new(Surface {
        reader: Box::new(Scripted(read)),
        writer: Box::new(Scripted(write)),
        files: Files::new(folder.path()),
        state: folder.path().to_owned(),
        now: || 1_000_000,
        new_key: || Ok([0xab; 32]),
    });
    Machine { folder, engine, ran }
}

impl Machine {
    fn lines(&self) -> Vec<String> {
        self.ran.lock().unwrap().iter().map(Invocation::quoted).collect()
    }
}

fn done(_: usize, _: &Invocation) -> Output {
    Output::success("")
}

fn create(name: &str, key: Option<KeySource>) -> Action {
    Action::CreateDataset {
        name: name.to_owned(),
        kind: DatasetKind::FileSystem,
        size: None,
        sparse: false,
        key,
        properties: std::collections::BTreeMap::new(),
    }
}

#[test]
fn reading_runs_nothing_that_changes_something() {
    let mut machine = machine("missing", done);
    let world = machine.engine.world().unwrap();
    let pool = world.imported("tank").unwrap();
    assert_eq!(pool.state, DeviceState::Degraded);
    let first = &world.disks[0];
    assert_eq!(first.device, "/dev/disk/by-id/virtio-SV-DISK-01");
    assert_eq!(first.in_use, DiskUse::Pool { pool: pool.id });
    assert_eq!(world.disks[2].in_use, DiskUse::Free);
    // A pool that nobody has given a schedule is scrubbed monthly.
    assert!(
        world
            .care
            .iter()
            .any(|care| care.pool == pool.id && care.scrub.is_some())
    );
    assert_eq!(machine.lines(), [""; 0]);
}

#[test]
fn what_mounts_is_run_by_the_service_manager() {
    let mut machine = machine("missing", done);
    machine.engine.world().unwrap();
    machine.engine.perform(&create("tank/a", None), None).unwrap();
    let mount = Action::Mount {
        name: "tank/a".to_owned(),
    };
    machine.engine.perform(&mount, None).unwrap();
    assert_eq!(
        machine.lines(),
        [
            "zfs create -u -- tank/a",
            "systemd-run --quiet --collect --wait --pipe --service-type=exec --expand-environment=no -- zfs mount -R -- tank/a",
        ]
    );
}

#[test]
fn a_pool_that_waits_for_its_disks_is_left_alone() {
    let mut machine = machine("suspended", done);
    let world: World = machine.engine.world().unwrap();
    let pool = world
        .pools
        .iter()
        .find(|pool| pool.state == DeviceState::Suspended)
        .unwrap();
    let (id, name) = (pool.id, pool.name.clone());
    // These would hang in the kernel, where no signal reaches them.
    for action in [
        Action::ScrubPool {
            pool: id,
            scrub: Scrub::Start,
        },
        Action::ExportPool { pool: id },
        create(&format!("{name}/a"), None),
    ] {
        let error = machine.engine.perform(&action, None).unwrap_err();
        assert_eq!(error, EngineError::Suspended(name.clone()));
    }
    assert_eq!(machine.lines(), [""; 0]);
    machine
        .engine
        .perform(&Action::ClearErrors { pool: id }, None)
        .unwrap();
    assert_eq!(machine.lines().len(), 1);
}

#[test]
fn a_key_is_made_before_and_never_in_the_place_of_another() {
    let mut machine = machine("missing", |_, invocation| {
        if invocation.to_string().contains("tank/full") {
            Output::failure(1, "cannot create 'tank/full': out of space\n")
        } else {
            Output::success("")
        }
    });
    machine.engine.world().unwrap();
    let key = machine.folder.path().join("etc/sigmavault/keys/tank%a.key");
    machine
        .engine
        .perform(&create("tank/a", Some(KeySource::Stored)), None)
        .unwrap();
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "ab".repeat(32));
    let error = machine
        .engine
        .perform(&create("tank/a", Some(KeySource::Stored)), None)
        .unwrap_err();
    assert!(error.to_string().contains("it is a key already"), "{error}");
    assert_eq!(machine.lines().len(), 1, "nothing was run");

    let error = machine
        .engine
        .perform(&create("tank/full", Some(KeySource::Stored)), None)
        .unwrap_err();
    assert_eq!(error, EngineError::NoSpace("tank/full".to_owned()));
    let unused = machine.folder.path().join("etc/sigmavault/keys/tank%full.key");
    assert!(!unused.exists(), "a key that opens nothing is not left");
}

#[test]
fn a_passphrase_is_given_on_standard_input_alone() {
    let mut machine = machine("missing", done);
    machine.engine.world().unwrap();
    let secret = Secret(b"correct horse".to_vec());
    machine
        .engine
        .perform(&create("tank/a", Some(KeySource::Passphrase)), Some(&secret))
        .unwrap();
    let ran = machine.ran.lock().unwrap();
    assert!(!ran[0].quoted().contains("horse"));
    assert!(matches!(ran[0].standard_input(), Input::Secret(bytes) if bytes.starts_with(b"correct horse")));
}

#[test]
fn a_partition_that_udev_shows_too_late_is_found_by_a_second_try() {
    let late = "cannot resolve path '/dev/disk/by-id/virtio-SV-DISK-03-part1'\n";
    let mut machine = machine("missing", move |number, _| {
        if number == 1 {
            Output::failure(1, late)
        } else {
            Output::success("")
        }
    });
    let world = machine.engine.world().unwrap();
    let pool = world.imported("tank").unwrap();
    let action = Action::AttachDisk {
        pool: pool.id,
        to: pool.vdevs[0].children[0].id,
        disk: world.disks[2].id.clone(),
    };
    machine.engine.perform(&action, None).unwrap();
    let lines = machine.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn policies_outlive_the_service() {
    let mut machine = machine("missing", done);
    machine.engine.world().unwrap();
    let policy = serde_json::json!({
        "name": "daily", "datasets": ["tank"], "recursive": true, "schedule": {"every": "day", "hour": 3, "minute": 0}, "keep": {"daily": 7},
    });
    let action = Action::SetPolicy {
        policy: serde_json::from_value(policy).unwrap(),
    };
    machine.engine.perform(&action, None).unwrap();
    assert_eq!(machine.lines(), [""; 0]);
    assert_eq!(machine.engine.world().unwrap().policies[0].name, "daily");
    let remove = Action::RemovePolicy {
        name: "daily".to_owned(),
    };
    machine.engine.perform(&remove, None).unwrap();
    assert_eq!(
        machine.engine.perform(&remove, None),
        Err(EngineError::Missing("daily".to_owned()))
    );
    std::fs::write(machine.folder.path().join("standing-orders.json"), "{").unwrap();
    let error = machine.engine.world().unwrap_err().to_string();
    assert!(error.contains("standing-orders.json is damaged"), "{error}");
}
