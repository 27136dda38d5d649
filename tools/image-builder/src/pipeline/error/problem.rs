//! The stage that stopped, and what failed in it.

use std::io;
use std::path::{Path, PathBuf};

use super::archive::ArchiveError;
use super::environment::EnvironmentError;
use super::input::InputError;
use super::internal::InternalError;
use super::tool::ToolFailure;
use crate::drivers::tree::TreeError;
use crate::gpt::GptError;
use crate::invocation;
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

/// What failed, inside a stage or before any.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A program failed.
    #[error(transparent)]
    Tool(#[from] ToolFailure),
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
    /// What was asked for cannot be built.
    #[error(transparent)]
    Input(#[from] InputError),
    /// This machine does not allow it.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Packages are not available.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The drivers of a tree are not known.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// This program is at fault.
    #[error(transparent)]
    Internal(#[from] InternalError),
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

impl BuildError {
    /// For `map_err` on what is done before any stage.
    pub fn setup(problem: impl Into<Problem>) -> Self {
        Self::Setup(problem.into())
    }
}

fn io_hint(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!(
                "\n  try: free space there, `{} clean --cache`, or name another place with --cache and --out",
                invocation::name()
            )
        }
        io::ErrorKind::PermissionDenied => "\n  try: run as root".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tool::Ending;
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn a_failed_tool_is_told_with_its_last_lines_and_what_to_try() {
        let tail = vec!["writing".to_owned(), "write: No space left on device".to_owned()];
        let error = BuildError::Stage {
            stage: "root",
            problem: Problem::Tool(ToolFailure {
                tool: "mkfs.erofs".to_owned(),
                // wait(2): the exit code stands in the second byte.
                ending: Ending::Failed(ExitStatus::from_raw(1 << 8)),
                tail,
                command: "mkfs.erofs root.erofs tree".to_owned(),
            }),
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
