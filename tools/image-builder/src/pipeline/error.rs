//! Why a build stopped: the stage, the tool, its last words, the log, and what to try.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::gpt::GptError;
use crate::profile::ProfileError;
use crate::source::SourceError;

/// Why a build, a lock or a clean could not be done.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A stage failed.
    #[error("stage {stage}: {problem}{}", log.as_ref().map(|log| format!("\n  full log: {}", log.display())).unwrap_or_default())]
    Stage {
        /// The stage.
        stage: &'static str,
        /// What failed.
        problem: Problem,
        /// Its log.
        log: Option<PathBuf>,
    },
    /// The profile cannot be built.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// There is no source tree.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Something before any stage.
    #[error("{0}")]
    Setup(Problem),
}

/// What went wrong inside a stage.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A program ended with a failure.
    #[error("{}", describe_tool(tool, status, tail, hint.as_deref(), command))]
    Tool {
        /// The program.
        tool: String,
        /// How it ended.
        status: String,
        /// Its last lines.
        tail: Vec<String>,
        /// What to try, when the output tells.
        hint: Option<String>,
        /// The command, to repeat it.
        command: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}{}", path.display(), io_hint(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was made or found is not what it must be.
    #[error("{0}")]
    Unmet(String),
    /// Ctrl-C or a termination signal.
    #[error("interrupted; finished stages are kept, run the same command to go on")]
    Interrupted,
    /// The partition table could not be written.
    #[error(transparent)]
    Gpt(#[from] GptError),
}

impl Problem {
    /// For `map_err` on file operations.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn describe_tool(tool: &str, status: &str, tail: &[String], hint: Option<&str>, command: &str) -> String {
    let mut text = format!("{tool} {status}");
    for line in tail {
        let _ = write!(text, "\n    | {line}");
    }
    if let Some(hint) = hint {
        let _ = write!(text, "\n  try: {hint}");
    }
    let _ = write!(text, "\n  command: {command}");
    text
}

fn io_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "\n  try: free space there, `sigmavault-image clean --cache`, or name another place with --cache and --out"
        }
        io::ErrorKind::PermissionDenied => "\n  try: run as root",
        _ => "",
    }
}

/// What to try, judged by what a tool printed.
pub fn hint(lines: &[String]) -> Option<String> {
    /// Text in the output, and what helps.
    const HINTS: &[(&str, &str)] = &[
        (
            "No space left on device",
            "free space, `sigmavault-image clean --cache`, or name another place with --cache and --out",
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
            "check the package's name in the profile with `sigmavault-image profiles show`",
        ),
        (
            "has no installation candidate",
            "check the package's name in the profile with `sigmavault-image profiles show`",
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
            "failed to get `",
            "check the network: the crates of Cargo.lock are fetched once and then kept in the cache",
        ),
    ];
    let (_, hint) = HINTS
        .iter()
        .find(|(text, _)| lines.iter().any(|line| line.contains(text)))?;
    Some((*hint).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_tool_is_told_with_its_last_lines_and_what_to_try() {
        let tail = vec!["writing".to_owned(), "write: No space left on device".to_owned()];
        let error = BuildError::Stage {
            stage: "root",
            problem: Problem::Tool {
                tool: "mkfs.erofs".to_owned(),
                status: "ended with exit code 1".to_owned(),
                hint: hint(&tail),
                tail,
                command: "mkfs.erofs root.erofs tree".to_owned(),
            },
            log: Some(PathBuf::from("/cache/log/root.log")),
        };
        assert_eq!(
            error.to_string(),
            "stage root: mkfs.erofs ended with exit code 1\n    | writing\n    | write: No space left on device\n  \
             try: free space, `sigmavault-image clean --cache`, or name another place with --cache and --out\n  \
             command: mkfs.erofs root.erofs tree\n  full log: /cache/log/root.log"
        );
    }
}
