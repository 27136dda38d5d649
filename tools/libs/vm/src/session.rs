//! A running virtual machine: QEMU, its control connection, its serial port and its guest's reports.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ending::Ending;
use crate::error::{Error, LastSeen};
use crate::guest::{Guest, Parser};
use crate::kvm::{EarlySigns, KvmFault};
use crate::machine::Machine;
use crate::process::Process;
use crate::qmp::{Halt, Qmp, QmpError};
use crate::serial::{SerialLog, Transcript};
use crate::shell::shell_line;
use crate::tools::ToolsTree;

/// Between two looks at the machine.
const TICK: Duration = Duration::from_millis(100);
/// Between two progress lines when nothing changes.
const PROGRESS: Duration = Duration::from_secs(15);
/// How long the guest may take to read a line.
const ORDER_LIMIT: Duration = Duration::from_mins(1);
/// Between two keys on the serial port.
const KEY_PACE: Duration = Duration::from_millis(150);
/// Lines of the serial port in messages.
const LAST_LINES: usize = 8;

/// A running machine. Dropping it kills QEMU.
#[derive(Debug)]
pub struct Session<'a> {
    process: Process,
    /// The control connection; gone once QEMU closed it.
    qmp: Option<Qmp>,
    reports: UnixStream,
    /// The serial port, when it can be typed on.
    keyboard: Option<UnixStream>,
    parser: Parser,
    /// What the guest has reported since it last started.
    pub guest: Guest,
    /// Whether waits continue after lines that usually mean the end of a boot, because the machine is expected to recover.
    pub patient: bool,
    serial: SerialLog,
    spoke: Option<Instant>,
    halt: Option<Halt>,
    resets: usize,
    started: Instant,
    interrupted: &'a AtomicBool,
}

impl<'a> Session<'a> {
    /// Starts a machine with the QEMU of the tools tree. Its command line is kept in the logs.
    pub fn start(machine: &Machine, tools: &ToolsTree, interrupted: &'a AtomicBool) -> Result<Self, Error> {
        let arguments = machine.arguments();
        let program = machine.board.program();
        let words = [program].into_iter().chain(arguments.iter().map(String::as_str));
        let kept = machine.logs.command();
        fs::write(&kept, shell_line(words)).map_err(Error::io("write", &kept))?;
        let shares = machine.shares();
        if let Some(path) = shares
            .iter()
            .map(|share| share.path())
            .find(|path| path.to_str().is_none())
        {
            return Err(Error::PathNotText {
                path: path.to_owned(),
            });
        }
        Self::start_by(machine, tools.command(program, &shares), interrupted)
    }

