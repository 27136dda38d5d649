//! A line of text that can be edited.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// More than anyone types, and short enough for every program the text goes to.
const LONGEST: usize = 256;

/// A line of text that can be edited; a secret one shows stars.
#[derive(Clone, Default)]
pub(crate) struct Input {
    text: Vec<char>,
    cursor: usize,
    secret: bool,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}

impl Input {
    /// Begins with a text.
    pub(crate) fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        Self {
            cursor: text.len(),
            text,
            secret: false,
        }
    }

    /// Shows stars.
    pub(crate) fn secret() -> Self {
        Self {
            secret: true,
            ..Self::default()
        }
    }

    /// What stands there.
    pub(crate) fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// Handles a key; whether it was used.
    pub(crate) fn handle(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char('u') if control => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('k') if control => self.text.truncate(self.cursor),
            KeyCode::Char('w') if control => {
                let start = self.word_start();
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            KeyCode::Char('h') if control => self.backspace(),
            KeyCode::Char(character) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                if self.text.len() < LONGEST && !character.is_control() {
                    self.text.insert(self.cursor, character);
                    self.cursor += 1;
                }
            }
            KeyCode::Backspace => self.backspace(),
            KeyCode::Delete => {
                if self.cursor < self.text.len() {
                    self.text.remove(self.cursor);
                }
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.text.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return false,
        }
        true
    }

    fn backspace(&mut self) {
        if self.cursor > 0 {
            self.cursor -= 1;
            self.text.remove(self.cursor);
        }
    }

    fn word_start(&self) -> usize {
        let before = &self.text[..self.cursor];
        let end = before.iter().rposition(|c| *c != ' ').map_or(0, |at| at + 1);
        before[..end]
            .iter()
            .rposition(|c| *c == ' ')
            .map_or(0, |at| at + 1)
    }

    /// Draws it in the first line of the area, with the cursor when it has the focus.
    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, focused: bool) {
        if area.width < 4 || area.height == 0 {
            return;
        }
        let area = Rect { height: 1, ..area };
        let room = usize::from(area.width) - 3;
        let shown: Vec<char> = if self.secret {
            vec!['*'; self.text.len()]
        } else {
            self.text.clone()
        };
        // The part before the cursor must fit, whatever the width of its characters.
        let mut first = 0;
        while width(&shown[first..self.cursor]) > room {
            first += 1;
        }
        let mut last = self.cursor;
        while last < shown.len() && width(&shown[first..=last]) <= room {
            last += 1;
        }
        let visible: String = shown[first..last].iter().collect();
        let filled = width(&shown[first..last]);
        let frame_style = if focused {
            Style::new().add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        };
        frame.render_widget(
            Line::from(vec![
                Span::styled(if focused { ">" } else { "[" }, frame_style),
                Span::raw(visible),
                Span::raw("_".repeat(room + 1 - filled)),
                Span::styled(if focused { "<" } else { "]" }, frame_style),
            ]),
            area,
        );
        if focused {
            let before = u16::try_from(width(&shown[first..self.cursor])).unwrap_or_default();
            frame.set_cursor_position(Position::new(area.x + 1 + before, area.y));
        }
    }
}

fn width(text: &[char]) -> usize {
    Span::raw(text.iter().collect::<String>()).width()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(input: &mut Input, keys: &[(KeyCode, KeyModifiers)]) {
        for (code, modifiers) in keys {
            assert!(input.handle(KeyEvent::new(*code, *modifiers)), "{code:?}");
        }
    }

    #[test]
    fn editing() {
        const NONE: KeyModifiers = KeyModifiers::NONE;
        const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
        let mut input = Input::new("one two");
        typed(&mut input, &[(KeyCode::Char('w'), CONTROL)]);
        assert_eq!(input.text(), "one ");
        typed(
            &mut input,
            &[
                (KeyCode::Home, NONE),
                (KeyCode::Delete, NONE),
                (KeyCode::Char('O'), NONE),
            ],
        );
        assert_eq!(input.text(), "One ");
        typed(
            &mut input,
            &[
                (KeyCode::End, NONE),
                (KeyCode::Backspace, NONE),
                (KeyCode::Left, NONE),
            ],
        );
        typed(
            &mut input,
            &[
                (KeyCode::Char('x'), NONE),
                (KeyCode::Right, NONE),
                (KeyCode::Right, NONE),
            ],
        );
        assert_eq!(input.text(), "Onxe");
        typed(
            &mut input,
            &[
                (KeyCode::Char('a'), CONTROL),
                (KeyCode::Backspace, NONE),
                (KeyCode::Right, NONE),
            ],
        );
        typed(&mut input, &[(KeyCode::Char('k'), CONTROL)]);
        assert_eq!(input.text(), "O");
        typed(
            &mut input,
            &[(KeyCode::Char('u'), CONTROL), (KeyCode::Char('w'), CONTROL)],
        );
        assert_eq!(input.text(), "");
        assert!(!input.handle(KeyEvent::new(KeyCode::Up, NONE)));
        assert!(!input.handle(KeyEvent::new(KeyCode::Char('n'), CONTROL)));
    }

    #[test]
    fn no_text_is_ever_in_debug_output() {
        assert_eq!(format!("{:?}", Input::new("secret")), "Input");
    }
}
