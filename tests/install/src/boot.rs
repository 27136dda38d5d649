//! A running machine as scenarios use it: orders to its agent, its serial console, its screen, its end.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sigmavault_image_builder::smoke::screen::Picture;
use sigmavault_image_builder::smoke::{self, Halt, Session, Share, ToolsTree};

use crate::agent::{Answer, Order};
use crate::error::Error;
use crate::keyboard;

/// Between two looks at the machine.
const TICK: Duration = Duration::from_millis(100);
/// How long an order to the agent may take.
const ORDER_LIMIT: Duration = Duration::from_mins(2);
/// What an order's way there and back may take besides.
const WAY_LIMIT: Duration = Duration::from_mins(1);
/// How long a machine may take to switch itself off or start again.
const END_LIMIT: Duration = Duration::from_mins(4);
/// Between two key strokes: an emulated machine drops what comes faster.
const KEY_PAUSE: Duration = Duration::from_millis(120);

/// A machine that is switched on. Dropping it cuts its power.
#[derive(Debug)]
pub struct Boot<'a> {
    session: Session<'a>,
    tools: &'a ToolsTree,
    started: Instant,
    /// No wait goes beyond this.
    deadline: Instant,
    /// Scratch for QEMU, shared with it.
    sockets: PathBuf,
    logs: PathBuf,
    orders: usize,
    /// Lines after which a boot usually does not go on are waited through.
    patient: bool,
}

impl<'a> Boot<'a> {
    /// Takes over a session that has just begun. `sockets` and `logs` are folders that QEMU may write.
    pub fn new(
        session: Session<'a>,
        tools: &'a ToolsTree,
        deadline: Instant,
        sockets: PathBuf,
        logs: PathBuf,
    ) -> Self {
        Self {
            session,
            tools,
            started: Instant::now(),
            deadline,
            sockets,
            logs,
            orders: 0,
            patient: false,
        }
    }

