//! A column of things to fill in: text, switches, and choices between a few.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::input::Input;
use super::look::Look;

/// Width of the labels.
const LABELS: u16 = 22;

/// What a field takes.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A line of text.
    Text(Input),
    /// Yes or no.
    Switch(bool),
    /// One of a few, one below the other.
    Choice { options: Vec<Choice>, chosen: usize },
    /// One of several, in one line.
    Cycle { options: Vec<String>, chosen: usize },
}

/// One of a few.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// What it is.
    pub text: String,
    /// Why it cannot be chosen.
    pub barred: Option<String>,
}

/// One thing to fill in.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// The answer's key, such as `network.hostname`.
    pub key: &'static str,
    /// Its name for a person.
    pub label: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it is asked now.
    pub shown: bool,
    /// What to know about it, below it.
    pub hint: String,
    /// What is wrong with it, below it.
    pub problem: Option<String>,
}

impl Field {
    fn new(key: &'static str, label: &'static str, kind: Kind) -> Self {
        Self {
            key,
            label,
            kind,
            shown: true,
            hint: String::new(),
            problem: None,
        }
    }

    /// A line of text.
    pub(crate) fn text(key: &'static str, label: &'static str, text: &str) -> Self {
        Self::new(key, label, Kind::Text(Input::new(text)))
    }

    /// A line of text that is not shown.
    pub(crate) fn secret(key: &'static str, label: &'static str) -> Self {
        Self::new(key, label, Kind::Text(Input::secret()))
    }

    /// Yes or no.
    pub(crate) fn switch(key: &'static str, label: &'static str, on: bool) -> Self {
        Self::new(key, label, Kind::Switch(on))
    }

    /// One of a few, all of them shown.
    pub(crate) fn choice(key: &'static str, label: &'static str, options: &[&str]) -> Self {
        let options = options
            .iter()
            .map(|text| Choice {
                text: (*text).to_owned(),
                barred: None,
            })
            .collect();
        Self::new(key, label, Kind::Choice { options, chosen: 0 })
    }

    /// One of several, one of them shown.
    pub(crate) fn cycle(key: &'static str, label: &'static str, options: Vec<String>) -> Self {
        Self::new(key, label, Kind::Cycle { options, chosen: 0 })
    }

    /// With something to know about it.
    pub(crate) fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It was for the fields.
    Used,
    /// It was Enter on the last of them.
    Complete,
    /// It was not for them.
    Unused,
}

/// A column of things to fill in.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    fields: Vec<Field>,
    focus: usize,
}

impl Fields {
    /// Of these.
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
        self.fields.iter().filter(|field| field.shown).map(|field| field.key).collect()
    }

    /// Forgets what was wrong.
    pub(crate) fn clear_problems(&mut self) {
        for field in &mut self.fields {
            field.problem = None;
        }
    }

    /// Says what is wrong with a field; the first one gets the focus.
    pub(crate) fn problem(&mut self, key: &str, text: &str) {
        if !self.has_problem() {
            self.focus(key);
        }
        self.change(key, |field| {
            // Reasons read on from their key: "is too short".
            let reads_on = ["is ", "has ", "cannot ", "could ", "begins "].iter().any(|word| text.starts_with(word));
            let subject = if reads_on { field.label } else { "" };
            field.problem = Some(format!("{subject} {text}").trim_start().to_owned());
        });
    }

    /// Whether anything is wrong.
    pub(crate) fn has_problem(&self) -> bool {
        self.fields.iter().any(|field| field.shown && field.problem.is_some())
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
            let end = if forward { all.find(shown) } else { all.rfind(shown) };
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

    /// Draws them and gives the number of lines taken.
    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, look: Look) -> u16 {
        let mut y = area.y;
        for (index, field) in self.fields.iter().enumerate().filter(|(_, field)| field.shown) {
            let focused = index == self.focus;
            let left = area.bottom().saturating_sub(y);
            if left == 0 {
                break;
            }
            let label_style = if focused { look.chosen() } else { Style::new() };
            let labels = if field.label.is_empty() { 0 } else { LABELS };
            frame.render_widget(
                Span::styled(field.label, label_style),
                Rect::new(area.x, y, labels.min(area.width), 1),
            );
            let right = Rect::new(area.x + labels, y, area.width.saturating_sub(labels), left);
            y += field.kind.draw(frame, right, focused, look);
            let (note, style) = match &field.problem {
                Some(problem) => (format!("! {problem}"), look.alarm()),
                None => (field.hint.clone(), look.faint()),
            };
            if !note.is_empty() {
                let width = usize::from(right.width);
                for line in super::text::wrap(&note, width) {
                    if y < area.bottom() {
                        frame.render_widget(Line::styled(line, style), Rect::new(right.x, y, right.width, 1));
                        y += 1;
                    }
                }
            }
            if y < area.bottom() {
                y += 1;
            }
        }
        y - area.y
    }
}

