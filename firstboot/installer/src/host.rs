//! The machine around the installer: console, terminal, power, log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::{geteuid, ttyname};
use sigmavault_facts::terminal::printable_lines;
use sigmavault_host::run::{Invocation, Local, Run as _};
use sigmavault_host::{gsettings, setupcon, systemctl};
use sigmavault_installer::answers::{Action, Keyboard};
use sigmavault_installer::keyboard::{self, Xkb};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The log of an installation.
const LOG: &str = "/run/sigmavault/installer.log";
/// keyboard(5).
const KEYBOARD: &str = "/etc/default/keyboard";
/// Resets a virtual console, locked modifiers included, and clears it (`console_codes(4)`).
const RESET: &[u8] = b"\x1bc";
/// There where the image has a desktop.
const GNOME: &str = "/usr/bin/gnome-shell";
/// How the installation by answers ended, for the screens that cover its messages.
const ENDING: &str = "/run/sigmavault/unattended-ending";
/// Word on the kernel command line of a live medium.
const LIVE: &str = "sigmavault.live";

/// Whether the machine was started from a live medium.
pub fn is_live() -> bool {
    fs::read_to_string("/proc/cmdline").is_ok_and(|line| says_live(&line))
}

fn says_live(cmdline: &str) -> bool {
    cmdline
        .split_whitespace()
        .any(|word| word.split_once('=').map_or(word, |(name, _)| name) == LIVE)
}

/// Whether disks may be written.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Sets the keys of a virtual console, or of the live session's desktop; on other terminals the keyboard belongs to the
/// other side.
pub fn keyboard(keyboard: &Keyboard) {
    let console = ttyname(io::stdin()).is_ok_and(|path| is_virtual_console(&path));
    let set = if console {
        console_keyboard(keyboard)
    } else if let Some(desktop) = Desktop::of_environment(|name| std::env::var(name).ok()) {
        desktop.set(keyboard)
    } else {
        Ok(())
    };
    if let Err(error) = set {
        log(&format!("the keyboard was not changed: {error}"));
    }
}

fn console_keyboard(keyboard: &Keyboard) -> io::Result<()> {
    if fs::read_to_string(KEYBOARD).is_ok_and(|text| text.contains(keyboard::SWITCH_OPTION)) {
        // The layout that was switched to stays in use under any keymap. In one without it no key gives anything.
        io::stdout().write_all(RESET)?;
        io::stdout().flush()?;
    }
    fs::write(KEYBOARD, Xkb::of(keyboard).file())?;
    Local.succeed(&setupcon::keyboard()).map_err(io::Error::other)?;
    Ok(())
}

/// The session of whoever called sudo, on a live medium with a desktop.
#[derive(Debug, PartialEq, Eq)]
struct Desktop {
    person: String,
    bus: PathBuf,
}

