//! The state of the installer: keys and messages go in, requests come out. It reads no clock and no terminal.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::ending::{Done, Failed, Refused};
use super::key_shown::KeyShown;
use super::look::Look;
use super::progress::Progress;
use super::request::Request;
use super::screen::{Screen, Turn};
use super::screens;
use super::text::wrap;
use crate::answers::Mode;
use crate::draft::{Draft, Place};
use crate::execute::ExecuteError;
use crate::keyboard::KnownLetters;
use crate::machine::Machine;
use crate::progress::{Event, Outcome};

/// The least terminal: columns and lines.
const LEAST: (u16, u16) = (80, 24);

/// Where it stands.
#[derive(Debug)]
enum Phase {
    Refused(Refused),
    Asking(Place),
    Installing(Box<Progress>),
    Key(KeyShown),
    Done(Done),
    Failed(Failed),
}

/// What lies over the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Over {
    Help,
    Leave,
    Stop,
    Said(String),
    Before(String),
}

/// The installer's state.
#[derive(Debug)]
pub struct App {
    draft: Draft,
    screens: Vec<Box<dyn Screen>>,
    phase: Phase,
    over: Option<Over>,
    look: Look,
    now: Duration,
    installed: bool,
}

impl App {
    /// Begins, or says why there is nothing to begin.
    pub fn new(machine: Machine, look: Look) -> Self {
        let draft = Draft::new(machine);
        let phase = first_phase(&draft);
        let screens = screens::all(&draft);
        let mut app = Self {
            draft,
            screens,
            phase,
            over: None,
            look,
            now: Duration::ZERO,
            installed: false,
        };
        app.enter();
        app
    }

    /// Whether an installation has finished.
    pub fn installed(&self) -> bool {
        self.installed
    }

    /// Whether nothing can be installed here, or the last installation did not finish.
    pub fn failed(&self) -> bool {
        matches!(
            self.phase,
            Phase::Refused(_) | Phase::Failed(_) | Phase::Installing(_)
        )
    }

    /// Whether one is running.
    pub fn installing(&self) -> bool {
        matches!(self.phase, Phase::Installing(_))
    }

    /// Time since the installer began.
    pub fn clock(&mut self, now: Duration) {
        self.now = now;
    }

    /// The machine, read again; what was typed stays.
    pub fn look_at(&mut self, machine: Machine) {
        let before = std::mem::replace(&mut self.draft.machine, machine);
        self.draft.machine.letters.add(before.letters);
        self.phase = first_phase(&self.draft);
        if matches!(self.phase, Phase::Asking(_)) && self.draft.disk.is_some() {
            let gone = self.draft.disk().is_none_or(|disk| disk.in_use.is_some());
            let again = gone && Place::Disk.applies(&self.draft);
            self.phase = Phase::Asking(if again { Place::Disk } else { Place::Summary });
        }
        self.enter();
    }

    /// The letters of the keyboard that was asked for.
    pub fn learn(&mut self, letters: KnownLetters) {
        self.draft.machine.letters.add(letters);
        if let Phase::Asking(place) = self.phase
            && self.screens[place as usize].learned(&mut self.draft)
        {
            self.go(true);
        }
    }

    /// Shows that a request failed.
    pub fn say(&mut self, text: String) {
        self.over = Some(Over::Said(text));
    }

    /// Shows what happened before the screens, which cover it.
    pub fn say_before(&mut self, text: String) {
        self.over = Some(Over::Before(text));
    }

    /// An event of the installation.
    pub fn tell(&mut self, event: Event) {
        if let Phase::Installing(progress) = &mut self.phase {
            progress.tell(event);
        }
    }

    /// The installation has ended.
    pub fn ended(&mut self, result: Result<Outcome, ExecuteError>) {
        let Phase::Installing(progress) = &mut self.phase else {
            return;
        };
        if self.over == Some(Over::Stop) {
            self.over = None;
        }
        let took = self.now.saturating_sub(progress.began());
        match result {
            Ok(outcome) => {
                self.installed = true;
                let done = Done::new(progress.plan(), took, &outcome);
                self.phase = match KeyShown::of(&outcome) {
                    Some(keys) => Phase::Key(keys.before(done)),
                    None => Phase::Done(done),
                };
            }
            Err(error) => self.phase = Phase::Failed(Failed::new(&error, progress.at(), progress.log())),
        }
    }

    fn enter(&mut self) {
        if let Phase::Asking(place) = self.phase {
            self.screens[place as usize].enter(&mut self.draft);
        }
    }

    fn go(&mut self, forward: bool) {
        let Phase::Asking(place) = self.phase else {
            return;
        };
        let applies = |place: &&Place| place.applies(&self.draft);
        let next = if forward {
            Place::ALL.iter().filter(applies).find(|other| **other > place)
        } else {
            Place::ALL.iter().filter(applies).rfind(|other| **other < place)
        };
        match next {
            Some(next) => {
                self.phase = Phase::Asking(*next);
                self.enter();
            }
            None => self.over = Some(Over::Leave),
        }
    }

