//! A board on the bench: it is started again and again from one card, and its tryboot flag is kept in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use sigmavault_pi_firmware::{Boot, Family, Firmware, Flag};
use sigmavault_vm::qmp::Halt;
use sigmavault_vm::{Awaited, DirectKernel, Logs, Session, ToolsTree};

use crate::card::Card;
use crate::emulator;
use crate::error::Error;
use crate::flag_line;
use crate::report::{End, Start};
use crate::script::Next;

/// How long QEMU may take to end after its machine has.
const END_LIMIT: Duration = Duration::from_secs(30);
/// How long after a prompt something is typed.
const TYPING_PAUSE: Duration = Duration::from_secs(1);
/// Lines of the console in the report of a start that ended otherwise than by a restart.
const LAST_LINES: usize = 12;

/// A board, its card and its flag.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The board.
    pub firmware: Firmware,
    /// Its tryboot flag.
    pub flag: Flag,
    /// Its card.
    pub card: &'a Card,
    /// QEMU.
    pub tools: &'a ToolsTree,
    /// Folder for what QEMU reads, and for its sockets.
    pub work: &'a Path,
    /// Folder for logs, with a subfolder for each start.
    pub artifacts: &'a Path,
    /// Set when the user wants to stop.
    pub interrupted: &'a AtomicBool,
    /// How many times it was started.
    pub starts: usize,
}