    /// Goes on waiting after lines that mean the end of a boot, because the machine is expected to help itself.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// The session, to look at.
    pub fn session(&self) -> &Session<'a> {
        &self.session
    }

    /// Since it was switched on.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until something is so; fails when time is up or the machine can go no further.
    pub fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        mut until: impl FnMut(&Session<'a>) -> bool,
    ) -> Result<(), Error> {
        self.wait_mut(what, limit, |session| Ok(until(session)))
    }

    /// The same for something that is asked of QEMU.
    pub fn wait_mut(
        &mut self,
        what: &str,
        limit: Duration,
        mut until: impl FnMut(&mut Session<'a>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let deadline = self.deadline.min(Instant::now() + limit);
        loop {
            self.session.poll()?;
            if until(&mut self.session)? {
                return Ok(());
            }
            let fatal = self.session.transcript().fatal();
            if let Some(line) = fatal.filter(|_| !self.patient) {
                return Err(smoke::Error::BootFailed {
                    line: line.to_owned(),
                    last: self.session.last_seen(),
                }
                .into());
            }
            if self.session.end().is_some() {
                return Err(self.session.ended().into());
            }
            if Instant::now() >= deadline {
                return Err(smoke::Error::Timeout {
                    seconds: limit.as_secs(),
                    awaited: what.to_owned(),
                    last: self.session.last_seen(),
                    artifacts: self.logs.clone(),
                }
                .into());
            }
            thread::sleep(TICK);
        }
    }

    /// Waits for the agent of a started system.
    pub fn wait_for_system(&mut self, limit: Duration) -> Result<(), Error> {
        self.wait("the system to start", limit, |session| session.guest.hello)
    }

    /// Waits until the system has nothing more to start, and says what it calls its state: `running` is good.
    pub fn wait_for_target(&mut self, limit: Duration) -> Result<String, Error> {
        let script = "systemctl is-system-running --wait";
        Ok(self.run_for(script, limit)?.output)
    }

    /// Waits for a line of the serial console, finished or not, that contains `text`; returns it.
    pub fn wait_for_line(&mut self, text: &str, limit: Duration) -> Result<String, Error> {
        self.wait_for_line_after(0, text, limit)
    }

    /// The same, but the first lines are not looked at.
    pub fn wait_for_line_after(&mut self, skip: usize, text: &str, limit: Duration) -> Result<String, Error> {
        let mut found = None;
        self.wait(&format!("{text:?} on the serial console"), limit, |session| {
            found = line_with(session, skip, text);
            found.is_some()
        })?;
        Ok(found.unwrap_or_default())
    }

    /// How many finished lines the serial console has.
    pub fn line_count(&self) -> usize {
        self.session.transcript().lines().len()
    }

    /// Types on the serial console.
    pub fn type_on_serial(&mut self, text: &str) -> Result<(), Error> {
        // The question is on the screen before its answer can be read.
        std::thread::sleep(std::time::Duration::from_secs(2));
        Ok(self.session.type_on_serial(text)?)
    }

    /// Runs a bash script in the guest.
    pub fn run(&mut self, script: &str) -> Result<Answer, Error> {
        self.run_for(script, ORDER_LIMIT)
    }

    /// Runs a bash script in the guest that may take so long.
    pub fn run_for(&mut self, script: &str, limit: Duration) -> Result<Answer, Error> {
        self.orders += 1;
        let order = Order {
            number: self.orders,
            limit,
            script: script.to_owned(),
        };
        self.session.order(&order.line())?;
        let mut answer = None;
        self.wait(&format!("`{script}`"), limit + WAY_LIMIT, |session| {
            answer = order.answer(&session.guest);
            answer.is_some()
        })?;
        answer.ok_or_else(|| self.unmet("no answer of the guest"))
    }

    /// Switches the machine off from inside, and waits for that.
    pub fn power_off(mut self) -> Result<(), Error> {
        self.session.order_power_off()?;
        self.wait_for_end(&Halt::PoweredOff, END_LIMIT)
    }

    /// Starts the system again from inside, and waits until it is down. The rig must not restart by itself.
    pub fn reboot(mut self) -> Result<(), Error> {
        let order = Order {
            number: self.orders + 1,
            limit: ORDER_LIMIT,
            script: "systemctl --no-block reboot".to_owned(),
        };
        self.session.order(&order.line())?;
        self.wait_for_end(&Halt::Reset, END_LIMIT)
    }

    /// Waits for the machine to end by itself, in this way.
    pub fn wait_for_end(&mut self, wanted: &Halt, limit: Duration) -> Result<(), Error> {
        match self.session.wait_for_exit(limit)? {
            Some((_, Some(halt))) if halt == *wanted => Ok(()),
            Some((status, halt)) => Err(self.unmet(&format!(
                "the machine ended by {halt:?} ({status}), not {wanted:?}"
            ))),
            None => Err(self.unmet(&format!(
                "the machine still runs after {} s and should have ended by {wanted:?}",
                limit.as_secs()
            ))),
        }
    }

    /// Cuts the power.
    pub fn cut(self) {}

    /// Presses keys together, by QEMU's names.
    pub fn press(&mut self, keys: &[&str]) -> Result<(), Error> {
        self.session.press(keys)?;
        thread::sleep(KEY_PAUSE);
        Ok(())
    }

    /// Types text on the keyboard.
    pub fn type_text(&mut self, text: &str) -> Result<(), Error> {
        for character in text.chars() {
            let keys = keyboard::keys(character)
                .ok_or_else(|| self.unmet(&format!("there is no key for {character:?}")))?;
            self.press(&keys.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// The text on the screen, as OCR reads it. The picture stays in the logs.
    pub fn screen(&mut self) -> Result<String, Error> {
        let path = self.logs.join("screenshot.png");
        self.session.screenshot(&path)?;
        let unreadable = |error| Error::io("read", &path)(std::io::Error::other(error));
        let large = self.sockets.join("ocr.png");
        let picture = Picture::read(&path).map_err(unreadable)?;
        picture.write_for_ocr(&large).map_err(unreadable)?;
        let mut tesseract = self.tools.command("tesseract", &[Share::Read(&self.sockets)]);
        tesseract.arg(&large).args(["stdout", "--psm", "6"]);
        output_of("tesseract", tesseract)
    }

    /// Waits until the screen shows a text, letter case, white space and a few letters misread aside; returns all of it.
    pub fn wait_for_screen(&mut self, text: &str, limit: Duration) -> Result<String, Error> {
        let deadline = self.deadline.min(Instant::now() + limit);
        loop {
            self.session.poll()?;
            let shown = self.screen()?;
            if shows(&shown, text) {
                return Ok(shown);
            }
            if self.session.end().is_some() {
                return Err(self.session.ended().into());
            }
            if Instant::now() >= deadline {
                let what = format!("{text:?} on the screen, which shows:\n{shown}");
                return Err(self.unmet(&what));
            }
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// What the guest has written to its drives so far, in the order of the drives.
    pub fn written(&mut self) -> Result<Vec<Written>, Error> {
        let stats = self.session.execute("query-blockstats", &json!({}))?;
        Ok(written(&stats))
    }

    /// Waits until the guest has written so many bytes to the drive of this number, or until `until` is so.
    pub fn wait_for_writes(
        &mut self,
        drive: usize,
        bytes: u64,
        limit: Duration,
        mut until: impl FnMut(&Session<'a>) -> bool,
    ) -> Result<(), Error> {
        let node = format!("disk{drive}");
        self.wait_mut(&format!("{bytes} bytes written to {node}"), limit, |session| {
            let stats = session.execute("query-blockstats", &json!({}))?;
            let far_enough = written(&stats)
                .iter()
                .any(|drive| drive.node == node && drive.bytes >= bytes);
            Ok(far_enough || until(session))
        })
    }

    /// Runs a command of QEMU's control protocol.
    pub fn qmp(&mut self, command: &str, arguments: &Value) -> Result<Value, Error> {
        Ok(self.session.execute(command, arguments)?)
    }

    /// The error for a machine that does not do what it should.
    pub fn unmet(&self, what: &str) -> Error {
        Error::Unmet {
            what: what.to_owned(),
            last: self.session.last_seen().to_string(),
        }
    }
}

/// Runs a program of the tools tree and returns what it printed.
fn output_of(program: &'static str, mut command: Command) -> Result<String, Error> {
    let output = command.output().map_err(Error::io("run", Path::new("bwrap")))?;
    if !output.status.success() {
        return Err(Error::Tool {
            program,
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn line_with(session: &Session<'_>, skip: usize, text: &str) -> Option<String> {
    let transcript = session.transcript();
    let unfinished = transcript.unfinished();
    let mut lines = transcript.lines().iter().skip(skip).chain([&unfinished]);
    lines.find(|line| line.contains(text)).cloned()
}

/// One letter of so many may be misread.
const LETTERS_PER_MISTAKE: usize = 8;

/// Whether a text stands in what OCR read.
pub fn shows(screen: &str, text: &str) -> bool {
    let squeezed = |text: &str| -> Vec<char> {
        let words = text.split_whitespace().flat_map(str::chars);
        words.flat_map(char::to_lowercase).collect()
    };
    let (screen, text) = (squeezed(screen), squeezed(text));
    screen.windows(text.len().max(1)).any(|window| {
        let wrong = window.iter().zip(&text).filter(|(a, b)| a != b).count();
        wrong <= text.len() / LETTERS_PER_MISTAKE
    })
}

/// What was written to one drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Block node, `disk0` for the first drive.
    pub node: String,
    /// Write operations.
    pub operations: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The drives in the answer to `query-blockstats`.
fn written(stats: &Value) -> Vec<Written> {
    let mut drives: Vec<Written> = stats
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|device| {
            let node = device["node-name"]
                .as_str()
                .filter(|node| node.starts_with("disk"))?;
            let number = |key: &str| device["stats"][key].as_u64().unwrap_or_default();
            Some(Written {
                node: node.to_owned(),
                operations: number("wr_operations"),
                bytes: number("wr_bytes"),
            })
        })
        .collect();
    drives.sort_by(|a, b| a.node.cmp(&b.node));
    drives
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_of_drives() {
        let stats = json!([
            {"node-name": "medium", "stats": {"wr_operations": 1, "wr_bytes": 1}},
            {"node-name": "disk1", "stats": {"wr_operations": 2, "wr_bytes": 1024}},
            {"node-name": "disk0", "stats": {"wr_operations": 0, "wr_bytes": 0}},
        ]);
        let drive = |node: &str, operations, bytes| Written {
            node: node.into(),
            operations,
            bytes,
        };
        assert_eq!(written(&stats), [drive("disk0", 0, 0), drive("disk1", 2, 1024)]);
        assert_eq!(written(&Value::Null), []);
    }

    #[test]
    fn white_space_aside() {
        assert!(shows(
            " Sum mary
 of  Changes, here",
            "Summary of changes"
        ));
        assert!(shows(
            "Hho administers this machine?",
            "Who administers this machine"
        ));
        assert!(!shows(
            "Hhe adninisters thls machine?",
            "Who administers this machine"
        ));
        assert!(!shows("Summary", "Summary of changes"));
        assert!(!shows("SV-SYSTEN", "no"));
    }
}
