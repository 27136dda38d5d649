//! A field: text, a switch, or a choice between a few.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::input::Input;
use super::look::Look;
use super::text::wrap;

/// Width of the labels.
const LABELS: u16 = 22;

/// The kind of a field.
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

/// A field.
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

impl Field {
    /// What stands below it.
    fn note(&self, width: u16) -> Vec<String> {
        let note = match &self.problem {
            Some(problem) => format!("! {problem}"),
            None => self.hint.clone(),
        };
        if note.is_empty() {
            return Vec::new();
        }
        wrap(&note, usize::from(width.saturating_sub(self.indent())))
    }

    /// Columns for the label.
    fn indent(&self) -> u16 {
        if self.label.is_empty() { 0 } else { LABELS }
    }

    /// Lines that it takes.
    pub(crate) fn height(&self, width: u16) -> u16 {
        let notes = u16::try_from(self.note(width).len()).unwrap_or(u16::MAX);
        self.kind
            .height(width.saturating_sub(self.indent()))
            .saturating_add(notes)
    }

    /// Draws it.
    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, focused: bool, look: Look) {
        if area.height == 0 {
            return;
        }
        let label = if focused { look.chosen() } else { Style::new() };
        let indent = self.indent();
        frame.render_widget(
            Span::styled(self.label, label),
            Rect::new(area.x, area.y, indent.min(area.width), 1),
        );
        let right = Rect {
            x: area.x + indent,
            width: area.width.saturating_sub(indent),
            ..area
        };
        self.kind.draw(frame, right, focused, look);
        let style = if self.problem.is_some() {
            look.alarm()
        } else {
            look.faint()
        };
        let first = area.y + self.kind.height(right.width);
        for (y, line) in (first..area.bottom()).zip(self.note(area.width)) {
            frame.render_widget(Line::styled(line, style), Rect::new(right.x, y, right.width, 1));
        }
    }
}

impl Kind {
    /// Handles a key; whether it was used.
    pub(crate) fn handle(&mut self, key: KeyEvent) -> bool {
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

    /// Lines that it takes in this width.
    fn height(&self, width: u16) -> u16 {
        match self {
            Self::Text(_) | Self::Switch(_) | Self::Cycle { .. } => 1,
            Self::Choice { options, .. } => {
                let lines = options
                    .iter()
                    .map(|option| option.lines("", width).len())
                    .sum::<usize>();
                u16::try_from(lines).unwrap_or(u16::MAX)
            }
        }
    }

    fn draw(&self, frame: &mut Frame, area: Rect, focused: bool, look: Look) {
        let style = if focused { look.focus() } else { Style::new() };
        let line = Rect { height: 1, ..area };
        match self {
            Self::Text(input) => {
                input.draw(
                    frame,
                    Rect {
                        width: area.width.min(48),
                        ..area
                    },
                    focused,
                );
            }
            Self::Switch(on) => {
                frame.render_widget(Span::styled(if *on { "[x] yes" } else { "[ ] no " }, style), line);
            }
            Self::Cycle { options, chosen } => {
                let text = options.get(*chosen).map_or("", String::as_str);
                frame.render_widget(Span::styled(format!("< {text} >"), style), line);
            }
            Self::Choice { options, chosen } => {
                let lines = options.iter().enumerate().flat_map(|(index, option)| {
                    let (mark, style) = match (&option.barred, index == *chosen) {
                        (Some(_), _) => (" - ", look.faint()),
                        (None, true) => ("(*)", style),
                        (None, false) => ("( )", Style::new()),
                    };
                    option
                        .lines(mark, area.width)
                        .into_iter()
                        .map(move |line| Line::styled(line, style))
                });
                for (row, text) in (0..area.height).zip(lines) {
                    frame.render_widget(
                        text,
                        Rect {
                            y: area.y + row,
                            ..line
                        },
                    );
                }
            }
        }
    }
}

impl Choice {
    /// It and why it cannot be chosen.
    fn lines(&self, mark: &str, width: u16) -> Vec<String> {
        let mut lines = vec![format!("{mark} {}", self.text)];
        if let Some(reason) = &self.barred {
            let reason = wrap(reason, usize::from(width.saturating_sub(4)));
            lines.extend(reason.into_iter().map(|line| format!("    {line}")));
        }
        lines
    }
}
