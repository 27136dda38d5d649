//! The screen of the network with a bond, as text.

mod screen;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use screen::{RICH, Screen};
use sigmavault_installer::demo::Scenario;

#[test]
fn a_bond() {
    let mut screen = Screen::new(Scenario::OneDisk, RICH);
    screen.reach_disks().enter().enter();
    screen.control('u').write("nas").enter().times(2, KeyCode::Down);
    screen.enter().enter().write("enp1s0 enp9s9").enter();
    screen.enter().enter().enter();
    screen.assert_shows("there is no interface 'enp9s9'");
    screen
        .control('u')
        .write("enp1s0")
        .enter()
        .enter()
        .enter()
        .enter();
    screen.assert_shows("a bond has two to eight interfaces, and here are 1");
    assert_snapshot!("bond", screen.text());
    screen
        .control('u')
        .write("enp1s0 enp2s0")
        .enter()
        .enter()
        .enter()
        .enter();
    screen.assert_shows("Administrator").fill_user();
    screen.press(KeyCode::PageDown);
    screen.assert_shows("host name nas, address by DHCP; bond bond0 of enp1s0 enp2s0");
}
