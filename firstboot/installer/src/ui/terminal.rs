//! Connects an [`App`] with a terminal and with a running installation.

use std::fmt;
use std::io::{self, Write as _};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::cursor;
use crossterm::event::{self, KeyEventKind};
use crossterm::execute;
use ratatui::DefaultTerminal;
use ratatui::layout::{Position, Rect};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::app::App;
use super::request::Request;
use crate::answers::{Action, Keyboard};
use crate::execute::Execute;
use crate::installation::{Installation, Message};
use crate::keyboard::KnownLetters;
use crate::machine::Machine;

/// What the screens need from their surroundings.
pub struct Surroundings<'a> {
    /// Carries plans out.
    pub execute: Arc<dyn Execute>,
    /// Reads the machine again, or says why it cannot be read.
    pub machine: &'a dyn Fn() -> Result<Machine, String>,
    /// Sets the console's keys, and tells which letters they give.
    pub keyboard: &'a dyn Fn(&Keyboard) -> KnownLetters,
    /// Runs a shell on the terminal until it is left.
    pub shell: &'a dyn Fn(),
    /// Receives every line of an installation's log.
    pub log: &'a dyn Fn(&str),
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

/// How the person left the installer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Whether a system was installed.
    pub installed: bool,
    /// What the person wants to happen now.
    pub action: Action,
}

/// Runs until the person leaves it. The terminal is as before afterwards, also after a panic.
pub fn run(app: &mut App, surroundings: &Surroundings) -> io::Result<Left> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    size_or_guess();
    show_cursor_on_panic();
    let mut terminal = ratatui::try_init()?;
    let result = turn(&mut terminal, app, surroundings, &ended);
    // Consoles without a second screen would keep the last one under what comes next.
    let cleared = wipe(&mut terminal).and_then(|()| terminal.show_cursor());
    let restored = ratatui::try_restore();
    let action = result?;
    restored.and(cleared)?;
    Ok(Left {
        installed: app.installed(),
        action,
    })
}

fn turn(
    terminal: &mut DefaultTerminal,
    app: &mut App,
    surroundings: &Surroundings,
    ended: &AtomicBool,
) -> io::Result<Action> {
    let began = Instant::now();
    let mut running: Option<Installation> = None;
    let mut changed = true;
    loop {
        app.clock(began.elapsed());
        if changed || app.installing() {
            terminal.draw(|frame| app.draw(frame))?;
        }
        // An installation is looked at four times a second; otherwise only signals are.
        let wait = Duration::from_millis(if running.is_some() { 250 } else { 1000 });
        changed = event::poll(wait)?;
        if changed {
            let request = match event::read()? {
                event::Event::Key(key) if key.kind != KeyEventKind::Release => app.handle(key),
                _ => None,
            };
            match request {
                None => {}
                Some(Request::Leave) => return Ok(leave(running, Action::Wait)),
                Some(Request::Finish(action)) => return Ok(leave(running, action)),
                Some(Request::Install(plan)) => {
                    running = Some(Installation::begin(&surroundings.execute, *plan)?);
                }
                Some(Request::Stop) => {
                    if let Some(running) = &running {
                        running.stop();
                    }
                }
                Some(Request::Keyboard(keyboard)) => {
                    app.learn((surroundings.keyboard)(&keyboard));
                    // A console may have been reset for it.
                    wipe(terminal)?;
                }
                Some(Request::Look) => match (surroundings.machine)() {
                    Ok(machine) => app.look_at(machine),
                    Err(error) => app.say(error),
                },
                Some(Request::Shell) => shell(terminal, surroundings)?,
                Some(Request::Redraw) => wipe(terminal)?,
            }
        }
        if let Some(installation) = &running {
            app.clock(began.elapsed());
            if take_in(app, installation, surroundings) {
                running = None;
                changed = true;
            }
        }
        if ended.load(Ordering::Relaxed) {
            return Ok(leave(running, Action::Wait));
        }
    }
}

/// Passes all messages on to the screens; whether the last was among them.
fn take_in(app: &mut App, installation: &Installation, surroundings: &Surroundings) -> bool {
    while let Some(message) = installation.next(Duration::ZERO) {
        match message {
            Message::Event(event) => {
                if let Some(line) = crate::show::event(&event) {
                    (surroundings.log)(&line);
                }
                app.tell(event);
            }
            Message::Ended(result) => {
                if let Err(error) = &result {
                    (surroundings.log)(&error.to_string());
                }
                app.ended(result);
                return true;
            }
        }
    }
    false
}

/// Leaves; an installation that runs is stopped and waited for first.
fn leave(running: Option<Installation>, action: Action) -> Action {
    if let Some(installation) = running {
        installation.stop();
        while !matches!(installation.next(Duration::from_mins(1)), Some(Message::Ended(_))) {}
    }
    action
}

/// Clears the screen, so that all of it is drawn anew. ratatui's own `clear` first asks the terminal where its cursor
/// is, which not every serial terminal answers.
fn wipe(terminal: &mut DefaultTerminal) -> io::Result<()> {
    let area = Rect::from((Position::ORIGIN, terminal.size()?));
    terminal.resize(area)?;
    terminal.set_cursor_position(Position::ORIGIN)
}

fn shell(terminal: &mut DefaultTerminal, surroundings: &Surroundings) -> io::Result<()> {
    wipe(terminal)?;
    terminal.show_cursor()?;
    ratatui::try_restore()?;
    println!("`exit` leads back to the installer.");
    (surroundings.shell)();
    *terminal = ratatui::try_init()?;
    wipe(terminal)
}

/// The rest of the terminal is restored by the hook that ratatui puts before this one.
fn show_cursor_on_panic() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // Nothing can be done about a terminal that is gone.
        drop(execute!(io::stdout(), cursor::Show));
        before(info);
    }));
}

/// Serial lines know no size: asks the terminal on the other end, and takes 80 by 24 when it does not answer.
fn size_or_guess() {
    let stdout = io::stdout();
    let known = tcgetwinsize(&stdout).is_ok_and(|size| size.ws_col > 0 && size.ws_row > 0);
    if known {
        return;
    }
    let (columns, rows) = asked_size().unwrap_or((80, 24));
    let size = Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // Where this fails there is no terminal at all, and the next step says so.
    let _ = tcsetwinsize(&stdout, size);
}

/// Sends the cursor far down to the right and asks where it stands then.
fn asked_size() -> Option<(u16, u16)> {
    crossterm::terminal::enable_raw_mode().ok()?;
    let answer = (|| {
        let mut out = io::stdout();
        out.write_all(b"\x1b7\x1b[999;999H").ok()?;
        out.flush().ok()?;
        let (column, row) = crossterm::cursor::position().ok()?;
        out.write_all(b"\x1b8").ok()?;
        out.flush().ok()?;
        Some((column + 1, row + 1))
    })();
    let _ = crossterm::terminal::disable_raw_mode();
    answer.filter(|(columns, rows)| *columns >= 20 && *rows >= 5)
}
