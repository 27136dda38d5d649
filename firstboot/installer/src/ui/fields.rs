//! A column of fields.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;

pub(crate) use super::field::{Choice, Field, Kind};
use super::look::Look;

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A field used it.
    Used,
    /// It was Enter on the last field.
    Complete,
    /// No field used it.
    Unused,
}

/// A column of fields.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    fields: Vec<Field>,
    focus: usize,
}

impl Fields {
    /// With these fields.
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        Self { fields, focus: 0 }
    }

    /// The field with this key.
    fn get(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The field with this key, to change it.
    pub(crate) fn change(&mut self, key: &str, change: impl FnOnce(&mut Field)) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.key == key) {
            change(field);
        }
    }

    /// Text of a field; empty when it has none.
    pub(crate) fn text(&self, key: &str) -> String {
        match self.get(key).map(|field| &field.kind) {
            Some(Kind::Text(input)) => input.text(),
            _ => String::new(),
        }
    }

    /// Position of a switch.
    pub(crate) fn on(&self, key: &str) -> bool {
        matches!(self.get(key).map(|field| &field.kind), Some(Kind::Switch(true)))
    }

    /// Which of several is chosen.
    pub(crate) fn chosen(&self, key: &str) -> usize {
        match self.get(key).map(|field| &field.kind) {
            Some(Kind::Choice { chosen, .. } | Kind::Cycle { chosen, .. }) => *chosen,
            _ => 0,
        }
    }

    /// Asks a field or not.
    pub(crate) fn show(&mut self, key: &str, shown: bool) {
        self.change(key, |field| field.shown = shown);
    }

    /// Key of the field with the focus.
    pub(crate) fn focused(&self) -> &'static str {
        self.fields.get(self.focus).map_or("", |field| field.key)
    }

    /// Puts the focus on a field.
    pub(crate) fn focus(&mut self, key: &str) {
        if let Some(index) = self.fields.iter().position(|field| field.key == key) {
            self.focus = index;
        }
    }

    /// The same as they look while the keys act on something else.
    pub(crate) fn without_focus(&self) -> Self {
        Self {
            fields: self.fields.clone(),
            focus: usize::MAX,
        }
    }

    /// Keys of the fields that are asked.
    pub(crate) fn keys(&self) -> Vec<&'static str> {
        self.fields
            .iter()
            .filter(|field| field.shown)
            .map(|field| field.key)
            .collect()
    }

    /// Removes all marks.
    pub(crate) fn clear_problems(&mut self) {
        for field in &mut self.fields {
            field.problem = None;
        }
    }

    /// Marks a field as wrong; the first one marked gets the focus.
    pub(crate) fn problem(&mut self, key: &str, text: &str) {
        self.change(key, |field| {
            // Reasons read on from their key: "is too short".
            let reads_on = ["is ", "has ", "cannot ", "could ", "begins "]
                .iter()
                .any(|word| text.starts_with(word));
            let subject = if reads_on { field.label } else { "" };
            field.problem = Some(format!("{subject} {text}").trim_start().to_owned());
        });
        let wrong = |field: &Field| field.shown && field.problem.is_some();
        if let Some(first) = self.fields.iter().position(wrong) {
            self.focus = first;
        }
    }

    /// Whether anything is wrong.
    pub(crate) fn has_problem(&self) -> bool {
        self.fields
            .iter()
            .any(|field| field.shown && field.problem.is_some())
    }

    fn step(&mut self, forward: bool) -> bool {
        let shown = |index: &usize| self.fields[*index].shown;
        let next = if forward {
            (self.focus + 1..self.fields.len()).find(shown)
        } else {
            (0..self.focus).rev().find(shown)
        };
        next.map(|next| self.focus = next).is_some()
    }

    fn wrap(&mut self, forward: bool) {
        if !self.step(forward) {
            let mut all = 0..self.fields.len();
            let shown = |index: &usize| self.fields[*index].shown;
            let end = if forward {
                all.find(shown)
            } else {
                all.rfind(shown)
            };
            self.focus = end.unwrap_or(0);
        }
    }

    /// Gives the key to the field with the focus, or moves the focus.
    pub(crate) fn handle(&mut self, key: KeyEvent) -> Reply {
        let Some(field) = self.fields.get_mut(self.focus) else {
            return Reply::Unused;
        };
        if field.kind.handle(key) {
            field.problem = None;
            return Reply::Used;
        }
        match key.code {
            KeyCode::Tab => self.wrap(true),
            KeyCode::BackTab => self.wrap(false),
            KeyCode::Down => {
                self.step(true);
            }
            KeyCode::Up => {
                self.step(false);
            }
            KeyCode::Enter if self.step(true) => {}
            KeyCode::Enter => return Reply::Complete,
            _ => return Reply::Unused,
        }
        Reply::Used
    }

    /// Keys of the field with the focus, for the last line.
    pub(crate) fn help(&self) -> Vec<(&'static str, &'static str)> {
        let mut keys = match self.fields.get(self.focus).map(|field| &field.kind) {
            Some(Kind::Switch(_)) => vec![("Space", "switch")],
            Some(Kind::Choice { .. }) => vec![("Up/Down", "choose")],
            Some(Kind::Cycle { .. }) => vec![("Left/Right", "choose")],
            Some(Kind::Text(_)) | None => Vec::new(),
        };
        if self.fields.iter().filter(|field| field.shown).count() > 1 {
            keys.push(("Tab/Shift-Tab", "other field"));
        }
        keys.extend([("Enter", "go on"), ("Esc", "back")]);
        keys
    }

    /// Draws them and gives the number of lines taken. Empty lines between them go first when room is short.
    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, look: Look) -> u16 {
        let shown = || self.fields.iter().enumerate().filter(|(_, field)| field.shown);
        let needed: u16 = shown().map(|(_, field)| field.height(area.width) + 1).sum();
        let gap = u16::from(needed <= area.height + 1);
        let mut y = area.y;
        for (index, field) in shown() {
            let height = field.height(area.width).min(area.bottom().saturating_sub(y));
            field.draw(frame, Rect { y, height, ..area }, index == self.focus, look);
            y = (y + height + gap).min(area.bottom());
        }
        y - area.y
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyModifiers;

    use super::*;

    fn press(fields: &mut Fields, code: KeyCode) -> Reply {
        fields.handle(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn the_focus_passes_over_what_is_not_asked() {
        let mut fields = Fields::new(vec![
            Field::choice("a", "A", &["one", "two", "three"]),
            Field::text("b", "B", ""),
            Field::switch("c", "C", false),
        ]);
        fields.change("a", |field| {
            if let Kind::Choice { options, .. } = &mut field.kind {
                options[1].barred = Some("no".to_owned());
            }
        });
        fields.show("b", false);
        assert_eq!(press(&mut fields, KeyCode::Down), Reply::Used);
        assert_eq!(fields.chosen("a"), 2, "the barred one is passed over");
        assert_eq!(press(&mut fields, KeyCode::Down), Reply::Used);
        assert_eq!(fields.focused(), "c");
        press(&mut fields, KeyCode::Char(' '));
        assert!(fields.on("c"));
        assert_eq!(press(&mut fields, KeyCode::Enter), Reply::Complete);
        press(&mut fields, KeyCode::Tab);
        assert_eq!(fields.focused(), "a");
        assert_eq!(press(&mut fields, KeyCode::Esc), Reply::Unused);
    }
}
