//! A running virtual machine: QEMU, its control connection, its serial port and its guest's reports.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::accel::EarlySigns;
use super::error::{Error, LastSeen};
use super::machine::Machine;
use super::qmp::{Halt, Qmp, QmpError};
use super::report::{Guest, Parser};
use super::serial::{SerialLog, Transcript};

/// Between two looks at the machine.
const TICK: Duration = Duration::from_millis(100);
/// Between two progress lines when nothing changes.
const PROGRESS: Duration = Duration::from_secs(15);
/// How long QEMU may take to open its connections.
const CONNECT_LIMIT: Duration = Duration::from_mins(1);
/// How long a QEMU that hung up may take to say why and end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Between two keys on the serial port.
const KEY_PACE: Duration = Duration::from_millis(150);
/// Lines of the serial port in messages.
const LAST_LINES: usize = 8;

/// A running machine. Dropping it kills QEMU.
#[derive(Debug)]
pub struct Session<'a> {
    child: Child,
    exit: Option<ExitStatus>,
    /// The control connection; gone once QEMU closed it.
    qmp: Option<Qmp>,
    reports: UnixStream,
    /// The serial port, when it can be typed on.
    keyboard: Option<UnixStream>,
    parser: Parser,
    /// What the guest has told since it last started.
    pub guest: Guest,
    serial: SerialLog,
    spoke: Option<Instant>,
    halt: Option<Halt>,
    resets: usize,
    started: Instant,
    interrupted: &'a AtomicBool,
    stderr: PathBuf,
}

impl<'a> Session<'a> {
    /// Starts QEMU by `command`, which has no arguments yet, and connects to it. Its messages go to `stderr`.
    pub fn start(
        machine: &Machine,
        mut command: Command,
        stderr: &Path,
        interrupted: &'a AtomicBool,
    ) -> Result<Self, Error> {
        let listen = |path: &Path| UnixListener::bind(path).map_err(Error::io("listen on", path));
        let (control, reports) = (listen(&machine.qmp_socket)?, listen(&machine.report_socket)?);
        let typing = machine
            .serial_socket
            .as_deref()
            .map(|path| listen(path).map(|it| (it, path)));
        let typing = typing.transpose()?;
        let log = File::create(stderr).map_err(Error::io("create", stderr))?;
        File::create(&machine.serial_log).map_err(Error::io("create", &machine.serial_log))?;
        let serial = SerialLog::open(&machine.serial_log).map_err(Error::io("open", &machine.serial_log))?;
        let child = command
            .args(machine.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(Error::io("run", Path::new("bwrap")))?;
        let mut guard = Guard(Some(child));
        let control = guard.accept(&control, &machine.qmp_socket, stderr, interrupted)?;
        let keyboard = match &typing {
            Some((listener, path)) => Some(guard.accept(listener, path, stderr, interrupted)?),
            None => None,
        };
        let reports = guard.accept(&reports, &machine.report_socket, stderr, interrupted)?;
        reports
            .set_nonblocking(true)
            .map_err(Error::io("read", &machine.report_socket))?;
        if let Some(stream) = &keyboard {
            keep_log(stream, &machine.serial_log).map_err(Error::io("write", &machine.serial_log))?;
        }
        let qmp = match Qmp::negotiate(control) {
            Ok(qmp) => qmp,
            // QEMU ends like this when it dislikes an argument; its own words tell more.
            Err(QmpError::Connection(_)) => return Err(guard.failed("QEMU did not start", stderr)),
            Err(error) => return Err(error.into()),
        };
        let Some(child) = guard.0.take() else {
            return Err(Error::Interrupted);
        };
        Ok(Self {
            child,
            exit: None,
            qmp: Some(qmp),
            reports,
            keyboard,
            parser: Parser::default(),
            guest: Guest::default(),
            serial,
            spoke: None,
            halt: None,
            resets: 0,
            started: Instant::now(),
            interrupted,
            stderr: stderr.to_owned(),
        })
    }

    /// Whether the machine's processors have a feature, by QEMU's name for it.
    pub fn cpu_has(&mut self, feature: &str) -> Result<bool, Error> {
        let cpus = self.execute("query-cpus-fast", &json!({}))?;
        let path = cpus[0]["qom-path"].clone();
        Ok(self.execute("qom-get", &json!({ "path": path, "property": feature }))? == Value::Bool(true))
    }

    /// Writes what the machine's screen shows as a PNG.
    pub fn screenshot(&mut self, path: &Path) -> Result<(), Error> {
        let arguments = json!({ "filename": path.to_string_lossy(), "format": "png" });
        self.execute("screendump", &arguments).map(drop)
    }

    /// Presses and releases a key that does nothing, as a person does to wake a screen.
    pub fn wake(&mut self) -> Result<(), Error> {
        self.press(&["ctrl"])
    }

    /// Presses keys together and releases them, by QEMU's names for them (`QKeyCode`).
    pub fn press(&mut self, keys: &[&str]) -> Result<(), Error> {
        let keys: Vec<Value> = keys
            .iter()
            .map(|key| json!({ "type": "qcode", "data": key }))
            .collect();
        self.execute("send-key", &json!({ "keys": keys })).map(drop)
    }

    /// Types on the serial port of a machine that has a `serial_socket`.
    pub fn type_on_serial(&mut self, text: &str) -> Result<(), Error> {
        match &mut self.keyboard {
            // At a person's pace: what comes while a program sets the line up for a question is lost.
            Some(keyboard) => text.as_bytes().iter().try_for_each(|byte| {
                thread::sleep(KEY_PACE);
                keyboard
                    .write_all(&[*byte])
                    .map_err(Error::io("type on", Path::new("the serial port")))
            }),
            None => Err(Error::SerialIsOutputOnly),
        }
    }

    /// Sends one line to the script in the guest.
    pub fn order(&mut self, line: &str) -> Result<(), Error> {
        // Long lines go out as the guest reads them.
        let failed = Error::io("write to", Path::new("the report port"));
        let mut send = || {
            self.reports.set_nonblocking(false)?;
            self.reports.set_write_timeout(Some(CONNECT_LIMIT))?;
            let written = self.reports.write_all(format!("{line}\n").as_bytes());
            self.reports.set_nonblocking(true)?;
            written
        };
        send().map_err(failed)
    }

    /// Orders the guest to switch itself off; by the power button when its unit no longer listens.
    pub fn order_power_off(&mut self) -> Result<(), Error> {
        if self.guest.gone.is_none() && self.reports.write_all(b"poweroff\n").is_ok() {
            return Ok(());
        }
        self.execute("system_powerdown", &json!({})).map(drop)
    }

    /// Runs a command of QEMU's control protocol (QMP) and returns its result.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, Error> {
        match &mut self.qmp {
            Some(qmp) => Ok(qmp.execute(command, arguments)?),
            None => Err(self.ended()),
        }
    }

