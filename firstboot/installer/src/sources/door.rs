//! What is needed of a machine to find answers.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A device with a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// By the label of its file system.
    Label(String),
    /// By its path below `/dev`.
    Path(PathBuf),
}

/// What is needed of a machine to find answers.
pub trait Door {
    /// The text of a file of the running system, `None` when there is none.
    fn text(&self, path: &Path) -> io::Result<Option<String>>;

    /// The device nodes that are meant; none when none has appeared in this time.
    fn devices(&self, device: &Device, patience: Duration) -> io::Result<Vec<PathBuf>>;

    /// The text of a file on a device with FAT or ISO 9660, `None` when there is none. Nothing is written to the device.
    fn text_on(&self, device: &Path, file: &Path) -> io::Result<Option<String>>;
}
