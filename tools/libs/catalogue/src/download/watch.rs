//! Observing a download.

use std::time::Duration;

/// The stage of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading back the data of an earlier download.
    Resuming,
    /// Fetching.
    Fetching,
    /// Reading the whole file from the disk.
    Checking,
}

/// Observes a download.
pub trait Watch {
    /// The bytes of a file that are done, out of its total.
    fn progress(&mut self, file: &str, stage: Stage, done: u64, total: u64);
    /// Something that the user should know, such as a broken connection.
    fn note(&mut self, text: &str);
    /// Whether the user wants the download to stop.
    fn stopped(&self) -> bool;
    /// Waits.
    fn sleep(&self, time: Duration);
}
