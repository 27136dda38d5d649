//! The first start of a Raspberry Pi: without screens, and with power cuts.
#![allow(clippy::unwrap_used)]

mod fake;
mod started;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fake::Machine;
use sigmavault_installer::answers::{self, Action};
use sigmavault_installer::execute::Execute;
use sigmavault_installer::execute::real::Real;
use sigmavault_installer::once::{Fingerprint, Given, Order};
use sigmavault_installer::plan::{self, Confirmation};
use sigmavault_installer::recovery::live;
use sigmavault_installer::report::{MARK, Report, Verdict};
use sigmavault_installer::{inventory, unattended};

use started::{installer, text};

const ANSWERS: &str = "[user]\nname = 'anna'\npassword = 'correct horse'\n";
const MADE: [&str; 8] = [
    "boot",
    "boot-a",
    "boot-b",
    "root-a",
    "root-a-verity",
    "root-b",
    "root-b-verity",
    "state",
];

/// What one start of a machine does without questions, with answers on its disk.
fn start(machine: &Machine) -> (Report, Action) {
    let (site, _) = machine.site();
    let found = inventory::read(&site).unwrap();
    let execute: Arc<dyn Execute> = Arc::new(Real(site));
    let mut out = Vec::new();
    if let Some(ended) = unattended::end_setup(&found, &*execute, &mut out).unwrap() {
        return ended;
    }
    let order = Order {
        given: Given::Left,
        answers: Fingerprint::of(ANSWERS),
    };
    unattended::install(
        &found,
        &answers::parse(ANSWERS).unwrap(),
        &order,
        &execute,
        &AtomicBool::new(false),
        &live::Left::new(None),
        &mut out,
    )
    .unwrap()
}

/// Whether the next start is that of the system that was set up.
fn leaves_setup(machine: &Machine) -> bool {
    let line = machine.command_line("a");
    assert_eq!(
        line.contains("sigmavault.setup"),
        line.contains("sigmavault.live")
    );
    !line.contains("sigmavault.setup")
}

#[test]
fn it_restarts_into_the_system_that_was_set_up() {
    let machine = Machine::raspberry_pi();
    let (report, action) = start(&machine);
    assert_eq!((report.result, action), (Verdict::Installed, Action::Reboot));
    assert_eq!(report.disk.as_deref(), Some("/dev/mmcblk0"));
    assert_eq!(machine.card(), MADE);
    assert!(leaves_setup(&machine));
}

/// Whatever program is the last one that runs, the next start sets the disk up, or it is set up.
#[test]
fn a_cut_anywhere_is_made_good_by_the_next_start() {
    for last in [
        "sgdisk --move-second-header",
        "systemd-repart",
        "mount --types ext4",
        "target useradd",
        "umount /run/sigmavault/state",
        "umask=0077 /dev/mmcblk0p2",
        "umask=0077 /dev/mmcblk0p3",
        "umask=0077 /dev/mmcblk0p1",
        "umount /run/sigmavault/new-esp",
        "sgdisk --change-name",
        "udevadm trigger",
    ] {
        let machine = Machine::raspberry_pi().fails(last);
        let (report, action) = start(&machine);
        assert_eq!((report.result, action), (Verdict::Failed, Action::Wait), "{last}");
        assert!(!leaves_setup(&machine), "{last}");
        let machine = machine.fails("no such program");
        let (report, action) = start(&machine);
        assert_eq!(
            (report.result, action),
            (Verdict::Installed, Action::Reboot),
            "{last}"
        );
        assert_eq!(machine.card(), MADE, "{last}");
        assert!(leaves_setup(&machine), "{last}");
    }
}

#[test]
fn the_last_step_is_taken_without_answers() {
    let machine = Machine::raspberry_pi();
    start(&machine.clone().fails("udevadm trigger"));
    assert_eq!(machine.card(), MADE);
    let machine = machine.fails("umask=0077 /dev/mmcblk0p2");
    let (report, action) = start(&machine);
    assert_eq!((report.result, action), (Verdict::Failed, Action::Wait));
    let machine = machine.fails("no such program");
    let (site, recorder) = machine.site();
    let found = inventory::read(&machine.site().0).unwrap();
    let refusals =
        plan::build(&found, &answers::parse(ANSWERS).unwrap(), Confirmation::Required).unwrap_err();
    assert!(
        refusals[0].to_string().contains("was set up before"),
        "{refusals:?}"
    );
    let mut out = Vec::new();
    unattended::end_setup(&found, &Real(site), &mut out)
        .unwrap()
        .unwrap();
    assert!(leaves_setup(&machine));
    let done = recorder.transcript().without_output().to_string();
    let written: Vec<&str> = done.lines().filter(|line| line.starts_with("# ")).collect();
    assert_eq!(
        written.iter().map(|line| &line[..11]).collect::<Vec<_>>(),
        ["# overwrite", "#   console", "# read /run"],
        "{done}"
    );
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains(&format!("{MARK}{{\"result\":\"installed\"")),
        "{out}"
    );
}

