//! A list to choose one thing from: it scrolls, and typing narrows it down.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::look::Look;

/// A list to choose one thing from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picker {
    items: Vec<String>,
    selected: usize,
    search: String,
}

impl Picker {
    /// With these items, one of them selected.
    pub(crate) fn new(items: Vec<String>, selected: usize) -> Self {
        Self {
            selected: selected.min(items.len().saturating_sub(1)),
            items,
            search: String::new(),
        }
    }

    /// Which one is selected; 0 also when there is none.
    pub(crate) fn selected(&self) -> usize {
        self.selected
    }

    /// Selects one.
    pub(crate) fn select(&mut self, index: usize) {
        self.search.clear();
        self.selected = index.min(self.items.len().saturating_sub(1));
    }

    /// Those that hold what was typed, those that begin with it (or with a word of it) before the others.
    fn matching(&self) -> Vec<usize> {
        let wanted = self.search.to_lowercase();
        let place = |item: &String| {
            let item = item.to_lowercase();
            let at = item.find(&wanted)?;
            let starts_word = item[..at]
                .chars()
                .next_back()
                .is_none_or(|c| !c.is_alphanumeric());
            Some(match at {
                0 => 0,
                _ if starts_word => 1,
                _ => 2,
            })
        };
        let mut found: Vec<(u8, usize)> = self
            .items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some((place(item)?, index)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, index)| index).collect()
    }

    /// Handles a key; whether it was used.
    pub(crate) fn handle(&mut self, key: KeyEvent) -> bool {
        const PAGE: usize = 10;
        let matching = self.matching();
        let at = matching
            .iter()
            .position(|index| *index == self.selected)
            .unwrap_or(0);
        let last = matching.len().saturating_sub(1);
        let to = match key.code {
            KeyCode::Up => at.saturating_sub(1),
            KeyCode::Down => (at + 1).min(last),
            KeyCode::PageUp => at.saturating_sub(PAGE),
            KeyCode::PageDown => (at + PAGE).min(last),
            KeyCode::Home => 0,
            KeyCode::End => last,
            KeyCode::Char(character)
                if !key
                    .modifiers
                    .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
            {
                if self.search.is_empty() && character == ' ' {
                    return false;
                }
                self.search.push(character);
                match self.matching().first() {
                    Some(first) => self.selected = *first,
                    // A letter that matches nothing is a typing error.
                    None => drop(self.search.pop()),
                }
                return true;
            }
            KeyCode::Backspace => {
                self.search.pop();
                return true;
            }
            KeyCode::Esc if !self.search.is_empty() => {
                self.search.clear();
                return true;
            }
            _ => return false,
        };
        if let Some(index) = matching.get(to) {
            self.selected = *index;
        }
        true
    }

    /// Draws the list and below it what was typed and how much there is.
    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, focused: bool, look: Look) {
        let rows = usize::from(area.height.saturating_sub(1));
        if rows == 0 {
            return;
        }
        let matching = self.matching();
        let at = matching
            .iter()
            .position(|index| *index == self.selected)
            .unwrap_or(0);
        let first = at
            .saturating_sub(rows / 2)
            .min(matching.len().saturating_sub(rows));
        let mut lines: Vec<Line> = matching
            .iter()
            .skip(first)
            .take(rows)
            .map(|index| {
                let chosen = *index == self.selected;
                let style = match (chosen, focused) {
                    (true, true) => look.focus(),
                    (true, false) => look.chosen(),
                    _ => ratatui::style::Style::new(),
                };
                let mark = if chosen { "> " } else { "  " };
                let width = usize::from(area.width).saturating_sub(2);
                Line::from(Span::styled(
                    format!("{mark}{:width$}", self.items[*index]),
                    style,
                ))
            })
            .collect();
        lines.resize(rows, Line::default());
        lines.push(Line::styled(
            self.footer(&matching, first, rows, focused),
            look.faint(),
        ));
        frame.render_widget(ratatui::widgets::Paragraph::new(lines), area);
    }

    fn footer(&self, matching: &[usize], first: usize, rows: usize, focused: bool) -> String {
        let above = if first > 0 { "  more above" } else { "" };
        let below = if first + rows < matching.len() {
            "  more below"
        } else {
            ""
        };
        let count = if matching.len() == self.items.len() {
            format!("  {} in all", self.items.len())
        } else {
            format!("  {} of {}", matching.len(), self.items.len())
        };
        match (self.search.is_empty(), focused && self.items.len() > rows) {
            (false, _) => format!("Search: {}_{count}{above}{below}", self.search),
            (true, true) => format!("Type to search{count}{above}{below}"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(picker: &mut Picker, code: KeyCode) {
        picker.handle(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn typing_finds_the_start_of_a_word_before_its_middle() {
        let zones = [
            "Africa/Lagos",
            "America/Los_Angeles",
            "Asia/Kolkata",
            "Europe/Berlin",
            "Etc/UTC",
        ];
        let mut picker = Picker::new(zones.iter().map(ToString::to_string).collect(), 4);
        press(&mut picker, KeyCode::Char('l'));
        assert_eq!(picker.selected(), 0, "Lagos begins with it");
        press(&mut picker, KeyCode::Char('i'));
        assert_eq!(picker.selected(), 3, "Berlin holds it");
        press(&mut picker, KeyCode::Char('x'));
        assert_eq!(picker.selected(), 3, "nothing holds lix");
        press(&mut picker, KeyCode::Backspace);
        press(&mut picker, KeyCode::Up);
        assert_eq!(picker.selected(), 2, "Kolkata holds l too");
        press(&mut picker, KeyCode::Esc);
        press(&mut picker, KeyCode::End);
        assert_eq!(picker.selected(), 4);
        assert!(
            !picker.handle(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)),
            "nothing to clear"
        );
    }

    #[test]
    fn an_empty_list_takes_every_key() {
        let mut picker = Picker::new(Vec::new(), 3);
        for code in [
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::End,
            KeyCode::PageDown,
            KeyCode::Char('a'),
        ] {
            press(&mut picker, code);
        }
        assert_eq!(picker.selected(), 0);
    }
}
