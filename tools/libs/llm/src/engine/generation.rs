//! The receiving end of a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use tokio::sync::mpsc::UnboundedReceiver;

use super::request::Event;
use super::submission::Command;

/// A running request. Dropping it cancels the request.
#[derive(Debug)]
pub struct Generation {
    pub(super) events: UnboundedReceiver<Event>,
    pub(super) dropped: Arc<AtomicBool>,
    pub(super) commands: Sender<Command>,
}

impl Generation {
    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next event, for callers outside of an asynchronous runtime.
    pub fn blocking_next(&mut self) -> Option<Event> {
        self.events.blocking_recv()
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Release);
        // The engine may have ended already.
        let _ = self.commands.send(Command::Wake);
    }
}