    /// Starts a machine by another command, to which QEMU's arguments are added, and connects to it.
    pub fn start_by(
        machine: &Machine,
        mut command: Command,
        interrupted: &'a AtomicBool,
    ) -> Result<Self, Error> {
        let listen = |path: &Path| UnixListener::bind(path).map_err(Error::io("listen on", path));
        let (control_path, report_path) = (machine.qmp_socket(), machine.report_socket());
        let (control, reports) = (listen(&control_path)?, listen(&report_path)?);
        let typing = match machine.serial_socket() {
            Some(path) => Some((listen(&path)?, path)),
            None => None,
        };
        let log = machine.logs.serial();
        File::create(&log).map_err(Error::io("create", &log))?;
        let serial = SerialLog::open(&log).map_err(Error::io("open", &log))?;
        command.args(machine.arguments());
        let mut process = Process::spawn(command, &machine.logs.messages())?;
        let control = process.accept(&control, &control_path, interrupted)?;
        let keyboard = match &typing {
            Some((listener, path)) => Some(process.accept(listener, path, interrupted)?),
            None => None,
        };
        let reports = process.accept(&reports, &report_path, interrupted)?;
        reports
            .set_nonblocking(true)
            .map_err(Error::io("read", &report_path))?;
        if let Some(stream) = &keyboard {
            keep_log(stream, &log).map_err(Error::io("write", &log))?;
        }
        let qmp = match Qmp::negotiate(control) {
            Ok(qmp) => qmp,
            // QEMU ends like this when it refuses an argument; what it prints says more.
            Err(QmpError::Connection(_)) => return Err(process.not_started()),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            process,
            qmp: Some(qmp),
            reports,
            keyboard,
            parser: Parser::default(),
            guest: Guest::default(),
            patient: false,
            serial,
            spoke: None,
            halt: None,
            resets: 0,
            started: Instant::now(),
            interrupted,
        })
    }

    /// Number of QEMU's process.
    #[cfg(test)]
    pub fn qemu_id(&self) -> u32 {
        self.process.id()
    }

    /// Whether the machine's processors have a feature, by QEMU's name for it.
    pub fn cpu_has(&mut self, feature: &str) -> Result<bool, Error> {
        let cpus = self.execute("query-cpus-fast", &json!({}))?;
        let path = cpus[0]["qom-path"].clone();
        Ok(self.execute("qom-get", &json!({ "path": path, "property": feature }))? == Value::Bool(true))
    }

    /// Writes a PNG of the machine's screen.
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

    /// Types on the serial port of a machine that has `serial_input`.
    pub fn type_on_serial(&mut self, text: &str) -> Result<(), Error> {
        match &mut self.keyboard {
            // At a person's pace: input that arrives while a program sets the line up for a question is lost.
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
        // Long lines are sent as the guest reads them.
        let failed = Error::io("write to", Path::new("the report port"));
        let mut send = || {
            self.reports.set_nonblocking(false)?;
            self.reports.set_write_timeout(Some(ORDER_LIMIT))?;
            let written = self.reports.write_all(format!("{line}\n").as_bytes());
            self.reports.set_nonblocking(true)?;
            written
        };
        send().map_err(failed)
    }

    /// Orders the guest to switch itself off; presses the power button when its unit no longer listens.
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

    /// Reads everything that is new. Fails when the user wants to stop, a log cannot be read, or QEMU breaks its protocol.
    pub fn poll(&mut self) -> Result<(), Error> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        self.process.poll()?;
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
                // Nothing more now, or QEMU is gone, which its exit status shows better.
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

    /// Waits until a condition holds, with a progress line now and then; fails early when the boot has failed.
    pub fn wait(
        &mut self,
        awaited: &Awaited<'_>,
        say: &mut dyn FnMut(&str),
        mut until: impl FnMut(&Self) -> bool,
    ) -> Result<(), Error> {
        self.wait_for(awaited, say, |session| Ok(until(session).then_some(())))
    }

    /// Waits until `find`, which may ask QEMU, returns a value.
    pub fn wait_for<T>(
        &mut self,
        awaited: &Awaited<'_>,
        say: &mut dyn FnMut(&str),
        mut find: impl FnMut(&mut Self) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let (mut said, mut said_at) = (String::new(), Instant::now());
        loop {
            self.poll()?;
            if let Some(found) = find(self)? {
                return Ok(found);
            }
            let fatal = self.serial.transcript.fatal();
            if let Some(line) = fatal.filter(|_| !self.patient) {
                return Err(Error::BootFailed {
                    line: line.to_owned(),
                    last: self.last_seen(),
                });
            }
            if self.has_ended() {
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

    /// Waits until the guest of a machine under KVM reports; returns the fault when KVM has to be given up.
    pub fn wait_under_kvm(
        &mut self,
        awaited: &Awaited<'_>,
        say: &mut dyn FnMut(&str),
    ) -> Result<Option<KvmFault>, Error> {
        self.wait_for(awaited, say, |session| {
            let fault = KvmFault::of(&session.early_signs());
            Ok((session.guest.hello || fault.is_some()).then_some(fault))
        })
    }

    /// Waits for QEMU to end; returns its status and how the machine stopped, or `None` when time ran out.
    pub fn wait_for_exit(&mut self, limit: Duration) -> Result<Option<(ExitStatus, Option<Halt>)>, Error> {
        let deadline = Instant::now() + limit;
        loop {
            self.poll()?;
            if let Some(status) = self.process.exit() {
                // Once more, for events between the last look and the end.
                self.poll_qmp()?;
                return Ok(Some((status, self.halt)));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(TICK);
        }
    }

    /// What the serial port has printed.
    pub fn transcript(&self) -> &Transcript {
        &self.serial.transcript
    }

    /// How often the guest has reset itself.
    pub fn resets(&self) -> usize {
        self.resets
    }

    /// Whether the machine stopped or QEMU is gone.
    pub fn has_ended(&self) -> bool {
        self.process.exit().is_some() || self.halt.is_some()
    }

    /// What can be observed before the guest reports.
    pub fn early_signs(&self) -> EarlySigns {
        EarlySigns {
            elapsed: self.started.elapsed(),
            silence: self.spoke.map(|at| at.elapsed()),
            halt: self.halt,
            fatal: self.serial.transcript.fatal().map(str::to_owned),
            running: self.process.exit().is_none(),
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

    /// The error for a machine that ended when it should not have.
    pub fn ended(&self) -> Error {
        let how = match (self.halt, self.process.exit()) {
            (Some(halt), _) => Ending::Halted(halt),
            (None, Some(status)) => Ending::Exited {
                status,
                said: self.process.said(),
            },
            (None, None) => Ending::HungUp,
        };
        Error::MachineEnded {
            how,
            last: self.last_seen(),
        }
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
/// read as they come.
fn keep_log(serial: &UnixStream, path: &Path) -> io::Result<()> {
    let mut from = serial.try_clone()?;
    from.set_nonblocking(false)?;
    let mut log = File::options().append(true).open(path)?;
    thread::spawn(move || io::copy(&mut from, &mut log));
    Ok(())
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
