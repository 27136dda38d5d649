use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use sigmavault_facts::Files;
use sigmavault_host::run::{Invocation, Output, Scripted};

use super::*;
use crate::machine::{Contents, Holder, StopBy};

/// A machine with one disk, whose marks lsblk prints as they are set.
struct Machine {
    _folder: tempfile::TempDir,
    node: PathBuf,
    /// What lsblk prints, the last of it from then on.
    printed: Arc<Mutex<Vec<String>>>,
    site: Site,
}

const PRINTED: &str = r#"{"blockdevices": [{"path":"/dev/sdb", "size":4000787030016, "model":"ST4000NM0025    ",
    "serial":"ZC10A1B2", "wwn":"0x5000c500a6d8e2b3"}]}"#;

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("dev")).unwrap();
        let node = folder.path().join("dev/sdb");
        fs::write(&node, "").unwrap();
        let printed = Arc::new(Mutex::new(vec![PRINTED.to_owned()]));
        let now = Arc::clone(&printed);
        let run = Scripted(move |invocation: &Invocation| {
            let mut now = now.lock().unwrap();
            Output::success(match invocation.program().to_str() {
                Some("lsblk") if now.len() > 1 => now.remove(0),
                Some("lsblk") => now[0].clone(),
                _ => String::new(),
            })
        });
        Self {
            site: Site::new(Arc::new(run), Files::new(folder.path()), Arc::new(|_| {})),
            node,
            printed,
            _folder: folder,
        }
    }

    fn prints(&self, was: &str, now: &str) {
        *self.printed.lock().unwrap() = vec![PRINTED.replace(was, now)];
    }
}

fn disk() -> Disk {
    Disk {
        name: "sdb".into(),
        path: "/dev/sdb".into(),
        links: Vec::new(),
        model: "ST4000NM0025".into(),
        serial: Some("ZC10A1B2".into()),
        wwn: Some("0x5000c500a6d8e2b3".into()),
        subsystem: None,
        paths: Vec::new(),
        bus: "sas".into(),
        bytes: 4_000_787_030_016,
        rotational: true,
        sector: 512,
        in_use: None,
        holders: Vec::new(),
        contents: Contents::Empty,
    }
}

#[test]
fn another_disk_under_the_name_is_not_written() {
    let machine = Machine::new();
    let mut held = Held::take(&machine.site, &[disk()]).unwrap();
    held.check(&machine.site, &disk()).unwrap();
    for (was, now) in [
        ("ZC10A1B2", "ZC10A1KP"),
        ("a6d8e2b3", "a6d8f017"),
        ("ST4000NM0025", "ST4000NM0035"),
        ("4000787030016", "4000787030017"),
        ("\"ZC10A1B2\"", "null"),
        ("/dev/sdb", "/dev/sdc"),
    ] {
        machine.prints(was, now);
        for result in [
            held.check(&machine.site, &disk()),
            held.hand_over(&machine.site, &disk()),
        ] {
            assert_eq!(
                result.unwrap_err().to_string(),
                "sdb  4.00 TB  sas  ST4000NM0025  ZC10A1B2 is no longer there\n  try: start the installer again and look at the \
                 disks",
                "{now}"
            );
        }
        assert!(matches!(held.disks[0].claim, Claim::Holds { .. }), "{now}");
    }
    machine.prints("", "");
    held.hand_over(&machine.site, &disk()).unwrap();
    assert!(matches!(held.disks[0].claim, Claim::Over));
}

#[test]
fn a_disk_that_does_not_answer_for_a_moment_is_looked_at_again() {
    let machine = Machine::new();
    let held = Held::take(&machine.site, &[disk()]).unwrap();
    let silent = PRINTED.replace("\"ZC10A1B2\"", "null");
    *machine.printed.lock().unwrap() = vec![silent.clone(), silent, PRINTED.to_owned()];
    held.check(&machine.site, &disk()).unwrap();
}

#[test]
fn another_device_under_the_name_is_not_written() {
    let machine = Machine::new();
    let held = Held::take(&machine.site, &[disk()]).unwrap();
    fs::remove_file(&machine.node).unwrap();
    assert!(matches!(
        held.check(&machine.site, &disk()),
        Err(ExecuteError::Gone { .. })
    ));
    fs::write(&machine.node, "").unwrap();
    assert!(matches!(
        held.check(&machine.site, &disk()),
        Err(ExecuteError::Gone { .. })
    ));
}

#[test]
fn a_disk_that_changed_before_it_was_held_is_refused() {
    let machine = Machine::new();
    machine.prints("ZC10A1B2", "ZC10A1KP");
    assert!(matches!(
        Held::take(&machine.site, &[disk()]),
        Err(ExecuteError::Gone { .. })
    ));
}

#[test]
fn nothing_is_written_to_a_disk_that_was_not_checked() {
    let machine = Machine::new();
    assert!(matches!(
        Held::default().hand_over(&machine.site, &disk()),
        Err(ExecuteError::OutOfOrder(_))
    ));
}

#[test]
fn a_disk_is_claimed_once_nothing_runs_on_it() {
    let machine = Machine::new();
    let busy = Disk {
        holders: vec![Holder {
            name: "md127".into(),
            path: "/dev/md127".into(),
            kind: "raid1".into(),
            stop: StopBy::Mdadm,
            disks: vec!["sdb".into()],
            contents: String::new(),
        }],
        ..disk()
    };
    let mut held = Held::take(&machine.site, &[busy]).unwrap();
    assert!(matches!(held.disks[0].claim, Claim::Waits));
    held.claim_free(&machine.site).unwrap();
    assert!(matches!(held.disks[0].claim, Claim::Holds { .. }));
}

#[test]
fn every_path_to_a_disk_is_claimed() {
    let machine = Machine::new();
    let two = Disk {
        paths: vec!["/dev/sdd".into()],
        ..disk()
    };
    let gone = Held::take(&machine.site, std::slice::from_ref(&two)).unwrap_err();
    assert!(gone.to_string().starts_with("cannot claim /dev/sdd: "), "{gone}");
    fs::write(machine.node.with_file_name("sdd"), "").unwrap();
    let held = Held::take(&machine.site, &[two]).unwrap();
    let Claim::Holds { _files: files } = &held.disks[0].claim else {
        panic!("{held:?}");
    };
    assert_eq!(files.len(), 2);
}
