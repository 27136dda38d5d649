//! One boot of a machine, driven by a test: orders to the agent, serial console, screen, keyboard, power.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::{Answer, Order};
use crate::error::Error;
use crate::image::Image;
use crate::keyboard;
use crate::logs::Logs;
use crate::machine::block_node;
use crate::ocr::{self, Layout, shows};
use crate::picture::Picture;
use crate::qmp::{Halt, QmpError};
use crate::session::{Awaited, Session};
use crate::tools::ToolsTree;
use crate::writes::{Written, written};

/// How long a script of the agent may run.
const ORDER_LIMIT: Duration = Duration::from_mins(2);
/// How long an order may take to reach the agent, and its answer to come back.
const WAY_LIMIT: Duration = Duration::from_mins(1);
/// How long a machine may take to switch itself off or start again.
const END_LIMIT: Duration = Duration::from_mins(4);
/// Between two looks at the screen.
const SCREEN_PAUSE: Duration = Duration::from_secs(1);
/// Between a question on the serial console and its answer: the program sets the line up for input in between.
const SERIAL_PAUSE: Duration = Duration::from_secs(2);
/// How long a disk that is pulled out may take to be gone.
const UNPLUG_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at it.
const UNPLUG_PAUSE: Duration = Duration::from_millis(100);
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
    /// Scratch, shared with QEMU.
    sockets: PathBuf,
    logs: Logs,
    orders: usize,
}

impl<'a> Boot<'a> {
    /// Takes over a session that has just begun. `sockets` is a folder for scratch; no wait goes beyond `deadline`.
    pub fn new(
        session: Session<'a>,
        tools: &'a ToolsTree,
        deadline: Instant,
        sockets: PathBuf,
        logs: Logs,
    ) -> Self {
        Self {
            session,
            tools,
            started: Instant::now(),
            deadline,
            sockets,
            logs,
            orders: 0,
        }
    }

