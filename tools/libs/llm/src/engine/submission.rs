//! Messages from the handles to the scheduler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::request::{Event, Request};

/// A queued request.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) request: Request,
    pub(super) seed: u64,
    pub(super) events: UnboundedSender<Event>,
    pub(super) dropped: Arc<AtomicBool>,
    /// The largest size of its state in bytes.
    pub(super) reserved: usize,
}

impl Submission {
    pub(super) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// Sends an event. Returns whether there is still a receiver.
    pub(super) fn send(&self, event: Event) -> bool {
        self.events.send(event).is_ok()
    }
}

/// A message to the scheduler.
#[derive(Debug)]
pub(super) enum Command {
    Submit(Box<Submission>),
    /// A generation was dropped.
    Wake,
    Threads(usize),
    Rest,
    Forget,
    Drain,
    Shutdown,
}
