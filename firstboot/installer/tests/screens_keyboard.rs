//! The screen of the keyboard, for a layout that needs a second one.
#![allow(clippy::unwrap_used)]

mod screen;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use screen::{RICH, Screen};
use sigmavault_installer::answers::{Keyboard, XkbLayout};
use sigmavault_installer::demo::Scenario;
use sigmavault_installer::ui::Request;

#[test]
fn a_layout_without_latin_letters_comes_with_a_second_one() {
    let mut screen = Screen::new(Scenario::Empty, RICH);
    screen.write("russian").enter().assert_shows("> Russian (ru)");
    screen.assert_lacks("Alt+Shift").enter();
    assert_snapshot!("keyboard_latin", screen.text());
    screen
        .press(KeyCode::F(1))
        .assert_shows("Alt+Shift switches between both");
    screen.press(KeyCode::Esc).write("serbian [").enter();
    assert_snapshot!("keyboard_latin_other", screen.text());
    screen
        .press(KeyCode::Esc)
        .write("latin [")
        .enter()
        .assert_shows("Time zone");
    let keyboard = |latin: Option<(&str, Option<&str>)>| {
        Request::Keyboard(Keyboard {
            layout: "ru".to_owned(),
            variant: None,
            latin: latin.map(|(layout, variant)| XkbLayout::new(layout, variant)),
        })
    };
    assert_eq!(
        screen.requests,
        [
            keyboard(None),
            keyboard(Some(("rs", None))),
            keyboard(Some(("rs", Some("latin")))),
        ]
    );
    screen.enter().assert_shows("System disk").enter().enter().enter();
    screen.enter().enter().fill_user();
    screen.press(KeyCode::PageDown);
    assert_snapshot!("summary_latin", screen.text());
}
