//! A menu of requests.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::look::Look;
use super::request::Request;

/// A menu of requests.
#[derive(Debug)]
pub(crate) struct Menu {
    items: Vec<(&'static str, Request)>,
    at: usize,
}

impl Menu {
    /// With these items; the first is selected.
    pub(crate) fn new(items: Vec<(&'static str, Request)>) -> Self {
        Self { items, at: 0 }
    }

    /// Number of lines.
    pub(crate) fn height(&self) -> u16 {
        u16::try_from(self.items.len()).unwrap_or(u16::MAX)
    }

    /// Moves the selection, or returns the request that Enter chose.
    pub(crate) fn handle(&mut self, key: KeyEvent) -> Option<Request> {
        let last = self.items.len().saturating_sub(1);
        match key.code {
            KeyCode::Up => self.at = self.at.saturating_sub(1),
            KeyCode::Down => self.at = (self.at + 1).min(last),
            KeyCode::Tab => self.at = if self.at == last { 0 } else { self.at + 1 },
            KeyCode::BackTab => self.at = self.at.checked_sub(1).unwrap_or(last),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = last,
            KeyCode::Enter => return self.items.get(self.at).map(|(_, request)| request.clone()),
            _ => {}
        }
        None
    }

    /// Draws it.
    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, look: Look) {
        for (row, (text, _)) in (0..area.height).zip(&self.items) {
            let marked = usize::from(row) == self.at;
            let style = if marked { look.focus() } else { Style::new() };
            let mark = if marked { ">" } else { " " };
            let line = Rect::new(area.x, area.y + row, area.width, 1);
            frame.render_widget(Span::styled(format!("{mark} {text:34}"), style), line);
        }
    }
}