    /// Looks at everything once. An error only when the user wants to stop or a log cannot be read.
    pub fn poll(&mut self) -> Result<(), Error> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if self.exit.is_none() {
            self.exit = self
                .child
                .try_wait()
                .map_err(Error::io("wait for", Path::new("QEMU")))?;
        }
        self.poll_qmp()?;
        if self
            .serial
            .poll()
            .map_err(Error::io("read", Path::new("serial.log")))?
        {
            self.spoke = Some(Instant::now());
        }
        let mut bytes = [0; 16 * 1024];
        loop {
            match self.reports.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => {
                    for event in self.parser.feed(&bytes[..count]) {
                        self.guest.note(event);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing more now, or QEMU is gone, which its exit status tells better.
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn poll_qmp(&mut self) -> Result<(), Error> {
        let Some(qmp) = &mut self.qmp else { return Ok(()) };
        let events = match qmp.events() {
            Ok(events) => events,
            Err(QmpError::Connection(_)) => {
                self.qmp = None;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        for (name, data) in events {
            self.halt = self.halt.take().or_else(|| Halt::of_event(&name, &data));
            if name == "RESET" && data["guest"] == true {
                self.resets += 1;
                self.guest = Guest::default();
            }
            if name == "STOP"
                && self.halt.is_none()
                && self
                    .execute("query-status", &json!({}))
                    .is_ok_and(|status| status["status"] == "internal-error")
            {
                self.halt = Some(Halt::InternalError);
            }
        }
        Ok(())
    }

    /// Waits until something is so, with a progress line now and then; stops early when the boot has failed.
    pub fn wait(
        &mut self,
        awaited: &Awaited<'_>,
        say: &mut dyn FnMut(&str),
        mut until: impl FnMut(&Self) -> bool,
    ) -> Result<(), Error> {
        let (mut said, mut said_at) = (String::new(), Instant::now());
        loop {
            self.poll()?;
            if until(self) {
                return Ok(());
            }
            if let Some(line) = self.serial.transcript.fatal() {
                return Err(Error::BootFailed {
                    line: line.to_owned(),
                    last: self.last_seen(),
                });
            }
            if self.exit.is_some() || self.halt.is_some() {
                return Err(self.ended());
            }
            if Instant::now() >= awaited.deadline {
                return Err(Error::Timeout {
                    seconds: awaited.limit.as_secs(),
                    awaited: awaited.what.to_owned(),
                    last: self.last_seen(),
                    artifacts: awaited.artifacts.to_owned(),
                });
            }
            let at = self.at();
            if at != said || said_at.elapsed() >= PROGRESS {
                say(&format!("{:>4} s  {at}", self.started.elapsed().as_secs()));
                (said, said_at) = (at, Instant::now());
            }
            thread::sleep(TICK);
        }
    }

    /// Waits for QEMU's own end; says how it came, or nothing when time ran out.
    pub fn wait_for_exit(&mut self, limit: Duration) -> Result<Option<(ExitStatus, Option<Halt>)>, Error> {
        let deadline = Instant::now() + limit;
        loop {
            self.poll()?;
            if let Some(status) = self.exit {
                // Once more, for what came between the last look and the end.
                self.poll_qmp()?;
                return Ok(Some((status, self.halt.clone())));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(TICK);
        }
    }

    /// What the serial port has said.
    pub fn transcript(&self) -> &Transcript {
        &self.serial.transcript
    }

    /// How often the guest has reset itself.
    pub fn resets(&self) -> usize {
        self.resets
    }

    /// How the machine ended, once it has: the guest's doing as far as known, and QEMU's exit status once it is gone.
    pub fn end(&self) -> Option<(Option<&Halt>, Option<ExitStatus>)> {
        (self.exit.is_some() || self.halt.is_some()).then_some((self.halt.as_ref(), self.exit))
    }

    /// What is known before the guest speaks.
    pub fn early_signs(&self) -> EarlySigns {
        EarlySigns {
            elapsed: self.started.elapsed(),
            silence: self.spoke.map(|at| at.elapsed()),
            halt: self.halt.clone(),
            fatal: self.serial.transcript.fatal().map(str::to_owned),
            running: self.exit.is_none(),
        }
    }

    /// How far the machine has come, for a person.
    fn at(&self) -> String {
        match (&self.guest.phase, self.guest.done) {
            (_, true) => "checks in the guest are over".to_owned(),
            (Some(phase), _) => phase.clone(),
            (None, _) if self.guest.hello => "system start".to_owned(),
            (None, _) => self.serial.transcript.stage().name().to_owned(),
        }
    }

    /// What the machine showed last.
    pub fn last_seen(&self) -> LastSeen {
        LastSeen {
            at: format!("{} after {} s", self.at(), self.started.elapsed().as_secs()),
            serial: self.serial.transcript.last(LAST_LINES),
        }
    }

    /// The error for a machine that is gone when it should not be.
    pub fn ended(&self) -> Error {
        let how = match (&self.halt, self.exit) {
            (Some(Halt::PoweredOff), _) => "the guest switched itself off".to_owned(),
            (Some(Halt::Reset), _) => "the guest reset itself".to_owned(),
            (Some(Halt::Quit), _) => "QEMU was told to quit".to_owned(),
            (Some(Halt::InternalError), _) => "the accelerator gave up on the guest".to_owned(),
            (None, Some(status)) => format!("QEMU ended ({status}){}", complaint(&self.stderr)),
            (None, None) => "QEMU closed its control connection".to_owned(),
        };
        Error::MachineEnded {
            how,
            last: self.last_seen(),
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// What [`Session::wait`] waits for, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Awaited<'a> {
    /// In words.
    pub what: &'a str,
    /// Until when.
    pub deadline: Instant,
    /// The limit that the deadline comes from.
    pub limit: Duration,
    /// Where the logs are.
    pub artifacts: &'a Path,
}

/// Writes what comes over the serial port to its log, until QEMU ends.
///
/// QEMU's own log of a socket repeats bytes that it could not send at once, and its guest waits for them; so they are
/// taken as they come.
fn keep_log(serial: &UnixStream, path: &Path) -> io::Result<()> {
    let mut from = serial.try_clone()?;
    from.set_nonblocking(false)?;
    let mut log = File::options().append(true).open(path)?;
    thread::spawn(move || io::copy(&mut from, &mut log));
    Ok(())
}

/// QEMU while it starts.
struct Guard(Option<Child>);

impl Guard {
    fn accept(
        &mut self,
        listener: &UnixListener,
        path: &Path,
        stderr: &Path,
        interrupted: &AtomicBool,
    ) -> Result<UnixStream, Error> {
        let deadline = Instant::now() + CONNECT_LIMIT;
        listener
            .set_nonblocking(true)
            .map_err(Error::io("listen on", path))?;
        loop {
            match listener.accept() {
                Ok((stream, _)) => return Ok(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Error::io("listen on", path)(error)),
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let exit = match &mut self.0 {
                Some(child) => child
                    .try_wait()
                    .map_err(Error::io("wait for", Path::new("QEMU")))?,
                None => None,
            };
            if exit.is_some() {
                return Err(self.failed("QEMU did not start", stderr));
            }
            if Instant::now() >= deadline {
                return Err(self.failed("QEMU did not connect", stderr));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Guard {
    /// The error for a QEMU that does not come up; ends it once it had its last words.
    fn failed(&mut self, what: &str, stderr: &Path) -> Error {
        if let Some(child) = &mut self.0 {
            let patience = Instant::now() + LAST_WORDS;
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < patience {
                thread::sleep(TICK);
            }
            stop(child);
        }
        let how = format!("{what}{}", complaint(stderr));
        Error::MachineEnded {
            how,
            last: LastSeen {
                at: "before power on".to_owned(),
                ..LastSeen::default()
            },
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            stop(child);
        }
    }
}

/// Kills bubblewrap, with which everything in its process namespace dies.
fn stop(child: &mut Child) {
    // Both fail only when it is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

/// The end of what QEMU wrote to its standard error, for a message.
fn complaint(stderr: &Path) -> String {
    let text = std::fs::read(stderr).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    match &lines[lines.len().saturating_sub(4)..] {
        [] => String::new(),
        last => format!(": {}", last.join("; ")),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