impl Desktop {
    fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let (person, id) = (variable("SUDO_USER")?, variable("SUDO_UID")?);
        let id: u32 = id.parse().ok()?;
        let bus = PathBuf::from(format!("/run/user/{id}/bus"));
        Some(Self { person, bus })
    }

    /// Does nothing without a desktop.
    fn set(&self, keyboard: &Keyboard) -> io::Result<()> {
        if !is_live() || !self.bus.exists() || !Path::new(GNOME).exists() {
            return Ok(());
        }
        let layouts = keyboard::layouts(keyboard);
        let layouts: Vec<(&str, &str)> = layouts
            .iter()
            .map(|one| (one.layout.as_str(), one.variant.as_deref().unwrap_or_default()))
            .collect();
        let options = Xkb::of(keyboard).options;
        let options = Some(options).filter(|options| !options.is_empty());
        for ask in gsettings::keyboard(&self.person, &self.bus, &layouts, options.as_slice()) {
            Local.succeed(&ask).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

fn is_virtual_console(path: &Path) -> bool {
    let number = path.to_str().and_then(|path| path.strip_prefix("/dev/tty"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Runs a shell until it exits.
pub fn shell() {
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/bash".to_owned());
    if let Err(error) = Local.on_terminal(&Invocation::new(&shell)) {
        eprintln!("{shell}: {}", error.last_words());
    }
}

/// Performs the action chosen for the end.
pub fn finish(action: Action) -> io::Result<()> {
    let ask = match action {
        Action::Wait => return Ok(()),
        Action::Reboot => systemctl::reboot(),
        Action::Poweroff => systemctl::poweroff(),
    };
    let status = Local.on_terminal(&ask).map_err(io::Error::other)?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{ask}: {status}")))
    }
}

/// Prints the action chosen for the end.
pub fn say_finish(action: Action) {
    match action {
        Action::Wait => {}
        Action::Reboot => eprintln!("demonstration: the machine would restart now"),
        Action::Poweroff => eprintln!("demonstration: the machine would switch itself off now"),
    }
}

/// Adds a line to the log. A log that cannot be written does not stop an installation.
pub fn log(line: &str) {
    let write = || -> io::Result<()> {
        if let Some(folder) = Path::new(LOG).parent() {
            fs::create_dir_all(folder)?;
        }
        writeln!(OpenOptions::new().append(true).create(true).open(LOG)?, "{line}")
    };
    drop(write());
}

/// Leaves how the installation by answers ended. Without it the screens come without a message.
pub fn leave_ending(text: &str) {
    if let Err(error) = fs::write(ENDING, text) {
        log(&format!("{ENDING} cannot be written: {error}"));
    }
}

/// How the installation by answers ended, told once.
pub fn take_ending() -> Option<String> {
    let text = fs::read_to_string(ENDING).ok()?;
    let _ = fs::remove_file(ENDING);
    Some(text)
}

/// Switches the echo of typed text off or on; does nothing without a terminal.
pub fn hide(hidden: bool) {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return;
    }
    if let Ok(mut settings) = tcgetattr(&stdin) {
        settings.local_flags.set(LocalFlags::ECHO, !hidden);
        // Without it the typed text is visible, which does not stop an installation.
        let _ = tcsetattr(&stdin, SetArg::TCSANOW, &settings);
    }
}

/// A signal ends the program; while it is busy, the signal sets the returned flag instead.
pub fn signals(busy: &Arc<AtomicBool>) -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let (busy, asked) = (Arc::clone(busy), Arc::clone(&stop));
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if !busy.load(Ordering::Relaxed) {
                hide(false);
                std::process::exit(128 + signal);
            }
            asked.store(true, Ordering::Relaxed);
        }
    })?;
    Ok(stop)
}

/// Standard output, which is the journal for a unit, and every console of the kernel: whoever watches an unattended
/// installation may do so on a screen or on a serial line.
#[derive(Debug)]
pub struct Consoles(Vec<File>);

impl Consoles {
    /// Those that can be written to.
    pub fn open() -> Self {
        let names = fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
        let open = |name: &str| {
            OpenOptions::new()
                .write(true)
                .open(Path::new("/dev").join(name))
                .ok()
        };
        Self(names.split_whitespace().filter_map(open).collect())
    }
}

impl Write for Consoles {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A console in raw mode needs the carriage return; one that hung up is not missed.
        let text = printable_lines(&String::from_utf8_lossy(bytes));
        let lines = text.replace('\n', "\r\n");
        for console in &mut self.0 {
            let _ = console.write_all(lines.as_bytes());
        }
        io::stdout().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_command_lines() {
        for (line, live) in [
            ("quiet sigmavault.live\n", true),
            ("sigmavault.live=ram quiet", true),
            ("sigmavault.lively quiet", false),
            ("roothash=ab", false),
        ] {
            assert_eq!(says_live(line), live, "{line}");
        }
    }

    #[test]
    fn the_desktop_of_whoever_called_sudo() {
        let of = |person: Option<&'static str>, id: Option<&'static str>| {
            Desktop::of_environment(|name| match name {
                "SUDO_USER" => person.map(str::to_owned),
                "SUDO_UID" => id.map(str::to_owned),
                _ => None,
            })
        };
        let live = Desktop {
            person: "live".to_owned(),
            bus: PathBuf::from("/run/user/1000/bus"),
        };
        assert_eq!(of(Some("live"), Some("1000")), Some(live));
        assert_eq!(of(Some("live"), None), None);
        assert_eq!(of(None, Some("1000")), None);
        assert_eq!(of(Some("live"), Some("../1000")), None);
    }

    #[test]
    fn virtual_consoles() {
        for (path, is) in [
            ("/dev/tty1", true),
            ("/dev/ttyS0", false),
            ("/dev/pts/3", false),
            ("/dev/tty", false),
        ] {
            assert_eq!(is_virtual_console(Path::new(path)), is, "{path}");
        }
    }
}