    /// A key.
    pub fn handle(&mut self, key: KeyEvent) -> Option<Request> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('l') {
            return Some(Request::Redraw);
        }
        if let Some(over) = self.over.clone() {
            return self.answer(&over, key);
        }
        match key.code {
            KeyCode::Char('c') if control => {
                self.over = Some(if self.installing() {
                    Over::Stop
                } else {
                    Over::Leave
                });
                return None;
            }
            KeyCode::F(1) => {
                self.over = Some(Over::Help);
                return None;
            }
            _ => {}
        }
        match &mut self.phase {
            Phase::Asking(place) => {
                let turn = self.screens[*place as usize].handle(key, &mut self.draft);
                self.turn(turn, key)
            }
            Phase::Refused(refused) => refused.handle(key),
            Phase::Installing(_) => None,
            Phase::Key(shown) => {
                if let Some(done) = shown.handle(key) {
                    self.phase = Phase::Done(done);
                }
                None
            }
            Phase::Done(done) => done.handle(key),
            Phase::Failed(failed) => failed.handle(key),
        }
    }

    fn turn(&mut self, turn: Turn, key: KeyEvent) -> Option<Request> {
        match turn {
            Turn::Stay => {}
            Turn::Next => self.go(true),
            Turn::Keyboard(keyboard) => return Some(Request::Keyboard(keyboard)),
            Turn::Install(plan) => {
                self.phase = Phase::Installing(Box::new(Progress::new((*plan).clone(), self.now)));
                return Some(Request::Install(plan));
            }
            Turn::Unused => match key.code {
                KeyCode::Esc => self.go(false),
                KeyCode::Char('?') => self.over = Some(Over::Help),
                _ => {}
            },
        }
        None
    }

    fn answer(&mut self, over: &Over, key: KeyEvent) -> Option<Request> {
        let yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
        let no = matches!(key.code, KeyCode::Char('n' | 'N') | KeyCode::Esc | KeyCode::Enter);
        match over {
            Over::Help | Over::Said(_) | Over::Before(_) => {
                self.over = None;
                None
            }
            Over::Leave if yes => Some(Request::Leave),
            Over::Stop if yes => {
                self.over = None;
                if let Phase::Installing(progress) = &mut self.phase {
                    progress.stopping();
                }
                Some(Request::Stop)
            }
            Over::Leave | Over::Stop => {
                if no {
                    self.over = None;
                }
                None
            }
        }
    }

    /// Title, help and keys of what is shown.
    fn about(&self) -> (&'static str, &'static str, Vec<(&'static str, &'static str)>) {
        match &self.phase {
            Phase::Asking(place) => {
                let screen = &self.screens[*place as usize];
                (screen.title(), screen.help(), screen.keys())
            }
            Phase::Refused(_) => (Refused::TITLE, Refused::HELP, Refused::KEYS.to_vec()),
            Phase::Installing(_) => (Progress::TITLE, Progress::HELP, Progress::KEYS.to_vec()),
            Phase::Key(_) => (KeyShown::TITLE, KeyShown::HELP, KeyShown::KEYS.to_vec()),
            Phase::Done(done) => (Done::TITLE, done.help(), Done::KEYS.to_vec()),
            Phase::Failed(failed) => (Failed::TITLE, Failed::HELP, failed.keys()),
        }
    }

    /// Which step it is, of how many: those that are asked, the installation and its end.
    fn step(&self) -> Option<(usize, usize)> {
        let asked: Vec<Place> = Place::ALL
            .into_iter()
            .filter(|place| place.applies(&self.draft))
            .collect();
        let step = match &self.phase {
            Phase::Refused(_) => return None,
            Phase::Asking(place) => asked.iter().position(|other| other == place)? + 1,
            Phase::Installing(_) | Phase::Failed(_) => asked.len() + 1,
            Phase::Key(_) | Phase::Done(_) => asked.len() + 2,
        };
        Some((step, asked.len() + 2))
    }

    /// Draws what is to be seen now.
    pub fn draw(&self, frame: &mut Frame) {
        let area = frame.area();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            too_small(frame, area);
            return;
        }
        let (title, help, keys) = self.about();
        let body = Rect {
            height: area.height - 1,
            ..area
        };
        let version = &self.draft.machine.source.version;
        let mut block = Block::bordered()
            .padding(Padding::horizontal(1))
            .title(Line::styled(
                format!(" SigmaVault NAS OS {version} "),
                Style::new(),
            ))
            .title(Line::styled(format!(" {title} "), self.look.title()));
        if let Some((step, of)) = self.step() {
            block = block.title(Line::raw(format!(" Step {step} of {of} ")).right_aligned());
        }
        let inner = block.inner(body);
        frame.render_widget(block, body);
        match &self.phase {
            Phase::Asking(place) => {
                self.screens[*place as usize].draw(frame, inner, &self.draft, self.look);
            }
            Phase::Refused(refused) => refused.draw(frame, inner, self.look),
            Phase::Installing(progress) => progress.draw(frame, inner, self.now, self.look),
            Phase::Key(shown) => shown.draw(frame, inner, self.look),
            Phase::Done(done) => done.draw(frame, inner, self.look),
            Phase::Failed(failed) => failed.draw(frame, inner, self.look),
        }
        self.draw_keys(frame, Rect::new(area.x, area.bottom() - 1, area.width, 1), keys);
        match &self.over {
            Some(Over::Said(text)) => self.draw_over(frame, body, "It did not work", text, "any key closes"),
            Some(Over::Before(text)) => self.draw_over(
                frame,
                body,
                "Installation by answers",
                text,
                "any key goes on to the installer",
            ),
            Some(Over::Help) => self.draw_over(
                frame,
                body,
                title,
                &format!("{help}\n\n{GENERAL}"),
                "any key closes",
            ),
            Some(Over::Leave) => {
                self.draw_over(
                    frame,
                    body,
                    "Leave the installer?",
                    self.leaving(),
                    "y leaves, n stays",
                );
            }
            Some(Over::Stop) => {
                self.draw_over(
                    frame,
                    body,
                    "Stop the installation?",
                    self.stopping(),
                    "y stops it, n goes on",
                );
            }
            None => {}
        }
        self.look.apply(frame.buffer_mut());
    }

    fn leaving(&self) -> &'static str {
        match self.phase {
            Phase::Key(_) => "The system is installed. Its keys will not be shown again.",
            Phase::Done(_) => "The system is installed.",
            Phase::Failed(_) => "The system is not completely installed; the installation can be run again.",
            Phase::Refused(_) | Phase::Asking(_) | Phase::Installing(_) => {
                "Nothing was written to any disk. What was typed is lost."
            }
        }
    }

    fn stopping(&self) -> &'static str {
        match self.draft.mode() {
            Mode::KeepData => {
                "It stops at the next safe point. Settings, users and data stay; the system may start from one of its two \
                 slots only, until the installation is run again."
            }
            Mode::Erase => {
                "It stops at the next safe point. The system disk is then not bootable, and what was erased stays lost; \
                 the installation can be run again at any time."
            }
            Mode::Setup => {
                "It stops at the next safe point. The disk is then not set up, and what was erased for a data pool stays \
                 lost; the setup can be run again at any time, also after a restart."
            }
        }
    }

    fn draw_keys(&self, frame: &mut Frame, area: Rect, keys: Vec<(&'static str, &'static str)>) {
        let mut spans = vec![Span::raw(" ")];
        let leave = if self.installing() { "stop" } else { "leave" };
        for (key, meaning) in keys.into_iter().chain([("F1", "help"), ("Ctrl-C", leave)]) {
            spans.push(Span::styled(key, self.look.chosen()));
            spans.push(Span::raw(format!(" {meaning}  ")));
        }
        frame.render_widget(Line::from(spans), area);
    }

    fn draw_over(&self, frame: &mut Frame, area: Rect, title: &str, text: &str, keys: &str) {
        const WIDTH: u16 = 66;
        let mut lines = wrap(text, usize::from(WIDTH) - 4);
        lines.push(String::new());
        let height = u16::try_from(lines.len() + 3)
            .unwrap_or(u16::MAX)
            .min(area.height);
        let place = Rect::new(
            area.x + (area.width - WIDTH) / 2,
            area.y + (area.height - height) / 2,
            WIDTH,
            height,
        );
        let block = Block::bordered()
            .padding(Padding::horizontal(1))
            .title(Line::styled(format!(" {title} "), self.look.title()));
        let inner = block.inner(place);
        frame.render_widget(Clear, place);
        frame.render_widget(block, place);
        let mut lines: Vec<Line> = lines.into_iter().map(Line::raw).collect();
        lines.push(Line::styled(keys, self.look.chosen()));
        frame.render_widget(Paragraph::new(lines), inner);
    }
}

const GENERAL: &str = "Tab, Shift-Tab and the arrows move; Enter goes on; Esc goes back, and what was typed stays. \
    Ctrl-C leaves after a question. Ctrl-L redraws the screen.";

fn first_phase(draft: &Draft) -> Phase {
    Refused::of(draft).map_or(Phase::Asking(Place::Welcome), Phase::Refused)
}

fn too_small(frame: &mut Frame, area: Rect) {
    let text = format!(
        "This terminal has {} columns and {} lines; the installer needs {} and {}. Make it larger.",
        area.width, area.height, LEAST.0, LEAST.1
    );
    let lines: Vec<Line> = wrap(&text, usize::from(area.width))
        .into_iter()
        .map(Line::raw)
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}
