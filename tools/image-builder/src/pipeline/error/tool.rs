//! A program that failed: how it ended, its last lines, and what to try.

use std::fmt;
use std::io;
use std::process::ExitStatus;

/// A program of a stage that failed.
#[derive(Debug)]
pub struct ToolFailure {
    /// The program.
    pub tool: String,
    /// How it ended.
    pub ending: Ending,
    /// Its last lines.
    pub tail: Vec<String>,
    /// The command, to repeat it.
    pub command: String,
}

/// How a program ended that failed.
#[derive(Debug, thiserror::Error)]
pub enum Ending {
    /// It never ran.
    #[error("cannot be started: {0}")]
    NotStarted(io::Error),
    /// Its end could not be awaited.
    #[error("was lost: {0}")]
    Lost(io::Error),
    /// It ended with a failure.
    #[error("{}", how(*.0))]
    Failed(ExitStatus),
    /// Its output could not be read to the end.
    #[error("closed its output early")]
    OutputClosed,
    /// Its output should be text.
    #[error("printed something that is not UTF-8")]
    NotText,
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => format!("was ended by a signal ({status})"),
    }
}

impl std::error::Error for ToolFailure {}

impl fmt::Display for ToolFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tool, self.ending)?;
        for line in &self.tail {
            write!(f, "\n    | {line}")?;
        }
        if let Some(hint) = hint(&self.tail) {
            write!(f, "\n  try: {hint}")?;
        }
        write!(f, "\n  command: {}", self.command)
    }
}

/// What to try, by what the tool printed.
fn hint(lines: &[String]) -> Option<String> {
    /// Text in the output, and what helps; `PROGRAM` is this one.
    const HINTS: &[(&str, &str)] = &[
        (
            "No space left on device",
            "free space, `PROGRAM clean --cache`, or name another place with --cache and --out",
        ),
        (
            "Temporary failure resolving",
            "check the network and name resolution, or build with --offline from what the cache holds",
        ),
        (
            "Could not resolve",
            "check the network and name resolution, or build with --offline from what the cache holds",
        ),
        (
            "Could not connect",
            "check the network, or name another Debian archive with --mirror URL",
        ),
        (
            "Network is unreachable",
            "check the network, or build with --offline from what the cache holds",
        ),
        (
            "Connection timed out",
            "check the network, or name another Debian archive with --mirror URL",
        ),
        (
            "Hash Sum mismatch",
            "the archive is being updated: wait some minutes and build again, or name another with --mirror URL",
        ),
        (
            "not signed",
            "install the package debian-archive-keyring of Debian 12 or later",
        ),
        (
            "Unable to locate package",
            "check the package's name in the profile with `PROGRAM profiles show`",
        ),
        (
            "has no installation candidate",
            "check the package's name in the profile with `PROGRAM profiles show`",
        ),
        (
            "Operation not permitted",
            "run as root, outside of an unprivileged container",
        ),
        (
            "Cannot allocate memory",
            "close other programs: a build needs 4 GiB of memory",
        ),
        (
            "Killed",
            "the kernel may have ended it for lack of memory: a build needs 4 GiB",
        ),
        (
            "Permission denied (os error 13)",
            "programs are compiled without root's rights: make the source tree readable for everybody (`chmod -R a+rX`)",
        ),
        (
            "--offline was specified",
            "the cache, or the pool, lacks crates of Cargo.lock: build once with a network, or save the pool again",
        ),
        (
            "failed to get `",
            "check the network: the crates of Cargo.lock are fetched once and then kept in the cache",
        ),
    ];
    let (_, hint) = HINTS
        .iter()
        .find(|(text, _)| lines.iter().any(|line| line.contains(text)))?;
    Some(hint.replace("PROGRAM", crate::invocation::name()))
}
