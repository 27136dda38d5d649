//! What several screens begin with.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::ui::text::wrap;

/// Keys of a screen with one list.
pub(super) const LIST_KEYS: [(&str, &str); 4] = [
    ("Up/Down", "move"),
    ("a-z", "search"),
    ("Enter", "go on"),
    ("Esc", "back"),
];

/// Writes a text at the top of an area and gives what is left below it and an empty line.
pub(super) fn intro(frame: &mut Frame, area: Rect, text: &str) -> Rect {
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
