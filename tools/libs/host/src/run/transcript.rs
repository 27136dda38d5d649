//! Programs that were run, in order, as text that people and [`Replayer`](super::Replayer) read.
//!
//! Each line begins with a mark and a space:
//!
//! | mark | what follows |
//! | --- | --- |
//! | `#` | a note: something that was done without a program |
//! | `$` | a program with its arguments, quoted for a shell |
//! | `<` | a line of its input, or `<secret>` |
//! | `>` | a line of its standard output |
//! | `!` | a line of its standard error |
//! | `=` | how it ended, when not with exit code 0: `exit 3`, `signal 9`, or `not started: ` and why |
//!
//! Output that does not end with a line break is read back with one.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::str::FromStr;

use super::error::RunError;
use super::invocation::Invocation;
use super::output::Output;

/// Everything that was run and noted, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Something that was done without a program, in one line.
    Note(String),
    /// A program that was run.
    Call(Call),
}

/// A program that was run, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Program and arguments, quoted for a shell.
    pub line: String,
    /// Lines of its standard input as anybody may see them.
    pub input: Vec<String>,
    /// What came back.
    pub answer: Answer,
}

/// What came back from a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It ran to its end.
    Ended(Output),
    /// It did not start, for this reason.
    NotStarted(String),
}

/// Text that is no transcript.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of the transcript is invalid: {text:?}\n  try: record it again")]
pub struct TranscriptError {
    /// Number of the line, counted from 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

impl Call {
    /// Whether this is the call of an invocation.
    pub fn is(&self, invocation: &Invocation) -> bool {
        self.line == invocation.quoted() && self.input == input_lines(invocation)
    }

    /// An invocation with its result.
    pub fn new(invocation: &Invocation, result: &Result<Output, RunError>) -> Self {
        Self {
            line: invocation.quoted(),
            input: input_lines(invocation),
            answer: match result {
                Ok(output) => Answer::Ended(output.clone()),
                Err(RunError::Start { source, .. }) => Answer::NotStarted(source.to_string()),
                Err(other) => Answer::NotStarted(other.to_string()),
            },
        }
    }
}

/// Lines of an invocation's standard input as anybody may see them.
fn input_lines(invocation: &Invocation) -> Vec<String> {
    let shown = invocation.standard_input().shown().unwrap_or_default();
    shown.lines().map(str::to_owned).collect()
}

impl Transcript {
    /// The programs, without notes.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Call(call) => Some(call),
            Entry::Note(_) => None,
        })
    }

    /// Notes and programs with their input and status, without what they printed.
    #[must_use]
    pub fn without_output(&self) -> Self {
        let quiet = |entry: &Entry| match entry {
            Entry::Call(call) => Entry::Call(Call {
                answer: match &call.answer {
                    Answer::Ended(output) => Answer::Ended(Output {
                        status: output.status,
                        stdout: Vec::new(),
                        stderr: Vec::new(),
                    }),
                    Answer::NotStarted(reason) => Answer::NotStarted(reason.clone()),
                },
                ..call.clone()
            }),
            Entry::Note(text) => Entry::Note(text.clone()),
        };
        Self {
            entries: self.entries.iter().map(quiet).collect(),
        }
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| match entry {
            Entry::Note(text) => line(f, '#', text),
            Entry::Call(call) => {
                writeln!(f, "$ {}", call.line)?;
                call.input.iter().try_for_each(|text| line(f, '<', text))?;
                match &call.answer {
                    Answer::NotStarted(reason) => line(f, '=', &format!("not started: {reason}")),
                    Answer::Ended(output) => {
                        marked(f, '>', &output.text())?;
                        marked(f, '!', &String::from_utf8_lossy(&output.stderr))?;
                        status(f, output.status)
                    }
                }
            }
        })
    }
}

fn marked(f: &mut fmt::Formatter<'_>, mark: char, text: &str) -> fmt::Result {
    text.lines().try_for_each(|text| line(f, mark, text))
}

fn line(f: &mut fmt::Formatter<'_>, mark: char, text: &str) -> fmt::Result {
    let space = if text.is_empty() { "" } else { " " };
    writeln!(f, "{mark}{space}{text}")
}

fn status(f: &mut fmt::Formatter<'_>, status: ExitStatus) -> fmt::Result {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => writeln!(f, "= exit {code}"),
        (None, signal) => writeln!(f, "= signal {}", signal.unwrap_or_default()),
    }
}

impl FromStr for Transcript {
    type Err = TranscriptError;

    fn from_str(text: &str) -> Result<Self, TranscriptError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = || TranscriptError {
                line: number,
                text: line.to_owned(),
            };
            let mut letters = line.chars();
            let mark = letters.next().ok_or_else(wrong)?;
            let rest = letters.as_str();
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match (mark, entries.last_mut()) {
                ('#', _) => entries.push(Entry::Note(rest.to_owned())),
                ('$', _) => entries.push(Entry::Call(Call {
                    line: rest.to_owned(),
                    input: Vec::new(),
                    answer: Answer::Ended(Output::success("")),
                })),
                (mark, Some(Entry::Call(call))) => add(call, mark, rest).ok_or_else(wrong)?,
                _ => return Err(wrong()),
            }
        }
        Ok(Self { entries })
    }
}

/// Adds a line to a call; nothing when it does not belong there.
fn add(call: &mut Call, mark: char, rest: &str) -> Option<()> {
    if mark == '<' {
        call.input.push(rest.to_owned());
        return Some(());
    }
    let Answer::Ended(output) = &mut call.answer else {
        return None;
    };
    match mark {
        '>' => output.stdout.extend([rest.as_bytes(), b"\n"].concat()),
        '!' => output.stderr.extend([rest.as_bytes(), b"\n"].concat()),
        '=' => {
            if let Some(reason) = rest.strip_prefix("not started: ") {
                call.answer = Answer::NotStarted(reason.to_owned());
                return Some(());
            }
            // wait(2): the exit code stands in the second byte, a signal in the first.
            output.status = ExitStatus::from_raw(match rest.split_once(' ')? {
                ("exit", code) => i32::from(code.parse::<u8>().ok()?) << 8,
                ("signal", signal) => signal.parse().ok().filter(|signal| (1..=64).contains(signal))?,
                _ => return None,
            });
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
#[path = "transcript_tests.rs"]
mod tests;
