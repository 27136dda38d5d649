//! The questions, one a screen.

mod disk;
mod encryption;
mod keyboard;
mod mode;
mod network;
mod pool;
mod summary;
mod timezone;
mod user;
mod welcome;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::screen::Screen;
use super::text::wrap;
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

/// Keys of a screen with one list.
const LIST_KEYS: [(&str, &str); 4] = [
    ("Up/Down", "move"),
    ("a-z", "search"),
    ("Enter", "go on"),
    ("Esc", "back"),
];

/// Writes a text at the top of an area and gives what is left below it and an empty line.
fn intro(frame: &mut Frame, area: Rect, text: &str) -> Rect {
    let lines: Vec<Line> = wrap(text, usize::from(area.width))
        .into_iter()
        .map(Line::raw)
        .collect();
    let taken = u16::try_from(lines.len() + 1)
        .unwrap_or(u16::MAX)
        .min(area.height);
    frame.render_widget(Paragraph::new(lines), area);
    Rect::new(area.x, area.y + taken, area.width, area.height - taken)
}
