//! Every screen, as it is on a terminal of 80 columns and 24 lines, on machines of the demonstration.
#![allow(clippy::unwrap_used)]

mod screen;

use std::time::Duration;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use screen::{PLAIN, RICH, Screen};
use sigmavault_installer::answers::{Action, Keyboard, Mode};
use sigmavault_installer::demo::Scenario;
use sigmavault_installer::execute::ExecuteError;
use sigmavault_installer::once::{Fingerprint, Mark};
use sigmavault_installer::progress::{Event, Outcome, Step};
use sigmavault_installer::report::Report;
use sigmavault_installer::show;
use sigmavault_installer::ui::Request;
use sigmavault_types::storage::WantedLayout;

const SERIAL: &str = "S5GXNX0R401382F";
const GIB: u64 = 1 << 30;

#[test]
fn welcome() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    assert_snapshot!("welcome", screen.text());
    assert_snapshot!("welcome_ascii", Screen::new(Scenario::Empty, PLAIN).text());
    screen.press(KeyCode::F(1));
    assert_snapshot!("welcome_help", screen.text());
    screen.press(KeyCode::Esc).press(KeyCode::Esc);
    assert_snapshot!("welcome_leave", screen.text());
    screen
        .press(KeyCode::Char('n'))
        .assert_lacks("Leave the installer?");
    screen.control('c').press(KeyCode::Char('y'));
    assert_eq!(screen.requests, [Request::Leave]);
}

#[test]
fn keyboard_and_time_zone_follow_the_language() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.write("german (d").enter();
    assert_snapshot!("keyboard", screen.text());
    screen
        .press(KeyCode::Tab)
        .press(KeyCode::Down)
        .press(KeyCode::Tab)
        .write("zyx");
    assert_snapshot!("keyboard_try", screen.text());
    screen.enter();
    let keyboard = |variant: Option<&str>| {
        Request::Keyboard(Keyboard {
            layout: "de".to_owned(),
            variant: variant.map(str::to_owned),
            latin: None,
        })
    };
    assert_eq!(screen.requests, [keyboard(None), keyboard(Some("nodeadkeys"))]);
    assert_snapshot!("time_zone", screen.text());
    screen.write("berl");
    assert_snapshot!("time_zone_search", screen.text());
}

#[test]
fn system_disk() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.reach_disks();
    assert_snapshot!("disk", screen.text());
    screen.press(KeyCode::End).enter();
    assert_snapshot!("disk_medium", screen.text());
    screen.press(KeyCode::Up).enter();
    assert_snapshot!("mode_foreign", screen.text());
    screen.press(KeyCode::Esc).assert_shows("sdd  4.00 TB");
}

#[test]
fn many_disks_scroll() {
    let mut screen = Screen::new(Scenario::ManyDisks, PLAIN);
    screen
        .reach_disks()
        .press(KeyCode::PageDown)
        .press(KeyCode::PageDown);
    assert_snapshot!("disk_many_ascii", screen.text());
    screen.press(KeyCode::End).press(KeyCode::Up);
    screen.assert_shows("It cannot be chosen: it is part of the imported pool");
    screen.press(KeyCode::Home).enter().enter();
    screen
        .press(KeyCode::Down)
        .press(KeyCode::Tab)
        .press(KeyCode::Tab)
        .press(KeyCode::End);
    assert_snapshot!("pool_many_ascii", screen.text());
}

#[test]
fn encryption() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.reach_disks().enter();
    assert_snapshot!("encryption_none", screen.text());
    screen
        .press(KeyCode::Down)
        .enter()
        .write("short")
        .enter()
        .write("other")
        .times(3, KeyCode::Enter);
    assert_snapshot!("encryption_short", screen.text());
    screen
        .control('u')
        .write("correct horse battery")
        .times(4, KeyCode::Enter);
    screen.assert_shows("! The two passphrases differ.");
    screen
        .control('u')
        .write("correct horse battery")
        .times(3, KeyCode::Enter);
    screen.assert_shows("Data pool").press(KeyCode::Esc);
    assert_snapshot!("encryption_kept", screen.text());
}

