//! The screens that are not steps: nothing can be installed, done, failed.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::look::Look;
use super::menu::Menu;
use super::request::Request;
use super::text::{duration, wrap};
use crate::answers::{Action, Mode};
use crate::draft::{Draft, sentence};
use crate::execute::ExecuteError;
use crate::plan::InstallPlan;
use crate::progress::Outcome;

type Keys = &'static [(&'static str, &'static str)];

/// Nothing can be installed, whatever the answers.
#[derive(Debug)]
pub(crate) struct Refused {
    reasons: Vec<String>,
    menu: Menu,
}

impl Refused {
    pub(crate) const TITLE: &'static str = "Cannot install on this machine";
    pub(crate) const KEYS: Keys = &[("Up/Down", "move"), ("Enter", "do it")];
    pub(crate) const HELP: &'static str = "No answer to any question changes this. Nothing was written. When the \
        cause is gone, for example because a disk was plugged in, look again.";

    /// The screen, if something rules out any installation.
    pub(crate) fn of(draft: &Draft) -> Option<Self> {
        let reasons = draft.hopeless();
        (!reasons.is_empty()).then(|| Self {
            reasons,
            menu: Menu::new(vec![
                ("Look again", Request::Look),
                ("Open a shell", Request::Shell),
                ("Restart", Request::Finish(Action::Reboot)),
                ("Switch off", Request::Finish(Action::Poweroff)),
                ("Leave the installer", Request::Leave),
            ]),
        })
    }

    pub(crate) fn handle(&mut self, key: KeyEvent) -> Option<Request> {
        self.menu.handle(key)
    }

    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, look: Look) {
        let width = usize::from(area.width);
        let mut lines = vec![
            Line::raw("SigmaVault NAS OS cannot be installed on this machine:"),
            Line::default(),
        ];
        for reason in &self.reasons {
            for (index, line) in wrap(&reason.replace("\n  try: ", "\nWhat to do: "), width - 2)
                .into_iter()
                .enumerate()
            {
                let style = if index == 0 { look.alarm() } else { Style::new() };
                lines.push(Line::styled(
                    format!("{}{line}", if index == 0 { "- " } else { "  " }),
                    style,
                ));
            }
            lines.push(Line::default());
        }
        let [above, below] = split(area, self.menu.height());
        frame.render_widget(Paragraph::new(lines), above);
        self.menu.draw(frame, below, look);
    }
}

/// The area above a menu, and its place at the bottom.
fn split(area: Rect, menu: u16) -> [Rect; 2] {
    let menu = menu.min(area.height);
    let above = Rect {
        height: (area.height - menu).saturating_sub(1),
        ..area
    };
    [above, Rect::new(area.x, area.bottom() - menu, area.width, menu)]
}

/// It is installed.
#[derive(Debug)]
pub(crate) struct Done {
    mode: Mode,
    lines: Vec<String>,
    notes: Vec<String>,
    menu: Menu,
}

impl Done {
    pub(crate) const TITLE: &'static str = "Done";
    pub(crate) const KEYS: Keys = &[("Up/Down", "move"), ("Enter", "do it")];

    pub(crate) fn help(&self) -> &'static str {
        match self.mode {
            Mode::Erase | Mode::KeepData => {
                "Pull the medium out when the machine starts again. If it starts from the medium again, choose the disk in \
                 the firmware's boot menu."
            }
            Mode::Setup => {
                "The machine starts the system that was set up, from the same disk. Leave the disk in the machine."
            }
        }
    }

    pub(crate) fn new(plan: &InstallPlan, took: Duration, outcome: &Outcome) -> Self {
        let disk = &plan.disk;
        let what = match plan.mode {
            Mode::Erase | Mode::KeepData => "installed",
            Mode::Setup => "set up",
        };
        let mut lines = vec![
            format!(
                "SigmaVault NAS OS {} is {what} on {}.",
                plan.source.version, disk.name
            ),
            disk.describe(),
            format!(
                "It took {}, and everything written was read back and is correct.",
                spoken(took)
            ),
            String::new(),
        ];
        if let Some(settings) = &plan.settings {
            let name = &settings.network.hostname;
            lines.push(format!(
                "After the restart: log in as {} on {name}.",
                settings.user.name
            ));
            if settings.user.ssh {
                lines.push(format!("By network: ssh {}@{name}.local", settings.user.name));
            }
        } else {
            lines.push("Settings, users and data were kept.".to_owned());
        }
        if let Some(pool) = &plan.pool {
            lines.push(format!("The data pool {} is at {}.", pool.name, pool.mountpoint));
        }
        Self {
            mode: plan.mode,
            lines,
            notes: outcome.notes.clone(),
            menu: Menu::new(vec![
                (
                    "Restart into the installed system",
                    Request::Finish(Action::Reboot),
                ),
                ("Switch off", Request::Finish(Action::Poweroff)),
                ("Open a shell", Request::Shell),
                ("Leave the installer", Request::Leave),
            ]),
        }
    }

    pub(crate) fn handle(&mut self, key: KeyEvent) -> Option<Request> {
        self.menu.handle(key)
    }

    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, look: Look) {
        let width = usize::from(area.width);
        let mut lines = Vec::new();
        for (index, text) in self.lines.iter().enumerate() {
            let style = if index == 0 { look.good() } else { Style::new() };
            lines.extend(
                wrap(text, width)
                    .into_iter()
                    .map(|line| Line::styled(line, style)),
            );
        }
        lines.push(Line::default());
        for note in &self.notes {
            let note = wrap(&format!("Note: {note}"), width);
            lines.extend(note.into_iter().map(|line| Line::styled(line, look.warning())));
        }
        let [above, below] = split(area, self.menu.height());
        frame.render_widget(Paragraph::new(lines), above);
        self.menu.draw(frame, below, look);
    }
}

