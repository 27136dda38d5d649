//! The summary: the whole plan, and the confirmation that begins the installation.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{self, Span};
use ratatui::widgets::Paragraph;

use crate::answers::Mode;
use crate::draft::{Draft, sentence};
use crate::identity;
use crate::plan::{Confirmation, InstallPlan, Refusal};
use crate::show::{self, Line, Tone};
use crate::ui::input::Input;
use crate::ui::look::Look;
use crate::ui::screen::{Screen, Turn};
use crate::ui::text::{columns, wrap};

/// Columns of the plan; the narrowest screen has as many.
const WIDTH: usize = 76;
/// Lines of the plan that the lowest screen shows.
const PAGE: usize = 14;

/// The summary.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    plan: Option<InstallPlan>,
    lines: Vec<Line>,
    first: usize,
    typed: Input,
    problem: Option<String>,
}

impl Screen for Summary {
    fn title(&self) -> &'static str {
        "Summary"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        if self.plan.is_none() {
            return vec![("Up/Down", "scroll"), ("Esc", "back")];
        }
        let begin = if self.takes_text() { "install" } else { "set up" };
        vec![("Up/Down PgUp/PgDn", "scroll"), ("Enter", begin), ("Esc", "back")]
    }

    fn help(&self) -> &'static str {
        if !self.takes_text() && self.plan.is_some() {
            return "This is all that will be done. It begins once Enter is pressed; until then nothing is written. The \
                    system that runs from the disk stays on it. Disks of a data pool lose what is on them.";
        }
        "This is all that will be done. The installation begins once the serial number of the system disk (its \
         WWN or name, if the number is missing or also that of another disk) is typed and Enter is pressed. Until then nothing is written. Compare the number \
         with the label on the disk."
    }

    fn enter(&mut self, draft: &mut Draft) {
        self.first = 0;
        self.problem = None;
        self.typed = Input::default();
        draft.answers.system.confirm = None;
        match draft.plan(Confirmation::Later) {
            Ok(plan) => {
                self.lines = show::plan(&draft.machine, &plan);
                self.plan = Some(plan);
            }
            Err(refusals) => {
                let heading = |refusal| Line {
                    tone: Tone::Heading,
                    text: words(refusal),
                };
                self.lines = refusals.iter().map(heading).collect();
                self.plan = None;
            }
        }
        self.lines = self.lines.iter().flat_map(indented).collect();
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        let last = self.lines.len().saturating_sub(PAGE);
        match key.code {
            KeyCode::Up => self.first = self.first.saturating_sub(1),
            KeyCode::Down => self.first = (self.first + 1).min(last),
            KeyCode::PageUp => self.first = self.first.saturating_sub(PAGE - 1),
            KeyCode::PageDown => self.first = (self.first + PAGE - 1).min(last),
            KeyCode::Enter => return self.confirm(draft),
            _ if self.takes_text() && self.typed.handle(key) => self.problem = None,
            _ => return Turn::Unused,
        }
        Turn::Stay
    }

    fn draw(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look) {
        let height = area.height.saturating_sub(7);
        let title = if self.plan.is_some() {
            "This will be done:"
        } else {
            "This cannot be done:"
        };
        frame.render_widget(Span::raw(title), Rect { height: 1, ..area });
        let shown = usize::from(height);
        let first = self.first.min(self.lines.len().saturating_sub(shown));
        let lines: Vec<text::Line> = self
            .lines
            .iter()
            .skip(first)
            .take(shown)
            .map(|line| text::Line::styled(line.text.clone(), style(line.tone, look)))
            .collect();
        frame.render_widget(
            Paragraph::new(lines),
            Rect::new(area.x, area.y + 1, area.width, height),
        );
        let below = self.lines.len().saturating_sub(first + shown);
        let more = match (first, below) {
            (0, 0) => String::new(),
            (above, 0) => format!("-- {above} lines above --"),
            (0, below) => format!("-- {below} more lines: Down --"),
            (above, below) => format!("-- {above} lines above, {below} more below --"),
        };
        frame.render_widget(
            Span::styled(more, look.faint()),
            Rect::new(area.x, area.y + height + 1, area.width, 1),
        );
        if let Some(plan) = &self.plan {
            self.draw_confirmation(
                frame,
                Rect::new(area.x, area.y + height + 3, area.width, 4),
                plan,
                identity::confirmation(&draft.machine, &plan.disk),
                look,
            );
        }
    }
}

