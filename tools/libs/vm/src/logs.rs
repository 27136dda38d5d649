//! What a machine leaves behind: one folder of logs.

use std::path::{Path, PathBuf};

/// The folder for what a machine leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    folder: PathBuf,
}

impl Logs {
    /// Names of all files that a machine leaves behind.
    pub const NAMES: [&str; 6] = [
        Self::SERIAL,
        Self::GUEST,
        Self::JOURNAL,
        Self::SCREENSHOT,
        Self::COMMAND,
        Self::MESSAGES,
    ];
    const SERIAL: &str = "serial.log";
    const GUEST: &str = "guest.jsonl";
    const JOURNAL: &str = "journal.log";
    const SCREENSHOT: &str = "screenshot.png";
    const COMMAND: &str = "qemu.sh";
    const MESSAGES: &str = "qemu.log";

    /// In this folder, which must exist when the machine starts.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the serial port printed.
    pub fn serial(&self) -> PathBuf {
        self.folder.join(Self::SERIAL)
    }

    /// What the guest reported, line by line.
    pub fn guest(&self) -> PathBuf {
        self.folder.join(Self::GUEST)
    }

    /// The guest's journal up to its end.
    pub fn journal(&self) -> PathBuf {
        self.folder.join(Self::JOURNAL)
    }

    /// The last look at the screen.
    pub fn screenshot(&self) -> PathBuf {
        self.folder.join(Self::SCREENSHOT)
    }

    /// The command line of QEMU, for a shell.
    pub fn command(&self) -> PathBuf {
        self.folder.join(Self::COMMAND)
    }

    /// What QEMU itself printed.
    pub fn messages(&self) -> PathBuf {
        self.folder.join(Self::MESSAGES)
    }
}
