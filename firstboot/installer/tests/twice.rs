//! A machine that starts from the medium again with the answers that have installed it: nothing is written, and the
//! machine does not restart for ever.
#![allow(clippy::unwrap_used)]

mod fake;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fake::Machine;
use sigmavault_installer::answers::{self, Action};
use sigmavault_installer::execute::Execute;
use sigmavault_installer::execute::real::Real;
use sigmavault_installer::once::{Fingerprint, Given, Order};
use sigmavault_installer::recovery::live;
use sigmavault_installer::report::Verdict;
use sigmavault_installer::{inventory, unattended};

const ANSWERS: &str = "[system]\ndisk.serial = 'S-vda'\nconfirm = 'S-vda'\n[user]\nname = 'anna'\n\
                       password = 'correct horse'\n[finish]\naction = 'reboot'\non-failure = 'poweroff'\n";

/// One start of a machine from the medium.
struct Start {
    result: Verdict,
    root_hash: Option<String>,
    error: String,
    action: Action,
    printed: String,
    /// What was done to the machine, after it was read.
    done: String,
}

fn start(machine: &Machine, text: &str, given: Given) -> Start {
    let (site, _) = machine.site();
    let found = inventory::read(&site).unwrap();
    let (site, recorder) = machine.site();
    let execute: Arc<dyn Execute> = Arc::new(Real(site));
    let order = Order {
        given,
        answers: Fingerprint::of(text),
    };
    let (mut out, stop) = (Vec::new(), AtomicBool::new(false));
    let answers = answers::parse(text).unwrap();
    let (report, action) = unattended::install(
        &found,
        &answers,
        &order,
        &execute,
        &stop,
        &live::Left::new(None),
        &mut out,
    )
    .unwrap();
    Start {
        result: report.result,
        root_hash: report.root_hash,
        error: report.error.unwrap_or_default(),
        action,
        printed: String::from_utf8(out).unwrap(),
        done: recorder.transcript().without_output().to_string(),
    }
}

#[test]
fn answers_that_were_left_install_a_disk_once() {
    let machine = Machine::new();
    let first = start(&machine, ANSWERS, Given::Left);
    assert_eq!((first.result, first.action), (Verdict::Installed, Action::Reboot));
    assert!(
        first
            .done
            .contains("# replace /run/sigmavault/new-esp/sigmavault/answers\n#   answers "),
        "{}",
        first.done
    );

    let second = start(&machine, ANSWERS, Given::Left);
    assert_eq!(
        (second.result, second.action),
        (Verdict::AlreadyInstalled, Action::Wait)
    );
    assert_eq!(
        second.done,
        "$ lsblk --json --bytes --tree --output NAME,PATH,TYPE,SIZE,PARTLABEL /dev/vda\n\
         $ mount --types vfat --options ro /dev/vda1 /run/sigmavault/new-esp\n\
         $ umount /run/sigmavault/new-esp\n"
    );
    assert_eq!(second.root_hash, first.root_hash);
    assert!(second.root_hash.is_some());
    for said in [
        "These answers have installed vda  200 GB  virtio  Fake  S-vda already\n",
        "take the medium and the answers out",
        "\"result\":\"already-installed\",\"disk\":\"/dev/vda\",\"serial\":\"S-vda\"",
    ] {
        assert!(second.printed.contains(said), "no '{said}' in {}", second.printed);
    }

    let password = ANSWERS.replace("correct horse", "battery staple");
    let third = start(&machine, &password, Given::Left);
    assert_eq!(third.result, Verdict::AlreadyInstalled);

    let changed = format!("# once more\n{ANSWERS}");
    let fourth = start(&machine, &changed, Given::Left);
    assert_eq!(
        (fourth.result, fourth.action),
        (Verdict::Installed, Action::Reboot)
    );
    assert_eq!(
        start(&machine, &changed, Given::Left).result,
        Verdict::AlreadyInstalled
    );
}

#[test]
fn a_system_that_was_kept_is_marked_too() {
    let machine = Machine::new().installed();
    let keep = "[system]\ndisk.serial = 'S-vda'\nconfirm = 'S-vda'\nmode = 'keep-data'\n";
    let results = [(); 2].map(|()| start(&machine, keep, Given::Left).result);
    assert_eq!(results, [Verdict::Installed, Verdict::AlreadyInstalled]);
}

#[test]
fn answers_that_a_person_names_install_again() {
    let machine = Machine::new();
    let results =
        [Given::Left, Given::Named, Given::Left].map(|given| start(&machine, ANSWERS, given).result);
    assert_eq!(
        results,
        [Verdict::Installed, Verdict::Installed, Verdict::AlreadyInstalled]
    );
}

#[test]
fn an_installation_that_failed_is_tried_again() {
    let machine = Machine::new();
    let failed = start(&machine.clone().fails("target useradd"), ANSWERS, Given::Left);
    assert_eq!(
        (failed.result, failed.action),
        (Verdict::Failed, Action::Poweroff)
    );
    let again = start(&machine.fails("no such program"), ANSWERS, Given::Left);
    assert_eq!((again.result, again.action), (Verdict::Installed, Action::Reboot));
}

#[test]
fn a_system_that_cannot_be_asked_is_not_erased() {
    let machine = Machine::new();
    start(&machine, ANSWERS, Given::Left);
    let refused = start(&machine.fails("--options ro /dev/vda1"), ANSWERS, Given::Left);
    assert_eq!(
        (refused.result, refused.action),
        (Verdict::Refused, Action::Poweroff)
    );
    assert!(
        refused.error.starts_with("a system is on vda  200 GB") && refused.error.contains("\n  try: "),
        "{}",
        refused.error
    );
    assert!(!refused.done.contains("wipefs"), "{}", refused.done);
}