impl Summary {
    /// Whether something is typed to confirm the plan.
    fn takes_text(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.mode != Mode::Setup)
    }

    fn confirm(&mut self, draft: &mut Draft) -> Turn {
        let Some(plan) = &self.plan else {
            return Turn::Stay;
        };
        if plan.mode == Mode::Setup {
            // Nothing on the disk is lost, so that there is nothing to type.
            return self.begin(draft);
        }
        let expected = identity::confirmation(&draft.machine, &plan.disk);
        let typed = self.typed.text();
        let typed = typed.trim();
        if !identity::confirms(typed, &draft.machine, &plan.disk) {
            self.problem = Some(if typed.is_empty() {
                format!("Nothing is done before {expected} is typed.")
            } else {
                format!("That is not {expected}. Nothing was done.")
            });
            return Turn::Stay;
        }
        draft.answers.system.confirm = Some(typed.to_owned());
        self.begin(draft)
    }

    fn begin(&mut self, draft: &Draft) -> Turn {
        match draft.plan(Confirmation::Typed) {
            Ok(plan) => Turn::Install(Box::new(plan)),
            Err(refusals) => {
                self.problem = refusals.first().map(words);
                Turn::Stay
            }
        }
    }

    fn draw_confirmation(
        &self,
        frame: &mut Frame,
        area: Rect,
        plan: &InstallPlan,
        expected: &str,
        look: Look,
    ) {
        let what = match plan.mode {
            Mode::Erase => format!("To ERASE {} and install, type", plan.disk.name),
            Mode::KeepData => format!("To rewrite the system on {}, type", plan.disk.name),
            Mode::Setup => {
                let text = format!("Press Enter to set up {}.", plan.disk.name);
                frame.render_widget(
                    text::Line::styled(text, look.chosen()),
                    Rect { height: 1, ..area },
                );
                self.draw_problem(frame, area, look);
                return;
            }
        };
        frame.render_widget(
            text::Line::from(vec![
                Span::raw(format!("{what} ")),
                Span::styled(expected.to_owned(), look.chosen()),
                Span::raw(" and press Enter:"),
            ]),
            Rect { height: 1, ..area },
        );
        self.typed
            .draw(frame, Rect::new(area.x, area.y + 1, area.width.min(50), 1), true);
        self.draw_problem(frame, area, look);
    }

    fn draw_problem(&self, frame: &mut Frame, area: Rect, look: Look) {
        if let Some(problem) = &self.problem {
            frame.render_widget(
                text::Line::styled(format!("! {problem}"), look.alarm()),
                Rect::new(area.x, area.y + 2, area.width, 1),
            );
        }
    }
}

/// Breaks a line, with its indentation on every part.
fn indented(line: &Line) -> Vec<Line> {
    let text = &line.text;
    let indent = text.len() - text.trim_start().len();
    if columns(text) <= WIDTH {
        return vec![line.clone()];
    }
    let parts = wrap(text.trim_start(), WIDTH.saturating_sub(indent + 2));
    parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| match index {
            0 => Line {
                tone: line.tone,
                text: format!("{}{part}", " ".repeat(indent)),
            },
            _ => Line {
                tone: if line.tone == Tone::Heading {
                    Tone::Plain
                } else {
                    line.tone
                },
                text: format!("{}{part}", " ".repeat(indent + 2)),
            },
        })
        .collect()
}

fn style(tone: Tone, look: Look) -> Style {
    match tone {
        Tone::Heading => look.title(),
        Tone::Plain => Style::new(),
        Tone::Loss => look.alarm(),
    }
}

/// A refusal for someone who has no answer file before them.
fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::HoldsData { disk, contents, .. } => {
            format!(
                "{disk} holds {contents}: agree to lose it, or leave the disk out, on the screen of the data pool"
            )
        }
        other => sentence(&other.to_string()),
    }
}
