//! The screens of a pool that is encrypted with the system disk: the question, the plan, and the two keys at the end.

mod screen;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use screen::{PLAIN, RICH, Screen};
use sigmavault_installer::demo::Scenario;
use sigmavault_installer::ui::Look;

/// Of the system disk.
const SERIAL: &str = "S5GXNX0R401382F";
/// The first line of the demonstration's key.
const LINE: &str = "6465 6d6f 6e73 7472";

/// Encrypts the system disk, and wants a pool.
fn encrypted_pool(look: Look) -> Screen {
    let mut screen = Screen::new(Scenario::Empty, look);
    screen.reach_disks().enter().press(KeyCode::Down).enter();
    for _ in 0..2 {
        screen.write("correct horse battery").enter();
    }
    // Recovery key, TPM.
    screen.enter().enter();
    screen.assert_shows("Data pool");
    screen.press(KeyCode::Down);
    screen
}

/// On from the choice of a pool to the summary, with what is proposed.
fn to_summary(screen: &mut Screen) {
    // To name, encryption, disks and layout, and on.
    screen.times(5, KeyCode::Enter);
    screen.assert_shows("Host name and network").enter().enter();
    screen.fill_user();
}

#[test]
fn a_pool_is_encrypted_with_the_system_disk() {
    let mut screen = encrypted_pool(RICH);
    screen.enter().enter();
    assert_snapshot!("pool_encrypted", screen.text());
    screen.times(3, KeyCode::Enter);
    screen.assert_shows("Host name and network").enter().enter();
    screen.fill_user().press(KeyCode::PageDown);
    assert_snapshot!("summary_pool_encrypted", screen.text());
    screen.write(SERIAL).enter();
    assert!(screen.plan().pool.is_some_and(|pool| pool.encrypted));
    screen.run().assert_shows("cbdefghi-").assert_lacks(LINE);
    // Each key goes only when a person has said to have it.
    screen.enter().press(KeyCode::Char('y'));
    screen.assert_lacks("cbdefghi-");
    assert_snapshot!("pool_key", screen.text());
    screen.enter().assert_shows("Is it in a safe place?");
    screen.press(KeyCode::Char('n')).assert_shows(LINE);
    screen.enter().press(KeyCode::Char('y'));
    screen.assert_shows(" Done ").assert_lacks(LINE);
}

#[test]
fn the_question_is_seen_where_there_is_no_room_for_a_code() {
    let mut screen = encrypted_pool(PLAIN);
    to_summary(&mut screen);
    screen.write(SERIAL).enter().run();
    screen.enter().press(KeyCode::Char('y')).enter();
    assert_snapshot!("pool_key_ascii", screen.text());
}

#[test]
fn a_pool_can_stay_open() {
    let mut screen = encrypted_pool(RICH);
    screen.enter().enter().press(KeyCode::Char(' '));
    screen.times(3, KeyCode::Enter);
    screen.assert_shows("Host name and network").enter().enter();
    screen.fill_user().press(KeyCode::PageDown);
    screen.assert_shows("not encrypted: whoever has its disks can read it");
    screen.write(SERIAL).enter();
    assert!(screen.plan().pool.is_some_and(|pool| !pool.encrypted));
    screen.run().enter().press(KeyCode::Char('y'));
    screen.assert_shows(" Done ");
}