#[test]
fn a_tpm_asks_for_a_pin() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.reach_disks().enter();
    screen
        .press(KeyCode::Down)
        .enter()
        .write("correct horse battery")
        .enter()
        .write("correct horse battery")
        .times(2, KeyCode::Enter)
        .press(KeyCode::Char(' '))
        .assert_lacks("Recovery key")
        .enter();
    assert_snapshot!("encryption_tpm", screen.text());
    screen.write("123456").assert_shows("Weak: among the first");
    screen.control('u').write("2718").enter().write("2718").enter();
    screen.assert_shows("! PIN is too short: give at least 6 characters");
    screen.control('u').write("271828").times(2, KeyCode::Enter);
    screen.assert_shows("! The two PINs differ.");
    screen.control('u').write("271828").enter();
    screen.assert_shows("Data pool").press(KeyCode::Esc);
    screen.assert_shows("Fair, since the TPM limits guesses.").enter();
}

#[test]
fn what_happened_before_the_screens_is_shown_first() {
    let disk = Scenario::Reinstall.machine().disks[0].clone();
    let mark = Mark {
        answers: Fingerprint::of("a = 1"),
        root_hash: "0a".repeat(32),
    };
    let mut screen = Screen::new(Scenario::Reinstall, RICH);
    screen
        .app
        .say_before(show::ending(&Report::already_installed(&disk, &mark)));
    assert_snapshot!("before", screen.text());
    screen.enter().assert_shows(" Welcome ").assert_lacks("answers");
    let exposed = Report::unreadable(&"the answers hold user.password\n  try: a stick");
    screen.app.say_before(show::ending(&exposed));
    screen
        .assert_shows("Nothing was written: the answers")
        .assert_shows("the answers hold user.password")
        .assert_shows("try: a stick");
}

#[test]
fn a_machine_without_tpm_is_not_asked_about_it() {
    let mut screen = Screen::new(Scenario::OneDisk, RICH);
    screen.reach_disks().enter().press(KeyCode::Down);
    screen.assert_shows("Recovery key").assert_lacks("TPM");
}

#[test]
fn pool() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.reach_disks().enter().enter();
    assert_snapshot!("pool_none", screen.text());
    screen.press(KeyCode::Down);
    assert_snapshot!("pool_suggested", screen.text());
    screen
        .times(2, KeyCode::Enter)
        .press(KeyCode::End)
        .press(KeyCode::Char(' '));
    assert_snapshot!("pool_asks", screen.text());
    screen.press(KeyCode::Enter).assert_shows("[ ] sdd");
    screen
        .press(KeyCode::Char(' '))
        .press(KeyCode::Char('y'))
        .enter()
        .press(KeyCode::Right);
    assert_snapshot!("pool_other_layout", screen.text());
    screen.enter().assert_shows("Host name");
    screen
        .press(KeyCode::Esc)
        .assert_shows("[x] sdd")
        .assert_shows("< mirror,");
}

#[test]
fn parts_of_one_drive_and_old_arrays_are_said_to_be_such() {
    let mut screen = Screen::new(Scenario::UsedDisks, RICH);
    screen.reach_disks().enter().enter().press(KeyCode::Down);
    // One namespace and the disk with two paths.
    screen
        .assert_shows("[x] nvme1n1")
        .assert_shows("[ ] nvme1n2")
        .assert_shows("[x] sda")
        .assert_shows("< mirror,");
    screen
        .times(2, KeyCode::Enter)
        .press(KeyCode::Down)
        .press(KeyCode::Char(' '))
        .assert_shows("< stripe,")
        .assert_shows("nvme1n1 and nvme1n2 are namespaces of one drive (2237396AB1C2)");
    screen
        .press(KeyCode::Char(' '))
        .press(KeyCode::End)
        .press(KeyCode::Char(' '))
        .assert_shows("sdb, holds \"photos\" (ext4)) runs on it and would be stopped.");
    screen.press(KeyCode::Char('y')).assert_shows("< raidz1,");
}

