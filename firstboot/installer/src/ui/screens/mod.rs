//! The questions, one a screen.

mod disk;
mod encryption;
mod intro;
mod keyboard;
mod mode;
mod network;
mod pool;
mod summary;
mod timezone;
mod user;
mod welcome;

use super::screen::Screen;
use crate::draft::Draft;

/// All of them, in the order of [`crate::draft::Place`].
pub(crate) fn all(draft: &Draft) -> Vec<Box<dyn Screen>> {
    vec![
        Box::new(welcome::Welcome::new(draft)),
        Box::new(keyboard::KeyboardScreen::new(draft)),
        Box::new(timezone::TimeZone::new(draft)),
        Box::new(disk::SystemDisk::default()),
        Box::new(mode::ModeScreen::default()),
        Box::new(encryption::EncryptionScreen::new(draft)),
        Box::new(pool::PoolScreen::new()),
        Box::new(network::NetworkScreen::new(draft)),
        Box::new(user::UserScreen::new()),
        Box::new(summary::Summary::default()),
    ]
}