    /// Keeps waiting after lines that usually mean the end of a boot, because the machine is expected to recover.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.session.patient = true;
        self
    }

    /// The session, read-only.
    pub fn session(&self) -> &Session<'a> {
        &self.session
    }

    /// Time since it was switched on.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until a condition holds; fails when time is up or the boot cannot continue.
    pub fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        mut until: impl FnMut(&Session<'a>) -> bool,
    ) -> Result<(), Error> {
        self.wait_for(what, limit, |session| Ok(until(session).then_some(())))
    }

    /// Waits until `find`, which may ask QEMU, returns a value.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        limit: Duration,
        find: impl FnMut(&mut Session<'a>) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let awaited = Awaited {
            what,
            deadline: self.deadline.min(Instant::now() + limit),
            limit,
            artifacts: self.logs.folder(),
        };
        self.session.wait_for(&awaited, &mut |_| (), find)
    }

    /// Reads what the machine has printed and reported; fails when it no longer runs.
    pub fn look(&mut self) -> Result<(), Error> {
        self.wait("nothing", Duration::from_secs(1), |_| true)
    }

    /// Waits for the agent of a started system.
    pub fn wait_for_system(&mut self, limit: Duration) -> Result<(), Error> {
        self.wait("the system to start", limit, |session| session.guest.hello)
    }

    /// Waits until the system has nothing more to start, and returns its state as systemd names it: `running` is good.
    pub fn wait_for_target(&mut self, limit: Duration) -> Result<String, Error> {
        let script = "systemctl is-system-running --wait";
        Ok(self.run_for(script, limit)?.output)
    }

    /// Waits for a line of the serial console, finished or not, that contains `text`; returns it.
    pub fn wait_for_line(&mut self, text: &str, limit: Duration) -> Result<String, Error> {
        self.wait_for_line_after(0, text, limit)
    }

    /// The same, but skips the first `skip` lines.
    pub fn wait_for_line_after(&mut self, skip: usize, text: &str, limit: Duration) -> Result<String, Error> {
        self.wait_for(&format!("{text:?} on the serial console"), limit, |session| {
            Ok(line_with(session, skip, text))
        })
    }

    /// How many finished lines the serial console has.
    pub fn line_count(&self) -> usize {
        self.session.transcript().lines().len()
    }

    /// Types on the serial console.
    pub fn type_on_serial(&mut self, text: &str) -> Result<(), Error> {
        thread::sleep(SERIAL_PAUSE);
        self.session.type_on_serial(text)
    }

    /// Runs a bash script in the guest.
    pub fn run(&mut self, script: &str) -> Result<Answer, Error> {
        self.run_for(script, ORDER_LIMIT)
    }

    /// Runs a bash script in the guest, for at most `limit`.
    pub fn run_for(&mut self, script: &str, limit: Duration) -> Result<Answer, Error> {
        self.orders += 1;
        let order = Order {
            number: self.orders,
            limit,
            script: script.to_owned(),
        };
        self.session.order(&order.line())?;
        self.wait_for(&format!("`{script}`"), limit + WAY_LIMIT, |session| {
            Ok(order.answer(&session.guest))
        })
    }

    /// Switches the machine off from inside, and waits until it is off.
    pub fn power_off(mut self) -> Result<(), Error> {
        self.session.order_power_off()?;
        self.wait_for_end(Halt::PoweredOff, END_LIMIT)
    }

    /// Reboots the system from inside, and waits until the machine has ended: the rig must not restart by itself.
    pub fn reboot(mut self) -> Result<(), Error> {
        let order = Order {
            number: self.orders + 1,
            limit: ORDER_LIMIT,
            script: "systemctl --no-block reboot".to_owned(),
        };
        self.session.order(&order.line())?;
        self.wait_for_end(Halt::Reset, END_LIMIT)
    }

    /// Waits for the machine to end by itself, as `wanted`.
    pub fn wait_for_end(&mut self, wanted: Halt, limit: Duration) -> Result<(), Error> {
        match self.session.wait_for_exit(limit)? {
            Some((_, Some(halt))) if halt == wanted => Ok(()),
            Some((status, halt)) => Err(Error::OtherEnd {
                halt,
                status,
                wanted,
                last: self.session.last_seen(),
            }),
            None => Err(Error::StillRunning {
                seconds: limit.as_secs(),
                wanted,
                last: self.session.last_seen(),
            }),
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
            let keys = keyboard::keys(character).ok_or(Error::NoKey(character))?;
            self.press(&keys.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// The text on the screen, as OCR reads it. The picture stays in the logs.
    pub fn screen(&mut self) -> Result<String, Error> {
        let path = self.logs.screenshot();
        self.session.screenshot(&path)?;
        let picture = Picture::read(&path).map_err(Error::picture(&path))?;
        ocr::read(self.tools, &picture, Layout::Block, &self.sockets)
    }

    /// Waits until the screen shows a text, as [`shows`] compares it; returns all text on the screen.
    pub fn wait_for_screen(&mut self, text: &str, limit: Duration) -> Result<String, Error> {
        let deadline = self.deadline.min(Instant::now() + limit);
        loop {
            self.session.poll()?;
            let shown = self.screen()?;
            if shows(&shown, text) {
                return Ok(shown);
            }
            if self.session.has_ended() {
                return Err(self.session.ended());
            }
            if Instant::now() >= deadline {
                return Err(Error::NotShown {
                    text: text.to_owned(),
                    shown,
                    last: self.session.last_seen(),
                });
            }
            thread::sleep(SCREEN_PAUSE);
        }
    }

    /// What the guest has written to its drives so far, in the order of the drives.
    pub fn written(&mut self) -> Result<Vec<Written>, Error> {
        let stats = self.session.execute("query-blockstats", &json!({}))?;
        Ok(written(&stats))
    }

    /// Waits until the guest has written `bytes` bytes to the drive of this number, or until `until` holds.
    pub fn wait_for_writes(
        &mut self,
        drive: usize,
        bytes: u64,
        limit: Duration,
        mut until: impl FnMut(&Session<'a>) -> bool,
    ) -> Result<(), Error> {
        let node = format!("disk{drive}");
        self.wait_for(&format!("{bytes} bytes written to {node}"), limit, |session| {
            let stats = session.execute("query-blockstats", &json!({}))?;
            let far_enough = written(&stats)
                .iter()
                .any(|drive| drive.node == node && drive.bytes >= bytes);
            Ok((far_enough || until(session)).then_some(()))
        })
    }

    /// Plugs a disk in by USB. Its image lies in the rig's folder for that; its serial number is also its name here.
    pub fn plug(&mut self, image: &Image, serial: &str) -> Result<(), Error> {
        let node = block_node(serial, &image.path, false);
        self.session.execute("blockdev-add", &node)?;
        let device = json!({
            "driver": "usb-storage", "bus": "xhci.0", "id": format!("plugged-{serial}"), "drive": serial, "serial": serial,
        });
        self.session.execute("device_add", &device).map(drop)
    }

    /// Pulls a disk out that was plugged in.
    pub fn unplug(&mut self, serial: &str) -> Result<(), Error> {
        let device = json!({ "id": format!("plugged-{serial}") });
        self.session.execute("device_del", &device)?;
        let deadline = Instant::now() + UNPLUG_LIMIT;
        loop {
            match self
                .session
                .execute("blockdev-del", &json!({ "node-name": serial }))
            {
                // The device is not gone before what it was doing has ended.
                Err(Error::Qmp(QmpError::Refused { .. })) if Instant::now() < deadline => {
                    thread::sleep(UNPLUG_PAUSE);
                }
                answer => return answer.map(drop),
            }
        }
    }

    /// Runs a command of QEMU's control protocol.
    pub fn qmp(&mut self, command: &str, arguments: &Value) -> Result<Value, Error> {
        self.session.execute(command, arguments)
    }
}

fn line_with(session: &Session<'_>, skip: usize, text: &str) -> Option<String> {
    let transcript = session.transcript();
    let unfinished = transcript.unfinished();
    let mut lines = transcript.lines().iter().skip(skip).chain([&unfinished]);
    lines.find(|line| line.contains(text)).cloned()
}

#[cfg(test)]
#[path = "boot_tests.rs"]
mod tests;
