//! What can fail when a virtual machine is made, started and driven.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::board::Board;
use crate::ending::Ending;
use crate::kvm::Unopened;
use crate::picture::PictureError;
use crate::qmp::{Halt, QmpError};
use crate::write_log::LogError;

/// What can fail when a virtual machine is made, started and driven.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tools tree has no UEFI firmware.
    #[error("the tools tree has no UEFI firmware ({} is missing); make the tools tree again", path.display())]
    NoFirmware {
        /// What was looked for.
        path: PathBuf,
    },
    /// The machine has firmware of its own, which nothing emulates.
    #[error("QEMU has no firmware for the machine {board:?}; give it a kernel")]
    NoUefi {
        /// The machine.
        board: Board,
    },
    /// The tools tree lacks a program.
    #[error("the tools tree has no {program}; add its package to image/tools-tree/packages")]
    NoProgram {
        /// Its name.
        program: &'static str,
    },
    /// KVM was asked for and cannot be used.
    #[error("KVM cannot be used: {0}; leave out --accel to fall back to emulation")]
    NoKvm(Unopened),
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path cannot be passed to QEMU.
    #[error("{} is not valid UTF-8, so it cannot be passed to QEMU; use another path", path.display())]
    PathNotText {
        /// The path.
        path: PathBuf,
    },
    /// A program of the host or of the tools tree failed.
    #[error("{program} failed ({status}): {said}")]
    Tool {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it printed as its errors.
        said: String,
    },
    /// The software TPM does not come up.
    #[error("swtpm does not listen: {said}")]
    TpmSilent {
        /// Its log.
        said: String,
    },
    /// A screenshot cannot be read, or a picture cannot be written.
    #[error("cannot read the picture {}: {source}", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// Why.
        source: PictureError,
    },
    /// QEMU ended when it should not have.
    #[error("the virtual machine ended early: {how}\n{last}")]
    MachineEnded {
        /// How.
        how: Ending,
        /// What was seen last.
        last: LastSeen,
    },
    /// The boot cannot continue.
    #[error("the boot failed: {line}\n{last}")]
    BootFailed {
        /// The line that says so.
        line: String,
        /// What was seen last.
        last: LastSeen,
    },
    /// Time ran out.
    #[error("not done after {seconds} s while waiting for {awaited}\n{last}\nTo find out why, look into the logs in {}", artifacts.display())]
    Timeout {
        /// How long it was given.
        seconds: u64,
        /// What was waited for.
        awaited: String,
        /// What was seen last.
        last: LastSeen,
        /// Where the logs are.
        artifacts: PathBuf,
    },
    /// The machine ended, but not as it should have.
    #[error("the machine ended with {halt:?} ({status}), not with {wanted:?}\n{last}")]
    OtherEnd {
        /// How it ended, as far as QEMU told.
        halt: Option<Halt>,
        /// QEMU's exit status.
        status: ExitStatus,
        /// How it should have ended.
        wanted: Halt,
        /// What was seen last.
        last: LastSeen,
    },
    /// The machine still runs and should have ended.
    #[error("the machine still runs after {seconds} s; it should have ended with {wanted:?}\n{last}")]
    StillRunning {
        /// How long it was given.
        seconds: u64,
        /// How it should have ended.
        wanted: Halt,
        /// What was seen last.
        last: LastSeen,
    },
    /// The screen never showed a text.
    #[error("{text:?} does not appear on the screen, which shows:\n{shown}\n{last}")]
    NotShown {
        /// The text.
        text: String,
        /// What OCR read last.
        shown: String,
        /// What was seen last.
        last: LastSeen,
    },
    /// A US keyboard has no key for a character.
    #[error("a US keyboard has no key for {0:?}")]
    NoKey(char),
    /// Typing on a serial port that was not made for it.
    #[error("the serial port of this machine has no input; set `serial_input` to type on it")]
    SerialIsOutputOnly,
    /// The user or the system asked to stop.
    #[error("interrupted; the virtual machine was stopped")]
    Interrupted,
    /// The conversation with QEMU failed.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// A log of writes cannot be replayed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Error {
    /// For `map_err` on a file operation.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err` on a picture.
    pub fn picture(path: &Path) -> impl FnOnce(PictureError) -> Self {
        let path = path.to_owned();
        move |source| Self::Picture { path, source }
    }
}

/// What a machine showed last, for messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastSeen {
    /// How far it had come.
    pub at: String,
    /// Last lines of its serial port.
    pub serial: Vec<String>,
}

impl fmt::Display for LastSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Last seen: {}", self.at)?;
        if self.serial.is_empty() {
            return write!(f, "; nothing on the serial port");
        }
        write!(f, "; on the serial port:")?;
        self.serial.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
