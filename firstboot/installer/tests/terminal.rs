//! The program itself on a pseudo-terminal of 80 columns and 24 lines.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};

const SERIAL: &str = "S5GXNX0R401382F";
const PATIENCE: Duration = Duration::from_secs(30);
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const END: &str = "\x1b[F";
const ENTER: &str = "\r";
const TAB: &str = "\t";
const ESC: &str = "\x1b";

/// The installer on a terminal of its own.
struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<vt100::Parser>>,
    all: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(arguments: &[&str]) -> Self {
        Self::start_as("xterm-256color", arguments)
    }

    fn start_as(term: &str, arguments: &[&str]) -> Self {
        Self::start_on(term, (80, 24), arguments)
    }

    fn start_on(term: &str, (columns, rows): (u16, u16), arguments: &[&str]) -> Self {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).unwrap();
        let copy = |end: &OwnedFd| end.try_clone().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_sigmavault-installer"))
            .args(arguments)
            .env_clear()
            .env("TERM", term)
            .env("LANG", "C.UTF-8")
            .env("SHELL", "/bin/true")
            .stdin(copy(&pty.slave))
            .stdout(copy(&pty.slave))
            .stderr(copy(&pty.slave))
            .spawn()
            .unwrap();
        drop(pty.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(24, 80, 0)));
        let all = Arc::new(Mutex::new(Vec::new()));
        let mut output = File::from(copy(&pty.master));
        let (seen, kept) = (Arc::clone(&screen), Arc::clone(&all));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                seen.lock().unwrap().process(&buffer[..count]);
                kept.lock().unwrap().extend(&buffer[..count]);
            }
        });
        Self {
            child,
            keys: File::from(pty.master),
            screen,
            all,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn press(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Waits until something is on the screen.
    fn shows(&mut self, what: &str) -> &mut Self {
        let end = Instant::now() + PATIENCE;
        while !self.text().contains(what) {
            assert!(Instant::now() < end, "'{what}' is not on:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
        self
    }

    fn lacks(&mut self, what: &str) -> &mut Self {
        assert!(!self.text().contains(what), "'{what}' is on:\n{}", self.text());
        self
    }

    fn ends(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything that was written on the terminal.
    fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.all.lock().unwrap()).into_owned()
    }

    /// Through language, keyboard and time zone.
    fn reach_disks(&mut self) -> &mut Self {
        self.shows(" Welcome ")
            .shows("Step 1 of 12")
            .press("german (d")
            .shows("Search: german (d_")
            .press(ENTER);
        self.shows(" Keyboard ").shows("> German (de)").press(ENTER);
        self.shows(" Time zone ")
            .press("berl")
            .shows("Search: berl_")
            .press(ENTER);
        self.shows(" System disk ")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn every_screen_to_the_end() {
    let mut terminal = Terminal::start(&["--demo", "empty", "--demo-milliseconds", "2000"]);
    terminal
        .reach_disks()
        .shows(SERIAL)
        .press(END)
        .shows("It cannot be chosen: it is the medium");
    terminal
        .press(ENTER)
        .shows("! sdf cannot be chosen.")
        .press("\x1b[H")
        .press(ENTER);
    terminal
        .shows(" Encryption ")
        .press(DOWN)
        .shows("Recovery key")
        .press(ENTER);
    terminal
        .press("correct horse battery")
        .shows("Good.")
        .press(ENTER)
        .press("correct horse battery")
        .press(ENTER);
    terminal.press(ENTER).press(ENTER);
    terminal
        .shows(" Data pool ")
        .press(DOWN)
        .shows("< raidz1, 7.86 TB usable, any 1 disk may fail >");
    terminal
        .press(TAB)
        .press(TAB)
        .press(TAB)
        .press(END)
        .press(" ")
        .shows("All of this will be LOST")
        .press("y");
    terminal
        .shows("< raidz2, 7.62 TB usable, any 2 disks may fail >")
        .press(ENTER)
        .press("\x1b[C");
    terminal
        .shows("< mirror, 3.88 TB usable, any 3 disks may fail >")
        .press("\x1b[D")
        .press(ENTER);
    terminal
        .shows(" Host name and network ")
        .press("\x15vault")
        .press(ENTER)
        .press(ENTER);
    terminal
        .shows(" Administrator ")
        .press("ada\r\rlong enough\rlong enough\r")
        .press(ENTER);
    terminal
        .shows(" Summary ")
        .shows("LOST: 2 partitions")
        .shows("-- 18 more lines: Down --");
    terminal
        .press("\x1b[6~")
        .press("\x1b[6~")
        .shows("language de_DE.UTF-8, keyboard de, time zone Europe/Berlin");
    terminal
        .press("wrong")
        .press(ENTER)
        .shows("! That is not S5GXNX0R401382F. Nothing was done.");
    terminal.press("\x15").press(SERIAL).press(ENTER);
    terminal
        .shows(" Installation ")
        .shows("[>] Copy the system to slot A")
        .shows("MB/s")
        .shows("left");
    terminal.shows("[x] Copy the system to slot A");
    terminal
        .shows(" Recovery key ")
        .shows("cbdefghi-jklnrtuv-vutrnlkj-ihgfedbc-")
        .press(ENTER);
    terminal.shows("Is it in a safe place?").press("y");
    terminal
        .shows("This key opens the data pool tank")
        .shows("6465 6d6f 6e73 7472")
        .press(ENTER);
    terminal.shows("Is it in a safe place?").press("y");
    terminal
        .shows(" Done ")
        .shows("log in as ada on vault")
        .lacks("cbdefghi");
    terminal
        .shows("Note: this was a demonstration: nothing was written")
        .press(ENTER);
    assert_eq!(terminal.ends().code(), Some(0));
    let transcript = terminal.transcript();
    assert!(
        transcript.contains("demonstration: the machine would restart now"),
        "{transcript}"
    );
    assert!(transcript.contains("\x1b[?1049l"), "the terminal is as before");
    assert!(!transcript.contains("correct horse") && !transcript.contains("long enough"));
}

#[test]
fn a_reinstallation_keeps_the_data() {
    let mut terminal = Terminal::start(&["--demo", "reinstall", "--demo-milliseconds", "1000"]);
    terminal
        .reach_disks()
        .shows("SigmaVault NAS OS 0.0.9")
        .press(ENTER);
    terminal
        .shows(" What happens to it ")
        .shows("(*) Reinstall the system and keep")
        .press(ENTER);
    terminal
        .shows(" Summary ")
        .shows("Step 6 of 8")
        .shows("settings, users and data on it stay");
    terminal
        .press(ESC)
        .shows(" What happens to it ")
        .press(UP)
        .press(ENTER)
        .shows(" Encryption ");
    terminal
        .press(ESC)
        .shows(" What happens to it ")
        .press(DOWN)
        .press(ENTER)
        .shows(" Summary ");
    terminal
        .press(SERIAL)
        .press(ENTER)
        .shows(" Installation ")
        .lacks("Lay out the system disk");
    terminal
        .shows(" Done ")
        .shows("Settings, users and data were kept.");
    terminal.press(DOWN).press(DOWN).press(DOWN).press(ENTER);
    assert_eq!(terminal.ends().code(), Some(0));
}

#[test]
fn without_a_disk_it_says_so_at_once() {
    let mut terminal = Terminal::start(&["--demo", "no-disk"]);
    terminal
        .shows("There is no disk on which the system can be installed.")
        .shows("it is the medium");
    terminal
        .press(ENTER)
        .shows("There is no disk")
        .press(UP)
        .press(END)
        .press(ENTER);
    assert_eq!(terminal.ends().code(), Some(1));
}

#[test]
fn only_the_serial_number_begins_the_installation() {
    let mut terminal = Terminal::start(&["--demo", "one-disk"]);
    terminal
        .reach_disks()
        .press(ENTER)
        .shows(" Encryption ")
        .press(ENTER);
    terminal
        .shows(" Host name and network ")
        .press("\r\r")
        .shows(" Administrator ");
    terminal
        .press("ada\r\rlong enough\rlong enough\r\r")
        .shows(" Summary ");
    terminal
        .press(ENTER)
        .shows("! Nothing is done before S5GXNX0R401382F is typed.");
    for wrong in ["nvme0n1", "s5gxnx0r401382f", "S5GXNX0R401382", "yes"] {
        terminal.press("\x15").press(wrong).press(ENTER);
        terminal
            .shows(&format!(">{wrong}_"))
            .shows("! That is not S5GXNX0R401382F. Nothing was done.");
        terminal.shows(" Summary ");
    }
    terminal
        .press("\x03")
        .shows("Nothing was written to any disk.")
        .press("n")
        .lacks(" Installation ");
    terminal
        .shows(" Summary ")
        .press("\x03")
        .shows("y leaves, n stays")
        .press("y");
    assert_eq!(terminal.ends().code(), Some(0));
}

#[test]
fn a_failing_disk_and_a_stop() {
    let mut terminal = Terminal::start(&["--demo", "failing-disk", "--demo-milliseconds", "5000"]);
    terminal
        .reach_disks()
        .press(ENTER)
        .shows(" Encryption ")
        .press(ENTER)
        .shows(" Data pool ")
        .press(ENTER);
    terminal
        .shows(" Host name and network ")
        .press("\r\r")
        .shows(" Administrator ");
    terminal
        .press("ada\r\rlong enough\rlong enough\r\r")
        .shows(" Summary ")
        .press(SERIAL)
        .press(ENTER);
    terminal
        .shows(" Not installed ")
        .shows("does not hold what was written to it");
    terminal
        .shows("What to do: another disk or cable")
        .press("l")
        .shows("Copy the system to slot A: done");
    terminal.press(ESC).shows("> Try again").press(ENTER);
    terminal
        .shows(" Summary ")
        .press(SERIAL)
        .press(ENTER)
        .shows("[>] Copy the system to slot A");
    terminal.press("\x03").shows("Stop the installation?").press("y");
    terminal
        .shows(" Not installed ")
        .shows("Stopped as asked")
        .press(END)
        .press(ENTER);
    assert_eq!(terminal.ends().code(), Some(1));
}

#[test]
fn a_serial_terminal_gets_ascii_without_colours() {
    let mut terminal = Terminal::start_as("vt220", &["--demo", "empty"]);
    terminal
        .shows("+ SigmaVault NAS OS 0.1.0 - Welcome ---")
        .press("\x03")
        .shows("y leaves")
        .press("y");
    assert_eq!(terminal.ends().code(), Some(0));
    let transcript = terminal.transcript();
    assert!(
        transcript.is_ascii() && !transcript.contains("\x1b[38;"),
        "{transcript:?}"
    );
}

#[test]
fn a_serial_line_that_knows_no_size_is_80_by_24() {
    let mut terminal = Terminal::start_on("vt100", (0, 0), &["--demo", "one-disk"]);
    terminal
        .shows("+ SigmaVault NAS OS 0.1.0 - Welcome ---")
        .shows("Ctrl-C leave");
    assert_eq!(terminal.text().lines().count(), 24);
}

#[test]
fn a_shell_leads_back() {
    let mut terminal = Terminal::start(&["--demo", "no-disk"]);
    terminal
        .shows("> Look again")
        .press(DOWN)
        .shows("> Open a shell")
        .press(ENTER);
    let end = Instant::now() + PATIENCE;
    while !terminal.transcript().contains("`exit` leads back") {
        assert!(Instant::now() < end, "{}", terminal.text());
        thread::sleep(Duration::from_millis(20));
    }
    terminal.press(UP).shows("> Look again").shows("There is no disk");
}

#[test]
fn noise_is_drawn_over_and_signals_leave_the_terminal_as_it_was() {
    let mut terminal = Terminal::start(&["--demo", "empty"]);
    terminal.shows(" Welcome ");
    terminal
        .screen
        .lock()
        .unwrap()
        .process(b"\x1b[2J\x1b[Hnoise of the kernel");
    terminal
        .lacks(" Welcome ")
        .press("\x0c")
        .shows(" Welcome ")
        .lacks("noise");
    let process = nix::unistd::Pid::from_raw(i32::try_from(terminal.child.id()).unwrap());
    nix::sys::signal::kill(process, nix::sys::signal::SIGTERM).unwrap();
    assert_eq!(terminal.ends().code(), Some(0));
    thread::sleep(Duration::from_millis(100));
    assert!(terminal.transcript().contains("\x1b[?1049l"));
}
