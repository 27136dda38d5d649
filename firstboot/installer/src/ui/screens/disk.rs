//! System disk: which one.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::intro::intro;
use crate::draft::{Bar, Draft};
use crate::machine::{Disk, InUse};
use crate::ui::look::Look;
use crate::ui::screen::{Screen, Turn};
use crate::ui::table::{self, Row};
use crate::ui::text::wrap;

/// The system disk.
#[derive(Debug, Default)]
pub(crate) struct SystemDisk {
    /// For each disk, why it cannot be chosen.
    barred: Vec<Option<Bar>>,
    at: usize,
    problem: Option<String>,
}

impl Screen for SystemDisk {
    fn title(&self) -> &'static str {
        "System disk"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        vec![("Up/Down", "move"), ("Enter", "take this disk"), ("Esc", "back")]
    }

    fn help(&self) -> &'static str {
        "The system and its settings go onto this disk; a small solid-state disk suits best. Large disks are better \
         kept for the data pool, which comes later. Compare model and serial number with the label on the disk. \
         Disks marked with - cannot be chosen; the lines below the table say why."
    }

    fn enter(&mut self, draft: &mut Draft) {
        let disks = &draft.machine.disks;
        self.barred = disks.iter().map(|disk| draft.barred(disk)).collect();
        let chosen = disks
            .iter()
            .position(|disk| Some(&disk.name) == draft.disk.as_ref());
        let first_free = self.barred.iter().position(Option::is_none);
        let at_free = self.barred.get(self.at).is_some_and(Option::is_none);
        if let Some(at) = chosen.or(first_free.filter(|_| !at_free)) {
            self.at = at;
        }
        self.problem = None;
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        let last = draft.machine.disks.len().saturating_sub(1);
        let at = match key.code {
            KeyCode::Up | KeyCode::BackTab => self.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Tab => (self.at + 1).min(last),
            KeyCode::PageUp => self.at.saturating_sub(8),
            KeyCode::PageDown => (self.at + 8).min(last),
            KeyCode::Home => 0,
            KeyCode::End => last,
            KeyCode::Enter | KeyCode::Char(' ') => return self.take(draft),
            _ => return Turn::Unused,
        };
        self.at = at;
        self.problem = None;
        Turn::Stay
    }

    fn draw(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look) {
        let below = intro(frame, area, "Which disk shall the system be installed on?");
        let details = 7;
        let rows: Vec<Row> = draft
            .machine
            .disks
            .iter()
            .zip(&self.barred)
            .map(|(disk, barred)| Row {
                disk,
                mark: if barred.is_some() { " - " } else { "   " },
                style: if barred.is_some() {
                    look.faint()
                } else {
                    Style::new()
                },
                holds: holds(disk, barred.as_ref()),
            })
            .collect();
        let rows_wanted = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
        let height = rows_wanted.min(below.height.saturating_sub(details));
        table::draw(frame, Rect { height, ..below }, &rows, self.at, true, look);
        let place = Rect::new(
            below.x,
            below.y + height + 1,
            below.width,
            below.height - height - 1,
        );
        if let Some(disk) = draft.machine.disks.get(self.at) {
            frame.render_widget(
                Paragraph::new(self.details(disk, usize::from(below.width), look)),
                place,
            );
        }
    }
}

impl SystemDisk {
    fn take(&mut self, draft: &mut Draft) -> Turn {
        let Some(disk) = draft.machine.disks.get(self.at) else {
            return Turn::Stay;
        };
        if self.barred.get(self.at).is_some_and(Option::is_some) {
            self.problem = Some(format!("{} cannot be chosen.", disk.name));
            return Turn::Stay;
        }
        let name = disk.name.clone();
        draft.choose(&name);
        Turn::Next
    }

    fn details(&self, disk: &Disk, width: usize, look: Look) -> Vec<Line<'static>> {
        let mut lines = vec![Line::styled(disk.describe(), look.chosen())];
        if let Some(link) = disk.links.first() {
            lines.push(Line::styled(link.clone(), look.faint()));
        }
        lines.extend(wrap(&table::describe(disk), width).into_iter().map(Line::raw));
        if let Some(Some(reason)) = self.barred.get(self.at) {
            let text = format!("It cannot be chosen: {reason}.");
            lines.extend(
                wrap(&text, width)
                    .into_iter()
                    .map(|line| Line::styled(line, look.warning())),
            );
        }
        if let Some(problem) = &self.problem {
            lines.push(Line::styled(format!("! {problem}"), look.alarm()));
        }
        lines
    }
}

fn holds(disk: &Disk, barred: Option<&Bar>) -> String {
    match barred {
        Some(Bar::InUse(InUse::Medium)) => "medium".to_owned(),
        Some(Bar::TooSmall { .. }) => "too small".to_owned(),
        _ => table::holds(disk),
    }
}