#[test]
fn a_pool_of_no_disk_or_of_a_wrong_name_is_refused() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen
        .reach_disks()
        .enter()
        .enter()
        .press(KeyCode::Down)
        .press(KeyCode::Tab);
    screen.control('u').write("mirror").press(KeyCode::Tab);
    for _ in 0..3 {
        screen.press(KeyCode::Char(' ')).press(KeyCode::Down);
    }
    screen.assert_shows("No disk is chosen.").times(2, KeyCode::Enter);
    screen.assert_shows("! Choose at least one disk with Space, or no pool.");
    screen
        .press(KeyCode::Home)
        .press(KeyCode::Char(' '))
        .times(2, KeyCode::Enter);
    screen.assert_shows("! 'mirror' means something else to ZFS");
}

#[test]
fn network() {
    let mut screen = Screen::new(Scenario::OneDisk, RICH);
    screen.reach_disks().enter().enter();
    assert_snapshot!("network", screen.text());
    screen.control('u').write("my nas").enter().press(KeyCode::Down);
    screen
        .enter()
        .enter()
        .write("10.0.0.1")
        .enter()
        .write("router")
        .enter()
        .write("10.0.0.2 x")
        .enter();
    assert_snapshot!("network_wrong", screen.text());
    screen
        .control('u')
        .write("nas")
        .times(3, KeyCode::Enter)
        .write("/24");
    screen
        .enter()
        .control('u')
        .write("10.0.0.254")
        .enter()
        .control('u')
        .write("10.0.0.2 9.9.9.9")
        .enter();
    screen.assert_shows("Administrator").fill_user();
    screen.press(KeyCode::PageDown);
    screen.assert_shows("host name nas, 10.0.0.1/24 on enp1s0, router 10.0.0.254");
}

#[test]
fn user() {
    let mut screen = Screen::new(Scenario::OneDisk, RICH);
    screen.reach_user();
    assert_snapshot!("user", screen.text());
    screen
        .write("Ada")
        .enter()
        .enter()
        .write("secret")
        .enter()
        .enter()
        .enter();
    assert_snapshot!("user_wrong", screen.text());
}

#[test]
fn summary_and_its_confirmation() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.reach_user().fill_user();
    assert_snapshot!("summary", screen.text());
    screen.enter();
    screen.assert_shows(&format!("! Nothing is done before {SERIAL} is typed."));
    for wrong in ["nvme0n1", "s5gxnx0r401382f", "WD-WCC7K1AA0001"] {
        screen.control('u').write(wrong).enter();
        screen.assert_shows(&format!("! That is not {SERIAL}. Nothing was done."));
    }
    assert_eq!(screen.requests, [Request::Keyboard(Keyboard::default())]);
    assert_snapshot!("summary_wrong", screen.text());
    screen.control('u').write(SERIAL).enter();
    let plan = screen.plan();
    assert_eq!(
        (plan.disk.name.as_str(), plan.mode, plan.pool),
        ("nvme0n1", Mode::Erase, None)
    );
    screen.assert_shows(" Installation ");
}

#[test]
fn the_summary_of_a_pool_says_what_is_lost() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen
        .reach_disks()
        .enter()
        .enter()
        .press(KeyCode::Down)
        .times(2, KeyCode::Tab);
    screen
        .press(KeyCode::End)
        .press(KeyCode::Char(' '))
        .press(KeyCode::Char('y'))
        .enter()
        .enter();
    screen.enter().enter().fill_user();
    assert_snapshot!("summary_pool", screen.text());
    screen.press(KeyCode::PageDown);
    assert_snapshot!("summary_pool_end", screen.text());
    screen.write(SERIAL).enter();
    let pool = screen.plan().pool.unwrap();
    let disks: Vec<&str> = pool.disks.iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!(
        (pool.layout.kind, disks),
        (WantedLayout::Raidz2, vec!["sda", "sdb", "sdc", "sdd"])
    );
}

