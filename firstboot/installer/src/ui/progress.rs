//! The running installation: every step, how far it is, and how long it will take.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::look::Look;
use super::text::{duration, fit, wrap};
use crate::machine::decimal;
use crate::plan::InstallPlan;
use crate::progress::{Event, Step, rate};
use crate::show;

/// How far a step is.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Waiting,
    Running {
        done: u64,
        total: Option<u64>,
        elapsed: Duration,
    },
    Done {
        elapsed: Duration,
        said: String,
    },
}

/// The running installation.
#[derive(Debug)]
pub(crate) struct Progress {
    plan: InstallPlan,
    began: Duration,
    steps: Vec<(Step, State)>,
    notes: Vec<String>,
    log: Vec<String>,
    stopping: bool,
}

impl Progress {
    pub(crate) const TITLE: &'static str = "Installation";
    pub(crate) const KEYS: &'static [(&'static str, &'static str)] = &[];
    pub(crate) const HELP: &'static str = "The system is copied to the disk and read back, twice: once for each of \
        its two slots. Nothing has to be done now. Ctrl-C stops the installation after a question.";

    /// Begins now.
    pub(crate) fn new(plan: InstallPlan, began: Duration) -> Self {
        Self {
            steps: show::steps(&plan)
                .into_iter()
                .map(|step| (step, State::Waiting))
                .collect(),
            plan,
            began,
            notes: Vec::new(),
            log: Vec::new(),
            stopping: false,
        }
    }

    pub(crate) fn plan(&self) -> &InstallPlan {
        &self.plan
    }

    pub(crate) fn began(&self) -> Duration {
        self.began
    }

    /// Title of the step that runs.
    pub(crate) fn at(&self) -> Option<&'static str> {
        let running = |state: &State| matches!(state, State::Running { .. });
        self.steps
            .iter()
            .find(|(_, state)| running(state))
            .map(|(step, _)| step.title())
    }

    /// What was told, a line each.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.clone()
    }

    /// A stop was requested.
    pub(crate) fn stopping(&mut self) {
        self.stopping = true;
    }

    fn state(&mut self, step: Step) -> Option<&mut State> {
        if !self.steps.iter().any(|(known, _)| *known == step) {
            let running = self.steps.iter().rposition(|(_, state)| *state != State::Waiting);
            self.steps
                .insert(running.map_or(0, |at| at + 1), (step, State::Waiting));
        }
        self.steps
            .iter_mut()
            .find(|(known, _)| *known == step)
            .map(|(_, state)| state)
    }

    /// Records an event of the installation.
    pub(crate) fn tell(&mut self, event: Event) {
        if let Some(line) = show::event(&event) {
            self.log.push(line);
        }
        let (step, state) = match event {
            Event::Began { step, bytes } => (
                step,
                State::Running {
                    done: 0,
                    total: bytes,
                    elapsed: Duration::ZERO,
                },
            ),
            Event::Bytes {
                step,
                done,
                total,
                elapsed,
            } => (
                step,
                State::Running {
                    done,
                    total: Some(total),
                    elapsed,
                },
            ),
            Event::Done { step, elapsed, said } => (step, State::Done { elapsed, said }),
            Event::Note { text } => {
                self.notes.push(text);
                return;
            }
        };
        if let Some(place) = self.state(step) {
            *place = state;
        }
    }

    /// Thousandths done of everything: bytes count as bytes, other steps as a twentieth of a slot.
    fn part(&self) -> u128 {
        let source = &self.plan.source;
        let slot = u128::from(source.root_bytes + source.verity_bytes).max(20);
        let (mut done, mut all) = (0, 0);
        for (step, state) in &self.steps {
            let weight = match step {
                Step::CopyA | Step::CopyB | Step::VerifyA | Step::VerifyB => slot,
                _ => slot / 20,
            };
            all += weight;
            done += match state {
                State::Running {
                    done,
                    total: Some(total),
                    ..
                } if *total > 0 => weight * u128::from(*done.min(total)) / u128::from(*total),
                State::Waiting | State::Running { .. } => 0,
                State::Done { .. } => weight,
            };
        }
        (done * 1000).checked_div(all).unwrap_or(0)
    }

    /// Thousandths done of the step that runs, when it counts bytes.
    fn part_of_step(&self) -> Option<u128> {
        self.steps.iter().find_map(|(_, state)| match state {
            State::Running {
                done,
                total: Some(total),
                ..
            } => (u128::from(*done.min(total)) * 1000).checked_div(u128::from(*total)),
            State::Waiting | State::Running { .. } | State::Done { .. } => None,
        })
    }

    /// Draws it.
    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, now: Duration, look: Look) {
        let width = usize::from(area.width);
        let mut lines = Vec::new();
        for (step, state) in &self.steps {
            let (mark, style, right) = match state {
                State::Waiting => ("[ ]", look.faint(), String::new()),
                State::Running { done, total, elapsed } => {
                    ("[>]", look.chosen(), running(*done, *total, *elapsed))
                }
                State::Done { elapsed, said } => ("[x]", look.good(), finished(*elapsed, said)),
            };
            let left = fit(&format!("{mark} {}", step.title()), 32);
            lines.push(Line::styled(fit(&format!("{left} {right}"), width), style));
        }
        lines.push(Line::default());
        let took = duration(now.saturating_sub(self.began));
        if let Some(part) = self.part_of_step() {
            lines.push(labelled_bar("This step", part, "", width));
        }
        lines.push(labelled_bar("Overall", self.part(), &took, width));
        lines.push(Line::default());
        if self.stopping {
            lines.push(Line::styled("Stopping at the next safe point ...", look.alarm()));
        }
        let room = usize::from(area.height).saturating_sub(lines.len());
        let notes: Vec<Line> = self
            .notes
            .iter()
            .flat_map(|note| wrap(&format!("Note: {note}"), width))
            .map(|line| Line::styled(line, look.warning()))
            .collect();
        lines.extend(notes.into_iter().rev().take(room).rev());
        frame.render_widget(Paragraph::new(lines).style(Style::new()), area);
    }
}

/// Bytes, rate and time left of a running step.
fn running(done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let Some(total) = total.filter(|total| *total > 0) else {
        return "working".to_owned();
    };
    let mut text = format!("{} of {}", decimal(done), decimal(total));
    if let Some((rate, left)) = rate(done, total, elapsed) {
        text.extend([
            "  ".to_owned(),
            show::per_second(rate),
            format!("  {} left", duration(left)),
        ]);
    }
    text
}

fn finished(elapsed: Duration, said: &str) -> String {
    format!("{:>6}  {said}", duration(elapsed))
}

fn labelled_bar(label: &str, part: u128, end: &str, width: usize) -> Line<'static> {
    let bar = bar(part, width.saturating_sub(10 + 8 + 10));
    Line::from(format!("{label:10}{bar} {:3} %  {end}", part / 10))
}

/// A bar of this width, brackets included, for thousandths.
fn bar(part: u128, width: usize) -> String {
    let room = width.saturating_sub(2);
    let filled = usize::try_from(part).unwrap_or(0).min(1000) * room / 1000;
    format!("[{}{}]", "█".repeat(filled), "░".repeat(room - filled))
}
