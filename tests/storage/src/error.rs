//! What can end a run.

use std::io;
use std::path::{Path, PathBuf};

use sigmavault_host::run::RunError;
use sigmavault_image_builder::pipeline::error::Problem;
use sigmavault_image_builder::smoke::ImageError;
use sigmavault_image_builder::source;

/// What ended a run, or kept it from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine could not be started, ended early, or took too long.
    #[error(transparent)]
    Machine(#[from] sigmavault_vm::Error),
    /// The ISO cannot be started.
    #[error("{0}\n  try: ci/build --profile vm-test")]
    Image(#[from] ImageError),
    /// The source tree was not found.
    #[error(transparent)]
    Source(#[from] source::SourceError),
    /// There is no tools tree.
    #[error(transparent)]
    NoTools(#[from] Problem),
    /// There is no such scenario.
    #[error("there is no scenario {0}; see: ci/storage-tests list")]
    NoScenario(String),
    /// Scenarios failed.
    #[error("failed: {}", .0.join(", "))]
    Failed(Vec<&'static str>),
    /// A change that is to be cut off fails without a cut.
    #[error("`{change}` failed: {said}")]
    Change {
        /// The change.
        change: &'static str,
        /// What it said.
        said: String,
    },
    /// Cuts left what is neither before nor after a change.
    #[error("{0} of the cuts left something else than is there before or after a change")]
    Cuts(usize),
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The recordings that the machine sent are damaged.
    #[error("the machine sent something that is not base64: {0}")]
    Garbled(#[from] base64::DecodeError),
    /// The recordings cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] RunError),
}

impl Error {
    /// For `map_err` on a file operation.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
