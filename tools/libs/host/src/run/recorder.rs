//! Recording a transcript.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::RunError;
use super::invocation::Invocation;
use super::output::Output;
use super::runner::Run;
use super::transcript::{Call, Entry, Transcript};

/// Runs programs by another runner and records calls and answers. Clones share one transcript.
#[derive(Debug, Clone, Default)]
pub struct Recorder<R> {
    runner: R,
    transcript: Arc<Mutex<Transcript>>,
}

impl<R> Recorder<R> {
    /// With an empty transcript.
    pub fn new(runner: R) -> Self {
        Self {
            runner,
            transcript: Arc::default(),
        }
    }

    /// Adds a note about something that is done without a program; each line becomes an entry.
    pub fn note(&self, text: &str) {
        self.add(text.lines().map(|line| Entry::Note(line.to_owned())));
    }

    /// The transcript so far.
    pub fn transcript(&self) -> Transcript {
        self.transcript
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn add(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut transcript = self.transcript.lock().unwrap_or_else(PoisonError::into_inner);
        transcript.entries.extend(entries);
    }
}

impl<R: Run> Run for Recorder<R> {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        let result = self.runner.run(invocation);
        self.add([Entry::Call(Call::new(invocation, &result))]);
        result
    }
}
