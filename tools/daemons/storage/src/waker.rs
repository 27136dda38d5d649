//! What wakes the reader.

use std::sync::mpsc::{Receiver, Sender, channel};

/// Wakes the reader.
#[derive(Debug, Clone)]
pub struct Waker(Sender<()>);

impl Waker {
    /// Has everything read again, soon.
    pub fn wake(&self) {
        // Without a reader the service is ending.
        let _ = self.0.send(());
    }
}

/// What wakes a reader, and what it waits on.
pub fn waker() -> (Waker, Receiver<()>) {
    let (sender, receiver) = channel();
    (Waker(sender), receiver)
}