fn spoken(took: Duration) -> String {
    match took.as_secs() {
        0..60 => duration(took),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// It did not work.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Step in which it ended.
    at: Option<&'static str>,
    error: String,
    log: Vec<String>,
    /// First line of the log that is shown, while it is.
    log_at: Option<usize>,
    menu: Menu,
}

/// Lines of the log that a page shows at least.
const PAGE: usize = 19;

impl Failed {
    pub(crate) const TITLE: &'static str = "Not installed";
    pub(crate) const HELP: &'static str = "The installation ended before it was complete. It can be run again as often \
        as needed: what was typed is kept, and the disk is recognised as half-done. On a machine started from the medium, the \
        log is also in /run/sigmavault/installer.log.";

    pub(crate) fn new(error: &ExecuteError, at: Option<&'static str>, mut log: Vec<String>) -> Self {
        let error = error.to_string();
        log.extend(error.lines().map(str::to_owned));
        Self {
            at,
            error,
            log,
            log_at: None,
            menu: Menu::new(vec![
                ("Try again", Request::Look),
                ("Read the log (L)", Request::Redraw),
                ("Open a shell", Request::Shell),
                ("Restart", Request::Finish(Action::Reboot)),
                ("Switch off", Request::Finish(Action::Poweroff)),
                ("Leave the installer", Request::Leave),
            ]),
        }
    }

    pub(crate) fn keys(&self) -> Vec<(&'static str, &'static str)> {
        if self.log_at.is_some() {
            vec![("Up/Down PgUp/PgDn", "scroll"), ("Esc", "back")]
        } else {
            vec![("Up/Down", "move"), ("Enter", "do it"), ("L", "log")]
        }
    }

    fn last_page(&self) -> usize {
        self.log.len().saturating_sub(PAGE)
    }

    pub(crate) fn handle(&mut self, key: KeyEvent) -> Option<Request> {
        let last = self.last_page();
        if let Some(at) = &mut self.log_at {
            *at = match key.code {
                KeyCode::Up => at.saturating_sub(1),
                KeyCode::Down => (*at + 1).min(last),
                KeyCode::PageUp => at.saturating_sub(PAGE),
                KeyCode::PageDown => (*at + PAGE).min(last),
                KeyCode::Home => 0,
                KeyCode::End => last,
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'l' | 'L') => {
                    self.log_at = None;
                    return None;
                }
                _ => *at,
            };
            return None;
        }
        if matches!(key.code, KeyCode::Char('l' | 'L')) {
            self.log_at = Some(last);
            return None;
        }
        match self.menu.handle(key) {
            Some(Request::Redraw) => {
                self.log_at = Some(last);
                None
            }
            request => request,
        }
    }

    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, look: Look) {
        let width = usize::from(area.width);
        if let Some(at) = self.log_at {
            let lines = self
                .log
                .iter()
                .skip(at)
                .flat_map(|line| wrap(line, width))
                .map(Line::raw);
            frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
            return;
        }
        let first = match self.at {
            Some(step) => format!("The installation ended at this step: {step}"),
            None => "The installation did not finish.".to_owned(),
        };
        let mut lines = vec![Line::styled(first, look.alarm()), Line::default()];
        for (index, part) in self.error.split("\n  try: ").enumerate() {
            let (text, style) = if index == 0 {
                (sentence(part), Style::new())
            } else {
                (format!("What to do: {part}"), look.chosen())
            };
            lines.extend(
                wrap(&text, width)
                    .into_iter()
                    .map(|line| Line::styled(line, style)),
            );
            lines.push(Line::default());
        }
        let [above, below] = split(area, self.menu.height());
        frame.render_widget(Paragraph::new(lines), above);
        self.menu.draw(frame, below, look);
    }
}
