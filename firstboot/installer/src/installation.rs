//! An installation in a thread of its own, which reports by messages.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::execute::{Execute, ExecuteError};
use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Stop};

/// A message of an installation.
#[derive(Debug)]
pub enum Message {
    /// Progress.
    Event(Event),
    /// It has ended; nothing comes after this.
    Ended(Result<Outcome, ExecuteError>),
}

/// A running installation.
#[derive(Debug)]
pub struct Installation {
    messages: Receiver<Message>,
    stop: Stop,
}

impl Installation {
    /// Begins.
    pub fn begin(execute: &Arc<dyn Execute>, plan: InstallPlan) -> io::Result<Self> {
        let (sender, messages) = mpsc::channel();
        let stop = Stop::default();
        let (execute, asked) = (Arc::clone(execute), stop.clone());
        thread::Builder::new()
            .name("installation".to_owned())
            .spawn(move || {
                // The receiver is gone only when the program ends.
                let result =
                    execute.execute(&plan, &asked, &|event| drop(sender.send(Message::Event(event))));
                drop(sender.send(Message::Ended(result)));
            })?;
        Ok(Self { messages, stop })
    }

    /// The next message, or none within this time.
    pub fn next(&self, patience: Duration) -> Option<Message> {
        match self.messages.recv_timeout(patience) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Message::Ended(Err(ExecuteError::Silent))),
        }
    }

    /// Asks it to stop at the next safe point.
    pub fn stop(&self) {
        self.stop.ask();
    }
}