#[test]
fn data_can_be_kept() {
    let mut screen = Screen::new(Scenario::Reinstall, RICH);
    screen.reach_disks().enter();
    assert_snapshot!("mode_keep", screen.text());
    screen.enter();
    assert_snapshot!("summary_keep", screen.text());
    screen.write(SERIAL).enter();
    let plan = screen.plan();
    assert_eq!((plan.mode, plan.settings), (Mode::KeepData, None));
    screen.run();
    assert_snapshot!("done_keep", screen.text());
}

#[test]
fn what_was_chosen_for_one_disk_does_not_hold_for_another() {
    let mut screen = Screen::new(Scenario::Reinstall, RICH);
    screen.reach_disks().enter().enter().assert_shows(" Summary ");
    screen
        .press(KeyCode::Esc)
        .press(KeyCode::Esc)
        .assert_shows(" System disk ");
    screen.press(KeyCode::Down).enter().assert_shows(" Encryption ");
}

#[test]
fn a_half_done_installation_is_named() {
    let mut screen = Screen::new(Scenario::HalfDone, RICH);
    screen.reach_disks().assert_shows("half-done").enter();
    assert_snapshot!("mode_half_done", screen.text());
    screen.press(KeyCode::Down).enter().assert_shows(" Encryption ");
}

#[test]
fn refusals_that_no_answer_can_mend_come_first() {
    for (scenario, name) in [
        (Scenario::Bios, "refused_bios"),
        (Scenario::LowMemory, "refused_memory"),
        (Scenario::NoDisk, "refused_no_disk"),
    ] {
        assert_snapshot!(name, Screen::new(scenario, RICH).text());
    }
    let mut screen = Screen::new(Scenario::NoDisk, RICH);
    screen.enter();
    assert_eq!(screen.requests, [Request::Look]);
    screen.app.look_at(Scenario::OneDisk.machine());
    screen.assert_shows(" Welcome ");
}

#[test]
fn progress() {
    for (look, name) in [(RICH, "progress"), (PLAIN, "progress_ascii")] {
        let mut screen = Screen::new(Scenario::Empty, look);
        screen.reach_user().fill_user().write(SERIAL).enter();
        screen.tell(&[
            Event::Began {
                step: Step::Check,
                bytes: None,
            },
            Event::Done {
                step: Step::Check,
                elapsed: Duration::from_millis(400),
                said: String::new(),
            },
            Event::Began {
                step: Step::Partition,
                bytes: None,
            },
            Event::Note {
                text: "an older partition table was found and removed".to_owned(),
            },
            Event::Done {
                step: Step::Partition,
                elapsed: Duration::from_secs(3),
                said: "6 partitions".to_owned(),
            },
            Event::Began {
                step: Step::CopyA,
                bytes: Some(2 * GIB),
            },
            Event::Bytes {
                step: Step::CopyA,
                done: GIB / 2,
                total: 2 * GIB,
                elapsed: Duration::from_secs(4),
            },
        ]);
        screen.app.clock(Duration::from_secs(8));
        assert_snapshot!(name, screen.text());
    }
}

#[test]
fn stopping_asks_first() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.reach_user().fill_user().write(SERIAL).enter().control('c');
    assert_snapshot!("stop_asks", screen.text());
    screen.press(KeyCode::Char('n'));
    assert!(!screen.requests.contains(&Request::Stop));
    screen
        .control('c')
        .press(KeyCode::Char('y'))
        .assert_shows("Stopping at the next safe point");
    assert_eq!(screen.requests.last(), Some(&Request::Stop));
    screen.app.ended(Err(ExecuteError::Stopped));
    screen
        .assert_shows("Not installed")
        .assert_shows("Stopped as asked");
}

