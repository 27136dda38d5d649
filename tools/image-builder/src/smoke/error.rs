//! What can end a smoke test before its checks are judged.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use super::qmp::QmpError;

/// What ended a smoke test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ISO cannot be read.
    #[error("cannot read the ISO {}: {source}; `sigmavault-image build` makes one", path.display())]
    Iso {
        /// The ISO.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no ISO of ours.
    #[error(transparent)]
    Inspect(#[from] crate::inspect::InspectError),
    /// The ISO is incomplete or not what its manifest says.
    #[error("{} cannot be tested: {problems}", path.display())]
    Unusable {
        /// The ISO.
        path: PathBuf,
        /// What is wrong.
        problems: String,
    },
    /// The image is for a processor that is not tested here.
    #[error("{} is built for {arch}, and only amd64 images can be booted here", path.display())]
    Arch {
        /// The ISO.
        path: PathBuf,
        /// Its architecture.
        arch: String,
    },
    /// The tools tree has no UEFI firmware.
    #[error("the tools tree has no UEFI firmware ({} is missing); make the tools tree again", path.display())]
    NoFirmware {
        /// What was looked for.
        path: PathBuf,
    },
    /// KVM was asked for and cannot be used.
    #[error("KVM cannot be used: {why}; leave out --accel to fall back to emulation")]
    NoKvm {
        /// Why.
        why: String,
    },
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
    /// A path cannot be told to QEMU.
    #[error("{} is not valid UTF-8 and QEMU cannot be told of it; use another path", path.display())]
    PathNotText {
        /// The path.
        path: PathBuf,
    },
    /// A program of the tools tree failed.
    #[error("{program} failed ({status}): {said}")]
    Tool {
        /// Its name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        said: String,
    },
    /// QEMU ended when it should not have.
    #[error("the virtual machine ended early: {how}\n{last}")]
    MachineEnded {
        /// How.
        how: String,
        /// What was seen last.
        last: LastSeen,
    },
    /// The boot cannot go on.
    #[error("the boot failed: {line}\n{last}")]
    BootFailed {
        /// The line that says so.
        line: String,
        /// What was seen last.
        last: LastSeen,
    },
    /// Time ran out.
    #[error("not done after {seconds} s while waiting for {awaited}\n{last}\nGive it longer with --timeout, or look into the logs in {}", artifacts.display())]
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
    /// Typing on a serial port that was not made for it.
    #[error("the serial port of this machine is only listened to; give it a serial socket to type on it")]
    SerialIsOutputOnly,
    /// The user or the system asked to stop.
    #[error("interrupted; the virtual machine was stopped")]
    Interrupted,
    /// The conversation with QEMU failed.
    #[error(transparent)]
    Qmp(#[from] QmpError),
}

impl Error {
    /// For `map_err` on a file operation.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// What a machine showed last, for messages.
#[derive(Debug, Clone, Default)]
pub struct LastSeen {
    /// How far it had come.
    pub at: String,
    /// Last lines of its serial port.
    pub serial: Vec<String>,
}

impl std::fmt::Display for LastSeen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Last seen: {}", self.at)?;
        if self.serial.is_empty() {
            return write!(f, "; nothing on the serial port");
        }
        write!(f, "; on the serial port:")?;
        self.serial.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
