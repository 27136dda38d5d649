//! `sigmavault pool` and `plan` on a simulated machine: what is shown, asked and refused.

#![allow(clippy::unwrap_used)]

mod simulated;

use std::fs;
use std::process::Command;

use sigmavault_plan::digest;
use sigmavault_types::storage::{
    Dataset, DatasetKind, Disk, Job, JobState, Planned, Pool, Request, Risk, Snapshot, VdevKind,
};
use simulated::Machine;

#[test]
fn a_mirror_is_created_and_shown() {
    let machine = Machine::new();
    assert_eq!(
        machine.done(&["pool", "list"]),
        "Pools       none is imported; create one with: sigmavault pool create\n"
    );
    let output = machine.run(&["pool", "create", "tank", "sda", "/dev/sdb", "--yes"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Done.\n");
    let plan = String::from_utf8(output.stderr).unwrap();
    let (plan, digest) = plan.rsplit_once("Digest      ").unwrap();
    assert_eq!(digest.trim_end().len(), 64);
    assert_eq!(
        plan,
        "Steps       1. create pool tank of mirror of sda and sdb\n            2. mount tank\n\
         Commands    zpool create -o ashift=12 -o autotrim=off -O acltype=posix -O compression=lz4 -O dnodesize=auto -O \
         mountpoint=/srv/sigmavault/tank -O relatime=on -O xattr=sa -- tank mirror /dev/disk/by-id/ata-sda /dev/disk/by-id/ata-sdb\n\
         \x20           zfs mount -R -- tank\n\
         Touches     disk sda (wwn:0xsda)\n            disk sdb (wwn:0xsdb)\n            pool tank\n\
         Space       tank: 9.7 GiB usable\n\
         Redundancy  tank: 1 disk may fail\n\
         Risk        R3: disrupts or cannot be undone; loses nothing\n"
    );
    assert_eq!(
        machine.done(&["pool", "list"]),
        "Pools       tank  online  0 B of 9.7 GiB used  1 disk may fail\n"
    );
    let id = machine.read().world.pools[0].id;
    assert_eq!(
        machine.done(&["pool", "show", "tank"]),
        format!(
            "Pool        tank\n\
             GUID        {id}\n\
             State       online\n\
             Space       0 B of 9.7 GiB used\n            free space 0 % fragmented\n\
             Redundancy  1 disk may fail\n\
             Data        group-2 (mirror)     10 GiB   online\n\
             \x20             sda (Model S-sda)  10.7 GB  online  no errors\n\
             \x20             sdb (Model S-sdb)  10.7 GB  online  no errors\n\
             Scrubbed    never\n\
             Scrubs      never by themselves\n\
             Trims       never by themselves\n\
             Properties  ashift=12\n            autotrim=off\n"
        )
    );
    assert_eq!(
        machine.done(&["pool", "show", &id.to_string()]),
        machine.done(&["pool", "show", "tank"])
    );
    assert_eq!(
        machine
            .done(&["pool", "disks"])
            .lines()
            .skip(1)
            .step_by(3)
            .collect::<Vec<_>>(),
        [
            "            sdb  10.7 GB  sata  spinning  Model  wwn:0xsdb  pool tank",
            "            sde  10.7 GB  sata  spinning  Model  wwn:0xsde  holds ntfs",
        ]
    );
}

#[test]
fn json_is_that_of_the_types() {
    let machine = Machine::with_mirror();
    let pools: Vec<Pool> = machine.json(&["pool", "list"]);
    assert_eq!(pools, machine.read().world.pools);
    let pool: Pool = machine.json(&["pool", "show", "tank"]);
    assert_eq!(pool.vdevs[0].kind, VdevKind::Mirror);
    let disks: Vec<Disk> = machine.json(&["pool", "disks"]);
    assert_eq!(disks, machine.read().world.disks);

    let planned: Planned = machine.json(&["dataset", "create", "tank/a", "--dry-run"]);
    assert_eq!(planned.digest, digest(&planned.plan).unwrap().to_string());
    assert_eq!(planned.plan.risk, Risk::Undoable);
    let job: Job = machine.json(&["dataset", "create", "tank/a", "--yes"]);
    assert_eq!((job.state, job.done, job.total), (JobState::Succeeded, 2, 2));
    let datasets: Vec<Dataset> = machine.json(&["dataset", "list"]);
    assert_eq!(datasets, machine.read().world.datasets);
    let dataset: Dataset = machine.json(&["dataset", "show", "tank/a"]);
    assert_eq!(dataset.kind, DatasetKind::FileSystem);

    machine.done(&["snapshot", "create", "-r", "tank@a", "--yes"]);
    let snapshots: Vec<Snapshot> = machine.json(&["snapshot", "list", "tank", "-r"]);
    let names: Vec<&str> = snapshots.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["tank@a", "tank/a@a"]);
    let snapshots: Vec<Snapshot> = machine.json(&["snapshot", "list", "tank/a"]);
    assert_eq!(snapshots.len(), 1);
}

#[test]
fn a_dry_run_leaves_the_machine_as_it_is() {
    let machine = Machine::with_mirror();
    machine.done(&["dataset", "create", "tank/a", "--yes"]);
    let before = fs::read(&machine.file).unwrap();
    for arguments in [
        &["pool", "destroy", "tank"][..],
        &["pool", "add", "tank", "sdc", "sdd"],
        &["pool", "scrub", "tank"],
        &["dataset", "set", "tank/a", "quota=1G"],
        &["snapshot", "create", "tank/a@x"],
        &[
            "policy",
            "set",
            "p",
            "--datasets",
            "tank",
            "--every",
            "day",
            "--daily",
            "2",
        ],
    ] {
        let shown = machine.done(&[arguments, &["--dry-run"]].concat());
        assert!(shown.starts_with("Steps       1. "), "{shown}");
        assert!(fs::read(&machine.file).unwrap() == before, "{arguments:?}");
    }
    let shown = machine.done(&["pool", "add", "tank", "sdc", "sdd", "--dry-run"]);
    assert!(
        shown.contains(
            "Space       tank: 9.7 GiB usable now, 19.4 GiB afterwards\nRedundancy  tank: 1 disk may fail, as before\n"
        ),
        "{shown}"
    );
    // Nothing is left beside the file either.
    assert_eq!(fs::read_dir(machine.file.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn what_destroys_takes_the_name_and_never_yes() {
    let machine = Machine::with_mirror();
    machine.done(&["dataset", "create", "tank/a", "--yes"]);
    machine.done(&["snapshot", "create", "tank/a@x", "--yes"]);
    machine.done(&["snapshot", "create", "tank/a@y", "--yes"]);
    assert_eq!(
        machine.refused(&["snapshot", "rollback", "tank/a@x", "--yes"]),
        "sigmavault: nothing was changed: this destroys data, and nobody is there to type 'tank/a'; approve it with \
         --confirm tank/a, or look at it with --dry-run"
    );
    assert_eq!(
        machine.refused(&["pool", "destroy", "tank", "--confirm", "tnk"]),
        "sigmavault: nothing was changed: 'tnk' is not 'tank'"
    );
    assert_eq!(
        machine.refused(&["pool", "destroy", "tank", "--confirm", "-tank"]),
        "sigmavault: nothing was changed: '-tank' is not 'tank'"
    );
    // Below R4 somebody has to say yes.
    assert_eq!(
        machine.refused(&["pool", "scrub", "tank"]),
        "sigmavault: nothing was changed: nobody is there to ask; approve it with --yes, or look at it with --dry-run"
    );
    // A question would be no JSON.
    assert_eq!(
        machine.refused(&["pool", "scrub", "tank", "--json"]),
        "sigmavault: nothing was changed: nobody is there to ask; approve it with --yes, or look at it with --dry-run"
    );

    let output = machine.run(&["snapshot", "rollback", "tank/a@x", "--confirm", "tank/a"]);
    let plan = String::from_utf8(output.stderr).unwrap();
    assert!(
        plan.contains(
            "LOST        what was written to tank/a since the snapshot\n            snapshot tank/a@y, 0 B\n"
        ),
        "{plan}"
    );
    assert!(
        plan.contains("Risk        R4: destroys data\nConfirm     type tank/a\n"),
        "{plan}"
    );
    let snapshots = machine.read().world.snapshots;
    assert_eq!(
        snapshots.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["tank/a@x"]
    );
    machine.done(&["pool", "destroy", "tank", "--confirm", "tank"]);
    assert_eq!(machine.read().world.pools, []);
}

#[test]
fn names_that_are_unknown_or_ambiguous_give_choices() {
    let machine = Machine::with_mirror();
    for (arguments, expected) in [
        (
            &["pool", "show", "tnak"][..],
            "there is no pool 'tnak'; there are: tank",
        ),
        (
            &["pool", "show", "--", "-tank"],
            "there is no pool '-tank'; there are: tank",
        ),
        (
            &["pool", "show", " tank"],
            "there is no pool ' tank'; there are: tank",
        ),
        (
            &["pool", "import", "tank", "--yes"],
            "there is no pool to import 'tank'; there is none",
        ),
        (
            &["pool", "create", "ice", "sdx", "--yes"],
            "there is no disk 'sdx'; there are: sda, sdb, sdc, sdd, sde, sdf",
        ),
        (
            &["pool", "offline", "tank", "sdc", "--yes"],
            "there is no device 'sdc'; there are: sda, sdb",
        ),
        (
            &["dataset", "show", "tank/a"],
            "there is no dataset 'tank/a'; there are: tank",
        ),
        (
            &["snapshot", "rollback", "tank@a", "--confirm", "tank"],
            "there is no snapshot 'tank@a'; there is none",
        ),
        (
            &["policy", "show", "daily"],
            "there is no policy 'daily'; there is none",
        ),
        // What the planner refuses.
        (
            &["pool", "create", "ice", "sdc", "sde", "--yes"],
            "disk wwn:0xsde is not empty: ntfs; say that it may be erased, or take another one",
        ),
        (
            &["dataset", "create", "tank/ a", "--yes"],
            "' a' begins or ends with a space",
        ),
    ] {
        assert_eq!(
            machine.refused(arguments),
            format!("sigmavault: {expected}"),
            "{arguments:?}"
        );
    }
    // Names that begin with a dash behind the pool's are like any other.
    machine.done(&["dataset", "create", "tank/-x y", "--yes"]);
    machine.done(&["snapshot", "create", "tank/-x y@-z", "--yes"]);
    assert_eq!(machine.read().world.snapshots[0].name, "tank/-x y@-z");

    // Two pools with one name, both exported.
    machine.done(&["pool", "export", "tank", "--yes"]);
    assert_eq!(
        machine.refused(&["pool", "scrub", "tank", "--yes"]),
        "sigmavault: pool tank is not imported; import it with: sigmavault pool import tank"
    );
    machine.done(&["pool", "create", "tank", "sdc", "sdd", "--yes"]);
    machine.done(&["pool", "export", "tank", "--yes"]);
    let ids: Vec<String> = machine
        .read()
        .world
        .pools
        .iter()
        .map(|pool| pool.id.to_string())
        .collect();
    assert_eq!(
        machine.refused(&["pool", "import", "tank", "--yes"]),
        format!(
            "sigmavault: 'tank' can mean several things; name one of: {} (a pool tank), {} (a pool tank)",
            ids[0], ids[1]
        )
    );
    machine.done(&["pool", "import", &ids[0], "--yes"]);
    assert_eq!(
        machine.json::<Pool>(&["pool", "show", "tank"]).id.to_string(),
        ids[0]
    );
}

#[test]
fn names_do_not_act_on_the_terminal() {
    let machine = Machine::with_mirror();
    let mut simulator = machine.read();
    simulator.world.disks[2].model = Some("\u{1b}[2J".to_owned());
    simulator.world.pools[0].name = "t\u{202e}\n".to_owned();
    simulator.world.pools[0].damaged = vec!["/srv/\u{1b}]0;x\u{7}".to_owned()];
    machine.write(&simulator);
    let deceptive = ['\u{1b}', '\u{7}', '\u{202e}'];
    let name = "t\u{202e}\n";
    let shown = machine.done(&["pool", "show", name]);
    assert!(shown.starts_with("Pool        t\\u{202e}\\n\nGUID "), "{shown}");
    assert!(shown.contains("Damaged     /srv/\\u{1b}]0;x\\u{7}\n"), "{shown}");
    for arguments in [
        &["pool", "show", name][..],
        &["pool", "list"],
        &["pool", "disks"],
        &["pool", "disks", "--json"],
        &["pool", "destroy", name, "--dry-run"],
        &["pool", "destroy", name, "--dry-run", "--json"],
    ] {
        let shown = machine.done(arguments);
        assert!(!shown.contains(deceptive), "{arguments:?}: {shown}");
    }
    let error = machine.refused(&["pool", "show", "x\u{1b}[2J"]);
    assert_eq!(
        error,
        "sigmavault: there is no pool 'x\\u{1b}[2J'; there are: t\\u{202e}\\n"
    );
}

#[test]
fn disks_come_and_go() {
    let machine = Machine::with_mirror();
    // What holds something is erased only when that is said, and the name is typed.
    let erase = ["pool", "replace", "tank", "ata-sda", "sde", "--erase"];
    assert_eq!(
        machine.refused(&[&erase[..], &["--yes"]].concat()),
        "sigmavault: nothing was changed: this destroys data, and nobody is there to type 'tank'; approve it with --confirm \
         tank, or look at it with --dry-run"
    );
    machine.done(&[&erase[..], &["--confirm", "tank"]].concat());
    let kernel_names = |pool: &Pool| -> Vec<String> {
        let world = machine.read().world;
        let devices = pool.vdevs.iter().flat_map(|vdev| vdev.devices());
        devices
            .filter_map(|device| Some(world.disk(device.disk.as_ref()?)?.name.clone()))
            .collect()
    };
    let pool = || machine.json::<Pool>(&["pool", "show", "tank"]);
    assert_eq!(kernel_names(&pool()), ["sde", "sdb"]);
    machine.done(&["pool", "attach", "tank", "sde", "wwn:0xsdc", "--yes"]);
    assert_eq!(kernel_names(&pool()).len(), 3);
    machine.done(&["pool", "detach", "tank", "sde", "--yes"]);
    assert_eq!(kernel_names(&pool()), ["sdb", "sdc"]);
    machine.done(&["pool", "offline", "tank", "sdb", "--yes"]);
    let shown = machine.done(&["pool", "show", "tank"]);
    assert!(
        shown.contains("State       degraded: a device below it does not work\n"),
        "{shown}"
    );
    assert!(shown.contains("offline: it was taken out of use"), "{shown}");
    assert!(shown.contains("Redundancy  no disk may fail\n"), "{shown}");
    machine.done(&["pool", "online", "tank", "sdb", "--yes"]);
    machine.done(&["pool", "add", "tank", "sdd", "--class", "spare", "--yes"]);
    assert!(
        machine
            .done(&["pool", "show", "tank"])
            .contains("\nSpares      sdd (Model S-sdd)  ")
    );
    machine.done(&["pool", "remove", "tank", "sdd", "--yes"]);
    assert_eq!(kernel_names(&pool()), ["sdb", "sdc"]);
}

#[test]
fn plans_are_verified_and_made() {
    let machine = Machine::with_mirror();
    let planned = machine.done(&["pool", "destroy", "tank", "--dry-run", "--json"]);
    let file = machine.file.with_file_name("plan.json");
    let path = file.to_str().unwrap();
    fs::write(&file, &planned).unwrap();
    let shown = machine.done(&["plan", "show", path]);
    assert!(
        shown.starts_with("Steps       1. unmount tank\n            2. destroy pool tank\n"),
        "{shown}"
    );
    assert_eq!(
        machine.json::<Planned>(&["plan", "show", path]),
        serde_json::from_str(&planned).unwrap()
    );
    // Without its digest the plan gets it.
    let whole: Planned = serde_json::from_str(&planned).unwrap();
    fs::write(&file, serde_json::to_vec(&whole.plan).unwrap()).unwrap();
    assert_eq!(
        machine.json::<Planned>(&["plan", "show", path]).digest,
        whole.digest
    );
    // A changed plan is not believed.
    let mut changed = whole.clone();
    changed.plan.risk = Risk::Harmless;
    let is = digest(&changed.plan).unwrap();
    fs::write(&file, serde_json::to_vec(&changed).unwrap()).unwrap();
    assert_eq!(
        machine.refused(&["plan", "show", path]),
        format!(
            "sigmavault: do not trust this plan: its digest is {is}, and it says {}",
            whole.digest
        )
    );
    let pool = machine.read().world.pools[0].id;
    let request = Request::PoolDestroy { pool };
    fs::write(&file, serde_json::to_vec(&request).unwrap()).unwrap();
    assert_eq!(machine.json::<Planned>(&["plan", "make", path]), whole);
    fs::write(&file, "{}").unwrap();
    let error = machine.refused(&["plan", "make", path]);
    assert!(
        error.starts_with(&format!("sigmavault: {path} is no request: ")),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_machine_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("machine.json");
    let run = || {
        let output = Command::new(env!("CARGO_BIN_EXE_sigmavault"))
            .args(["pool", "list", "--simulate"])
            .arg(&file)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let begins = format!(
        "sigmavault: cannot read the simulated machine {}: ",
        file.display()
    );
    let ends = "; it is a file such as {\"world\": {\"disks\": []}}\n";
    for text in [None, Some("{"), Some("{\"wrong\": 1}")] {
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let error = run();
        assert!(error.starts_with(&begins) && error.ends_with(ends), "{error}");
    }
}
