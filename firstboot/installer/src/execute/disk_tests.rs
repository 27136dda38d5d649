use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use sigmavault_host::run::{Invocation, Output, Recorder, Scripted};

use super::*;
use crate::machine::Contents;

/// The definitions that the image has.
const IMAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../image/overlay/usr/lib/sigmavault/repart.d"
);

fn partitions() -> Vec<Partition> {
    let partition = |definition: &str, label: &str, mib: u64| Partition {
        definition: definition.into(),
        label: label.into(),
        bytes: mib << 20,
    };
    vec![
        partition("10-esp", "esp", 1024),
        partition("20-root-a", "root-a", 2048),
        partition("21-root-a-verity", "root-a-verity", 32),
        partition("30-root-b", "root-b", 2048),
        partition("31-root-b-verity", "root-b-verity", 32),
        partition("40-state", "state", 4096),
    ]
}

fn disk() -> Disk {
    Disk {
        name: "sda".into(),
        path: "/dev/sda".into(),
        links: Vec::new(),
        model: String::new(),
        serial: None,
        wwn: None,
        subsystem: None,
        paths: Vec::new(),
        bus: "sata".into(),
        bytes: 1 << 40,
        rotational: false,
        sector: 512,
        in_use: None,
        holders: Vec::new(),
        contents: Contents::Empty,
    }
}

/// A folder with the definitions of the plan.
fn defined(encrypted: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::this_machine();
    define(&site, &partitions(), encrypted, Path::new(IMAGE), folder.path()).unwrap();
    folder
}

fn drop_in(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(format!("{name}.conf.d/plan.conf"))).unwrap()
}

#[test]
fn the_plan_is_added_to_the_images_definitions() {
    let folder = defined(false);
    assert_eq!(
        drop_in(folder.path(), "20-root-a"),
        "[Partition]\nSizeMinBytes=2147483648\nSizeMaxBytes=2147483648\n"
    );
    assert_eq!(
        drop_in(folder.path(), "40-state"),
        "[Partition]\nSizeMinBytes=4294967296\nSizeMaxBytes=4294967296\nLabel=state-new\n"
    );
    let definition = fs::read_to_string(folder.path().join("40-state.conf")).unwrap();
    assert!(definition.contains("\nFormat=ext4\n"), "{definition}");
}

#[test]
fn encryption_is_of_the_state_alone() {
    let folder = defined(true);
    for partition in partitions() {
        let encrypted = drop_in(folder.path(), &partition.definition).contains("Encrypt=key-file\n");
        assert_eq!(encrypted, partition.label == "state", "{}", partition.definition);
    }
}

/// Every definition of the image is in the plan and has the name that the plan and the initrd look for.
#[test]
fn definitions_and_plan_name_the_same() {
    let mut names: Vec<(String, String)> = fs::read_dir(IMAGE)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let label = text
                .lines()
                .find_map(|line| line.strip_prefix("Label="))
                .unwrap()
                .to_owned();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), label)
        })
        .collect();
    names.sort();
    let planned: Vec<(String, String)> = partitions()
        .into_iter()
        .map(|part| (part.definition, part.label))
        .collect();
    assert_eq!(names, planned);
}

/// The partitions of a disk are open for a while.
#[test]
fn a_partition_that_is_open_for_a_moment_is_waited_for() {
    let refusals = AtomicU32::new(2);
    let recorder = Recorder::new(Scripted(move |invocation: &Invocation| {
        let left = || refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if invocation.program() == "blockdev" && left().is_ok() {
            Output::failure(1, "Device or resource busy")
        } else {
            Output::success("")
        }
    }));
    forget_partitions(&recorder, &disk().path).unwrap();
    let transcript = recorder.transcript();
    let calls: Vec<&str> = transcript.calls().map(|call| call.line.as_str()).collect();
    assert_eq!(
        calls,
        ["udevadm settle", "blockdev --rereadpt /dev/sda"].repeat(3)
    );
}

#[test]
fn the_partitions_of_every_path_are_forgotten() {
    let recorder = Recorder::new(Scripted(|_: &Invocation| {
        Output::success(r#"{"blockdevices": [{"name":"sda", "path":"/dev/sda"}]}"#)
    }));
    let disk = Disk {
        paths: vec!["/dev/sdd".into()],
        ..disk()
    };
    wipe(&recorder, &disk).unwrap();
    let transcript = recorder.transcript();
    let read: Vec<&str> = transcript
        .calls()
        .map(|call| call.line.as_str())
        .filter(|line| line.starts_with("blockdev"))
        .collect();
    assert_eq!(
        read,
        ["blockdev --rereadpt /dev/sda", "blockdev --rereadpt /dev/sdd"]
    );
}
