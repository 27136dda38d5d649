//! Answering from a transcript.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::error::RunError;
use super::invocation::Invocation;
use super::output::Output;
use super::runner::Run;
use super::transcript::{Answer, Call, Transcript};

/// Answers the invocations of a transcript, in its order. An invocation that differs from the transcript is an error
/// that names both.
#[derive(Debug)]
pub struct Replayer {
    calls: Vec<Call>,
    answered: Mutex<usize>,
}

impl Replayer {
    /// Answers from the start of a transcript.
    pub fn new(transcript: &Transcript) -> Self {
        Self {
            calls: transcript.calls().cloned().collect(),
            answered: Mutex::new(0),
        }
    }

    /// The calls that were not made yet.
    pub fn left(&self) -> &[Call] {
        let answered = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        self.calls.get(answered..).unwrap_or_default()
    }
}

impl Run for Replayer {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let call = self.calls.get(*answered);
        let Some(call) = call.filter(|call| call.is(invocation)) else {
            return Err(RunError::Differs {
                invocation: Box::new(invocation.clone()),
                place: *answered + 1,
                expected: call.map(|call| call.line.clone()),
            });
        };
        *answered += 1;
        match &call.answer {
            Answer::Ended(output) => Ok(output.clone()),
            Answer::NotStarted(reason) => Err(RunError::Start {
                invocation: Box::new(invocation.clone()),
                source: io::Error::other(reason.clone()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Recorder, Scripted};

    fn list() -> Invocation {
        Invocation::new("zpool").args(["list", "-H"])
    }

    fn password(text: &str) -> Invocation {
        Invocation::new("chpasswd").secret_input(text)
    }

    fn recorded() -> Transcript {
        let recorder = Recorder::new(Scripted(|invocation: &Invocation| {
            if invocation.program() == "zpool" {
                Output::success("tank\n")
            } else {
                Output::failure(1, "no such user\n")
            }
        }));
        recorder.note("two\nlines");
        assert_eq!(recorder.text(&list()).unwrap(), "tank\n");
        recorder.succeed(&password("ada:secret")).unwrap_err();
        recorder.transcript()
    }

    #[test]
    fn recorded_answers_come_again() {
        let transcript = recorded();
        assert_eq!(
            transcript.to_string(),
            "# two\n# lines\n$ zpool list -H\n> tank\n$ chpasswd\n< <secret>\n! no such user\n= exit 1\n"
        );
        let replayer = Replayer::new(&transcript);
        assert_eq!(replayer.text(&list()).unwrap(), "tank\n");
        assert_eq!(replayer.left().len(), 1);
        let error = replayer.succeed(&password("ada:other")).unwrap_err();
        assert_eq!(error.last_words(), "no such user");
        assert_eq!(replayer.left(), []);
    }

    #[test]
    fn the_first_difference_is_named() {
        let replayer = Replayer::new(&recorded());
        let export = Invocation::new("zpool").args(["export", "tank"]);
        assert_eq!(
            replayer.run(&export).unwrap_err().to_string(),
            "call 1 of the transcript is zpool list -H, not zpool export tank"
        );
        replayer.run(&list()).unwrap();
        let plain = Invocation::new("chpasswd").input("ada:secret");
        replayer.run(&plain).unwrap_err();
        replayer.run(&password("")).unwrap();
        assert_eq!(
            replayer.run(&list()).unwrap_err().to_string(),
            "call 3 of the transcript is the end, not zpool list -H"
        );
    }
}