impl Bench<'_> {
    /// Starts the board once. `seen` is asked about the lines of the console as they come, and about prompts; [`Next::Over`] ends the
    /// start, which cuts the power.
    pub fn start(&mut self, limit: Duration, seen: &mut dyn FnMut(&str) -> Next) -> Result<Start, Error> {
        self.starts += 1;
        let began = Instant::now();
        let reset = self.flag.take();
        let mut start = Start::new(self.starts, reset.tryboot);
        match self.firmware.start(&mut self.card.open()?, reset) {
            Ok(boot) => {
                start.took(&boot);
                eprintln!("== start {}: {start}", self.starts);
                self.run(&boot, limit, &mut start, seen)?;
            }
            Err(failure) => start.end = End::NotStarted(failure.to_string()),
        }
        start.seconds = began.elapsed().as_secs();
        eprintln!("   {}", start.end);
        Ok(start)
    }

    fn run(
        &mut self,
        boot: &Boot,
        limit: Duration,
        start: &mut Start,
        seen: &mut dyn FnMut(&str) -> Next,
    ) -> Result<(), Error> {
        let logs = self.artifacts.join(format!("start-{}", self.starts));
        fs::create_dir_all(&logs).map_err(Error::io("create", &logs))?;
        // The path of a socket has at most 107 bytes.
        let sockets = tempfile::tempdir_in(self.work).map_err(Error::io("create a folder in", self.work))?;
        let kernel = self.files(boot, sockets.path())?;
        let family = self.firmware.board.family();
        let machine = emulator::machine(family, kernel, self.card, sockets.path(), Logs::new(&logs));
        let mut session = Session::start(&machine, self.tools, self.interrupted)?;
        // A slot that fails is to recover by itself.
        session.patient = true;
        start.end = Self::watch(&mut session, limit, &logs, seen)?;
        let lines = session.transcript().lines();
        start.flag = flag_line::last(lines.iter().map(String::as_str));
        if let Some(set) = start.flag {
            self.flag.set(set);
        }
        if matches!(start.end, End::TimedOut | End::Crashed) {
            // Whoever looks at the report wants to know why.
            start.last = session.transcript().last(LAST_LINES);
        }
        if start.end != End::Restarted {
            self.flag.power_cut();
        }
        Ok(())
    }

    /// Follows the console until the machine ends, or until `seen` wants no more.
    fn watch(
        session: &mut Session<'_>,
        limit: Duration,
        logs: &Path,
        seen: &mut dyn FnMut(&str) -> Next,
    ) -> Result<End, Error> {
        let awaited = Awaited {
            what: "the console",
            deadline: Instant::now() + limit,
            limit,
            artifacts: logs,
        };
        let mut look = Look::default();
        let ended = session.wait_for(&awaited, &mut |line| eprintln!("   {line}"), |session| {
            if let Some(line) = look.at(session, seen)? {
                return Ok(Some(End::Seen(line)));
            }
            Ok(session.has_ended().then_some(End::Crashed))
        });
        match ended {
            Ok(End::Crashed) => {}
            Ok(end) => return Ok(end),
            Err(sigmavault_vm::Error::Timeout { .. }) => return Ok(End::TimedOut),
            Err(error) => return Err(error.into()),
        }
        let halt = session.wait_for_exit(END_LIMIT)?;
        // What came between the last look and the end.
        if let Some(line) = look.at(session, seen)? {
            return Ok(End::Seen(line));
        }
        Ok(match halt {
            Some((_, Some(Halt::Reset))) => End::Restarted,
            Some((_, Some(Halt::PoweredOff))) => End::PoweredOff,
            _ => End::Crashed,
        })
    }

    /// Writes what QEMU starts to files.
    fn files(&self, boot: &Boot, folder: &Path) -> Result<DirectKernel, Error> {
        let write = |name: &str, bytes: &[u8]| -> Result<PathBuf, Error> {
            let path = folder.join(name);
            fs::write(&path, bytes).map_err(Error::io("write", &path))?;
            Ok(path)
        };
        let family = self.firmware.board.family();
        let command_line = emulator::command_line(boot, family);
        let mut kernel = DirectKernel {
            kernel: write("kernel", &boot.kernel.bytes)?,
            initrd: None,
            tree: None,
            command_line: command_line.clone(),
        };
        if let Some(initrd) = &boot.initrd {
            kernel.initrd = Some(write("initrd", initrd)?);
        }
        let virt = match family {
            Family::Pi4 => None,
            Family::Pi5 => Some(self.virt_tree(&kernel, folder)?),
        };
        let tree = emulator::device_tree(boot, &command_line, virt.as_deref())?;
        kernel.tree = Some(write("tree.dtb", &tree)?);
        Ok(kernel)
    }

    /// The tree that QEMU makes for its own machine.
    fn virt_tree(&self, kernel: &DirectKernel, folder: &Path) -> Result<Vec<u8>, Error> {
        let family = self.firmware.board.family();
        let machine = emulator::machine(family, kernel.clone(), self.card, folder, Logs::new(folder));
        let path = folder.join("virt.dtb");
        machine.dump_tree(self.tools, &path)?;
        fs::read(&path).map_err(Error::io("read", &path))
    }
}

/// How much of the console was looked at.
#[derive(Debug, Default)]
struct Look {
    lines: usize,
    prompt: String,
}

impl Look {
    /// Shows what is new on the console to `seen`, and types what it says; returns the text with which all was seen.
    fn at(
        &mut self,
        session: &mut Session<'_>,
        seen: &mut dyn FnMut(&str) -> Next,
    ) -> Result<Option<String>, sigmavault_vm::Error> {
        let transcript = session.transcript();
        let prompt = transcript.unfinished();
        let mut new = transcript.lines()[self.lines..].to_vec();
        self.lines += new.len();
        if prompt != self.prompt {
            new.push(prompt.clone());
            self.prompt = prompt;
        }
        for text in new.into_iter().filter(|text| !text.is_empty()) {
            match seen(&text) {
                Next::Watch => {}
                Next::Type(lines) => {
                    // A program that has just asked may still be setting the line up.
                    std::thread::sleep(TYPING_PAUSE);
                    for line in lines {
                        // Of a machine that is gone nothing can be typed on.
                        if !session.has_ended() {
                            session.type_on_serial(&format!("{line}\r"))?;
                        }
                    }
                }
                Next::Over => return Ok(Some(text)),
            }
        }
        Ok(None)
    }
}
