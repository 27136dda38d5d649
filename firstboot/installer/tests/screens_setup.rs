//! The screens of a Raspberry Pi's first start: no disk is chosen, and nothing is typed to confirm.
#![allow(clippy::unwrap_used)]

mod screen;

use std::time::Duration;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use screen::{PLAIN, RICH, Screen};
use sigmavault_installer::answers::{Action, Mode};
use sigmavault_installer::demo::Scenario;
use sigmavault_installer::machine::{Machine, Present};
use sigmavault_installer::progress::{Event, Step};
use sigmavault_installer::ui::Request;

/// On to the summary with what is proposed.
fn summary() -> Screen {
    let mut screen = Screen::new(Scenario::Setup, RICH);
    screen
        .enter()
        .enter()
        .enter()
        .assert_shows(" Encryption ")
        .enter();
    screen.assert_shows(" Data pool ").enter();
    screen.assert_shows("Host name and network").enter().enter();
    screen.fill_user();
    screen
}

#[test]
fn the_disk_is_known() {
    assert_snapshot!("setup_welcome", Screen::new(Scenario::Setup, RICH).text());
    assert_snapshot!("setup_welcome_ascii", Screen::new(Scenario::Setup, PLAIN).text());
    let mut screen = summary();
    assert_snapshot!("setup_summary", screen.text());
    screen.press(KeyCode::F(1));
    assert_snapshot!("setup_summary_help", screen.text());
}

#[test]
fn enter_sets_it_up() {
    let mut screen = summary();
    screen.write("x").assert_lacks("> x").enter();
    let plan = screen.plan();
    assert_eq!((plan.mode, plan.disk.name.as_str()), (Mode::Setup, "mmcblk0"));
    screen.tell(&[Event::Began {
        step: Step::CopyB,
        bytes: Some(1_928_331_264),
    }]);
    screen.app.clock(Duration::from_secs(3));
    assert_snapshot!("setup_progress", screen.text());
    screen.control('c');
    assert_snapshot!("setup_stop", screen.text());
    screen.press(KeyCode::Char('n')).run();
    assert_snapshot!("setup_done", screen.text());
    screen
        .press(KeyCode::F(1))
        .assert_shows("Leave the disk in the machine.");
    screen.press(KeyCode::Esc).enter();
    assert_eq!(screen.requests.last(), Some(&Request::Finish(Action::Reboot)));
}

#[test]
fn a_failure_leads_back_to_the_summary() {
    let mut screen = summary();
    screen.app.look_at(Scenario::Setup.machine());
    screen.assert_shows(" Summary ");
}

#[test]
fn what_rules_it_out_is_said_at_once() {
    let screen = |change: &dyn Fn(&mut Machine)| {
        let mut machine = Scenario::Setup.machine();
        change(&mut machine);
        Screen::of(Scenario::Setup, machine, RICH)
    };
    let mut small = screen(&|machine| machine.disks[0].bytes = 4 << 30);
    assert_snapshot!("setup_refused_small", small.text());
    let mut before = screen(&|machine| {
        let partitions = &mut machine.setup.as_mut().unwrap().partitions;
        partitions.push(Present {
            number: 8,
            label: "state".to_owned(),
            ..partitions[4].clone()
        });
    });
    before.assert_shows("was set up before");
    let mut other = screen(&|machine| {
        machine.setup.as_mut().unwrap().partitions.pop();
    });
    other.assert_shows("it has no partition root-a-verity");
    let mut switch = screen(&|machine| {
        machine.disks[0].in_use = Some(sigmavault_installer::machine::InUse::ReadOnly);
    });
    switch.assert_shows("it is read-only");
}