#[test]
fn another_kernel_command_line_stops_it_before_anything_is_written() {
    let machine = Machine::raspberry_pi();
    machine.change_command_line("roothash=ab");
    let (report, _) = start(&machine);
    let error = report.error.unwrap();
    assert!(
        error.starts_with("the kernel command line on /dev/mmcblk0p2 cannot be changed: it does not start the root hash 1a72"),
        "{error}"
    );
    assert_eq!(machine.card(), MADE[..5]);
}

#[test]
fn plain_questions_of_a_setup() {
    let input =
        "de_DE.UTF-8\n\nnodead\nberlin\nno\nno\nvault\nyes\nada\n\nlong enough\nlong enough\nno\nyes\n\n";
    let arguments = ["--demo", "setup", "--plain", "--demo-milliseconds", "200"];
    let output = installer(&arguments, input);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    for said in [
        "SigmaVault NAS OS 0.1.0: This sets up SigmaVault NAS OS on the disk that this Raspberry Pi 5 Model B Rev 1.0 runs from: \
         mmcblk0  128 GB  mmc  SN128  0x4b1c22a9.\n",
        "Disk that is set up\n  mmcblk0  128 GB",
        "  partitions added: root-b 3.5 GiB, root-b-verity 60 MiB, state ",
        "Set mmcblk0 up now? (yes or no) [no]: ",
        "SigmaVault NAS OS 0.1.0 is set up on mmcblk0.\n",
    ] {
        assert!(out.contains(said), "no '{said}' in\n{out}");
    }
    let err = text(&output.stderr);
    assert!(
        err.contains("demonstration: the machine would restart now"),
        "{err}"
    );
}

#[test]
fn answers_are_checked_against_the_machine_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let printed = installer(&["--demo", "setup", "--print-machine"], "");
    assert_eq!(printed.status.code(), Some(0));
    fs::write(path("pi.json"), printed.stdout).unwrap();
    fs::write(path("answers.toml"), ANSWERS).unwrap();
    let check = || {
        installer(
            &[
                "--check-answers",
                &path("answers.toml"),
                "--machine",
                &path("pi.json"),
            ],
            "",
        )
    };
    let good = check();
    let out = text(&good.stdout);
    assert_eq!(good.status.code(), Some(0), "{out}\n{}", text(&good.stderr));
    assert!(
        out.contains("add partitions to /dev/mmcblk0: root-b 3.5 GiB"),
        "{out}"
    );
    let elsewhere = text(&installer(&["--check-answers", &path("answers.toml")], "").stdout);
    assert!(
        elsewhere.contains("for the first start of a Raspberry Pi, since they name no system disk"),
        "{elsewhere}"
    );
    fs::write(
        path("answers.toml"),
        format!("system.disk.serial = 'S1'\n{ANSWERS}"),
    )
    .unwrap();
    let refused = check();
    assert_eq!(refused.status.code(), Some(1));
    let err = text(&refused.stderr);
    assert!(
        err.contains("system.disk: does not match mmcblk0  128 GB"),
        "{err}"
    );
}

/// A recovery key beside the passphrase on the disk itself protects nothing, and whoever set it up must hear that.
#[test]
fn what_opens_the_disk_should_not_stay_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.toml");
    fs::write(
        &path,
        format!("{ANSWERS}[encryption]\npassphrase = 'battery staple'\n"),
    )
    .unwrap();
    let arguments = [
        "--demo",
        "setup",
        "--demo-milliseconds",
        "200",
        "--answers",
        path.to_str().unwrap(),
    ];
    let output = installer(&arguments, "");
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    assert!(
        out.contains("note: answers that are on the first partition of this disk show the passphrase"),
        "{out}"
    );
    assert!(!out.contains("battery"), "{out}");
}
