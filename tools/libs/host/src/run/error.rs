//! Errors of running a program.

use std::fmt;
use std::io;
use std::process::ExitStatus;

use super::invocation::Invocation;
use super::output::Output;

/// A program that failed or did not start. `Display` says so in one sentence. What to do next depends on why it was run,
/// so callers add it.
#[derive(Debug)]
pub enum RunError {
    /// The program could not be started, or its output could not be read.
    Start {
        /// What was run.
        invocation: Box<Invocation>,
        /// Why it did not start.
        source: io::Error,
    },
    /// The program ended with an error code or by a signal.
    Ended {
        /// What was run.
        invocation: Box<Invocation>,
        /// How it ended, and what it printed.
        output: Output,
    },
    /// The program did not end in time. It was told to, and may hang on in the kernel.
    Late {
        /// What was run.
        invocation: Box<Invocation>,
        /// Seconds that it had.
        seconds: u64,
    },
    /// A replayed transcript holds something else at this place.
    Differs {
        /// What was run.
        invocation: Box<Invocation>,
        /// Place in the transcript, counted from 1.
        place: usize,
        /// What the transcript holds there; `None` behind its end.
        expected: Option<String>,
    },
}

impl RunError {
    /// What was run.
    pub fn invocation(&self) -> &Invocation {
        match self {
            Self::Start { invocation, .. }
            | Self::Ended { invocation, .. }
            | Self::Late { invocation, .. }
            | Self::Differs { invocation, .. } => invocation,
        }
    }

    /// How the program ended, if it ran.
    pub fn status(&self) -> Option<ExitStatus> {
        match self {
            Self::Ended { output, .. } => Some(output.status),
            Self::Start { .. } | Self::Late { .. } | Self::Differs { .. } => None,
        }
    }

    /// The last lines that the program printed, or why there are none.
    pub fn last_words(&self) -> String {
        match self {
            Self::Start { source, .. } => source.to_string(),
            Self::Ended { output, .. } => output.last_words(),
            Self::Late { .. } | Self::Differs { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { invocation, source } => {
                let program = invocation.program().to_string_lossy();
                write!(f, "cannot run {program}: {source}")
            }
            Self::Ended { invocation, output } => {
                let complaint = output.complaint();
                let colon = if complaint.is_empty() { "" } else { ": " };
                write!(f, "{invocation} ended with {}{colon}{complaint}", output.status)
            }
            Self::Late { invocation, seconds } => {
                write!(f, "{invocation} did not end within {seconds} s")
            }
            Self::Differs {
                invocation,
                place,
                expected,
            } => {
                let expected = expected.as_deref().unwrap_or("the end");
                let found = invocation.quoted();
                write!(f, "call {place} of the transcript is {expected}, not {found}")
            }
        }
    }
}

// The reason is part of the sentence, so no source is named.
impl std::error::Error for RunError {}
