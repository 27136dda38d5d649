//! An installer without a terminal: keys go in, the screen comes out as text.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "each test program uses a part of it"
)]

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use sigmavault_installer::demo::{self, Demo, Scenario};
use sigmavault_installer::execute::Execute as _;
use sigmavault_installer::machine::Machine;
use sigmavault_installer::plan::InstallPlan;
use sigmavault_installer::progress::{Event, Stop};
use sigmavault_installer::ui::{App, Look, Request};

/// A terminal with everything.
pub const RICH: Look = Look {
    unicode: true,
    colour: true,
};
/// A terminal with ASCII alone.
pub const PLAIN: Look = Look {
    unicode: false,
    colour: false,
};

/// An installer without a terminal.
pub struct Screen {
    pub app: App,
    terminal: Terminal<TestBackend>,
    pub requests: Vec<Request>,
    scenario: Scenario,
}

impl Screen {
    pub fn new(scenario: Scenario, look: Look) -> Self {
        Self::of(scenario, scenario.machine(), look)
    }

    pub fn of(scenario: Scenario, machine: Machine, look: Look) -> Self {
        Self {
            app: App::new(machine, look),
            terminal: Terminal::new(TestBackend::new(80, 24)).unwrap(),
            requests: Vec::new(),
            scenario,
        }
    }

    pub fn resize(&mut self, columns: u16, lines: u16) {
        self.terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    }

    pub fn key(&mut self, key: KeyEvent) -> &mut Self {
        let request = self.app.handle(key);
        if let Some(Request::Keyboard(keyboard)) = &request {
            self.app.learn(demo::letters(keyboard));
        }
        self.requests.extend(request);
        self
    }

    pub fn press(&mut self, code: KeyCode) -> &mut Self {
        self.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    pub fn control(&mut self, letter: char) -> &mut Self {
        self.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL))
    }

    pub fn times(&mut self, count: usize, code: KeyCode) -> &mut Self {
        for _ in 0..count {
            self.press(code);
        }
        self
    }

    pub fn enter(&mut self) -> &mut Self {
        self.press(KeyCode::Enter)
    }

    pub fn write(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            self.press(KeyCode::Char(letter));
        }
        self
    }

    /// What is on the screen, without blanks at the ends of lines.
    pub fn text(&mut self) -> String {
        let app = &self.app;
        self.terminal.draw(|frame| app.draw(frame)).unwrap();
        let buffer = self.terminal.backend().buffer();
        let lines = buffer.content.chunks(usize::from(buffer.area.width)).map(|line| {
            let line: String = line.iter().map(ratatui::buffer::Cell::symbol).collect();
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The title in the upper border.
    pub fn title(&mut self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }

    pub fn assert_shows(&mut self, what: &str) -> &mut Self {
        let text = self.text();
        assert!(text.contains(what), "'{what}' is not on:\n{text}");
        self
    }

    pub fn assert_lacks(&mut self, what: &str) -> &mut Self {
        let text = self.text();
        assert!(!text.contains(what), "'{what}' is on:\n{text}");
        self
    }

    /// Language, keyboard and time zone as they are proposed.
    pub fn reach_disks(&mut self) -> &mut Self {
        self.enter().enter().enter().assert_shows("System disk")
    }

    /// On from the disk to the user, with nothing changed: no encryption, no pool, DHCP.
    pub fn reach_user(&mut self) -> &mut Self {
        self.reach_disks();
        self.enter().assert_shows(" Encryption ").enter();
        if self.title().contains("Data pool") {
            self.enter();
        }
        self.assert_shows("Host name and network").enter().enter();
        self.assert_shows("Administrator")
    }

    /// The user is asked for and filled in.
    pub fn fill_user(&mut self) -> &mut Self {
        self.write("ada").enter().enter().write("correct horse").enter();
        self.write("correct horse").enter().enter();
        self.assert_shows(" Summary ")
    }

    /// The plan that was confirmed.
    pub fn plan(&self) -> InstallPlan {
        self.requests
            .iter()
            .find_map(|request| match request {
                Request::Install(plan) => Some((**plan).clone()),
                _ => None,
            })
            .unwrap()
    }

    /// Runs the installation that was asked for, until this much of it was told.
    pub fn tell(&mut self, events: &[Event]) -> &mut Self {
        for event in events {
            self.app.tell(event.clone());
        }
        self
    }

    /// Runs the installation that was asked for to its end.
    pub fn run(&mut self) -> &mut Self {
        let events = std::sync::Mutex::new(Vec::new());
        let result =
            Demo::new(self.scenario, Duration::ZERO).execute(&self.plan(), &Stop::default(), &|event| {
                events.lock().unwrap().push(event);
            });
        // Times differ from run to run.
        let mut events = events.into_inner().unwrap();
        for event in &mut events {
            if let Event::Done { elapsed, .. } = event {
                *elapsed = Duration::from_secs(1);
            }
        }
        self.tell(&events);
        self.app.clock(Duration::from_secs(95));
        self.app.ended(result);
        self
    }
}