impl Kind {
    /// Whether the key was for it.
    fn handle(&mut self, key: KeyEvent) -> bool {
        match self {
            Self::Switch(_) | Self::Choice { .. } | Self::Cycle { .. }
                if key.modifiers.contains(KeyModifiers::CONTROL) =>
            {
                false
            }
            Self::Text(input) => input.handle(key),
            Self::Switch(on) => {
                match key.code {
                    KeyCode::Char(' ') | KeyCode::Left | KeyCode::Right => *on = !*on,
                    KeyCode::Char('y') => *on = true,
                    KeyCode::Char('n') => *on = false,
                    _ => return false,
                }
                true
            }
            Self::Choice { options, chosen } => {
                let free = |index: &usize| options[*index].barred.is_none();
                let next = match key.code {
                    KeyCode::Down => (*chosen + 1..options.len()).find(free),
                    KeyCode::Up => (0..*chosen).rev().find(free),
                    KeyCode::Char(' ') => (*chosen + 1..options.len()).chain(0..*chosen).find(free),
                    _ => return false,
                };
                next.map(|next| *chosen = next).is_some()
            }
            Self::Cycle { options, chosen } => {
                let count = options.len().max(1);
                match key.code {
                    KeyCode::Right | KeyCode::Char(' ') => *chosen = (*chosen + 1) % count,
                    KeyCode::Left => *chosen = (*chosen + count - 1) % count,
                    _ => return false,
                }
                true
            }
        }
    }

    /// Draws it and gives the number of lines taken.
    fn draw(&self, frame: &mut Frame, area: Rect, focused: bool, look: Look) -> u16 {
        let style = if focused { look.focus() } else { Style::new() };
        let line = |row: u16| Rect::new(area.x, area.y + row, area.width, 1);
        match self {
            Self::Text(input) => {
                input.draw(frame, Rect { width: area.width.min(48), ..area }, focused);
                1
            }
            Self::Switch(on) => {
                let text = if *on { "[x] yes" } else { "[ ] no " };
                frame.render_widget(Span::styled(text, style), line(0));
                1
            }
            Self::Choice { options, chosen } => {
                let mut row = 0;
                for (index, option) in options.iter().enumerate() {
                    let mark = if index == *chosen { "(*)" } else { "( )" };
                    let style = match (&option.barred, index == *chosen) {
                        (Some(_), _) => look.faint(),
                        (None, true) => style,
                        (None, false) => Style::new(),
                    };
                    let mark = if option.barred.is_some() { " - " } else { mark };
                    let mut texts = vec![format!("{mark} {}", option.text)];
                    if let Some(reason) = &option.barred {
                        let width = usize::from(area.width).saturating_sub(4);
                        let reason = super::text::wrap(reason, width);
                        texts.extend(reason.into_iter().map(|line| format!("    {line}")));
                    }
                    for text in texts {
                        if row < area.height {
                            frame.render_widget(Span::styled(text, style), line(row));
                            row += 1;
                        }
                    }
                }
                row
            }
            Self::Cycle { options, chosen } => {
                let text = options.get(*chosen).map_or("", String::as_str);
                frame.render_widget(Span::styled(format!("< {text} >"), style), line(0));
                1
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