#[test]
fn the_recovery_key_is_shown_once() {
    for (look, name) in [(RICH, "recovery_key"), (PLAIN, "recovery_key_ascii")] {
        let mut screen = Screen::new(Scenario::OneDisk, look);
        screen
            .reach_disks()
            .enter()
            .press(KeyCode::Down)
            .enter()
            .write("correct horse battery");
        screen
            .enter()
            .write("correct horse battery")
            .enter()
            .enter()
            .times(2, KeyCode::Enter);
        screen.fill_user().write(SERIAL).enter().run();
        assert_snapshot!(name, screen.text());
        screen
            .enter()
            .assert_shows("Is it in a safe place?")
            .press(KeyCode::Char('n'));
        screen
            .assert_lacks("Is it in a safe place?")
            .assert_shows("cbdefghi-");
        screen
            .enter()
            .press(KeyCode::Char('y'))
            .assert_shows(" Done ")
            .assert_lacks("cbdefghi");
    }
}

#[test]
fn done() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.reach_user().fill_user().write(SERIAL).enter();
    screen.app.clock(Duration::from_secs(95));
    screen.app.ended(Ok(Outcome {
        recovery_key: None,
        pool_key: None,
        notes: vec![
            "the firmware did not accept a boot entry; it starts the disk by its default path".to_owned(),
        ],
    }));
    assert_snapshot!("done", screen.text());
    assert!(screen.app.installed());
    screen.press(KeyCode::Down).enter();
    assert_eq!(screen.requests.last(), Some(&Request::Finish(Action::Poweroff)));
}

#[test]
fn failed_and_tried_again() {
    let mut screen = Screen::new(Scenario::FailingDisk, RICH);
    screen.reach_user().fill_user().write(SERIAL).enter().run();
    assert_snapshot!("failed", screen.text());
    screen.press(KeyCode::Char('l'));
    assert_snapshot!("failed_log", screen.text());
    screen.press(KeyCode::Esc).enter();
    assert_eq!(screen.requests.last(), Some(&Request::Look));
    screen.app.say("lsblk failed: no such device".to_owned());
    assert_snapshot!("failed_again", screen.text());
    screen.press(KeyCode::Esc).assert_lacks("lsblk failed");
    screen.app.look_at(Scenario::HalfDone.machine());
    screen
        .assert_shows(" Summary ")
        .assert_shows("LOST: a SigmaVault installation that was not completed");
}

#[test]
fn a_small_terminal_is_told() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.resize(60, 20);
    screen.assert_shows("This terminal has 60 columns and 20 lines;");
    screen.resize(132, 50);
    screen.assert_shows(" Welcome ");
}

/// Whatever is pressed, it draws, and only the serial number begins an installation.
#[test]
fn no_key_is_too_much() {
    use proptest::prelude::*;
    let codes = prop_oneof![
        Just(KeyCode::Enter),
        Just(KeyCode::Enter),
        Just(KeyCode::Tab),
        Just(KeyCode::BackTab),
        Just(KeyCode::Up),
        Just(KeyCode::Down),
        Just(KeyCode::Left),
        Just(KeyCode::Right),
        Just(KeyCode::Home),
        Just(KeyCode::End),
        Just(KeyCode::PageDown),
        Just(KeyCode::Esc),
        Just(KeyCode::F(1)),
        Just(KeyCode::Backspace),
        Just(KeyCode::Delete),
        prop::char::range(' ', 'z').prop_map(KeyCode::Char),
        Just(KeyCode::Char('ß')),
    ];
    let scenarios = prop::sample::select(Scenario::ALL.to_vec());
    let strategy = (scenarios, prop::collection::vec(codes, 0..120));
    proptest!(ProptestConfig::with_cases(64), |((scenario, keys) in strategy)| {
        let mut screen = Screen::new(scenario, PLAIN);
        for key in keys {
            screen.press(key);
            prop_assert!(screen.text().is_ascii());
        }
        prop_assert!(!screen.requests.iter().any(|request| matches!(request, Request::Install(_))));
    });
}
