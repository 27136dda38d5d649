//! What can fail when a disk image is started.

use std::io;
use std::path::{Path, PathBuf};

use sigmavault_image_builder::pipeline::error::Problem;
use sigmavault_image_builder::source::SourceError;
use sigmavault_pi_firmware::tree::TreeError;

use crate::script::NoStep;

/// What can fail when a disk image is started. What a board refuses is a result, not one of these.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// The image does not fit the card.
    #[error("{} has {bytes} bytes, more than the card of {gib} GiB; choose a larger one with --card-size", path.display())]
    TooLarge {
        /// The image.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The card's size.
        gib: u64,
    },
    /// There is no partition 1 for the answers.
    #[error("the image has no first partition to put the answers on: {0}")]
    NoFirstPartition(String),
    /// A device tree cannot be changed.
    #[error("cannot change the device tree: {0}")]
    Tree(#[from] TreeError),
    /// A script has a line that is no step.
    #[error(transparent)]
    Script(#[from] NoStep),
    /// The source tree was not found.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no tools tree.
    #[error("{0}")]
    Tools(Box<Problem>),
    /// The virtual machine failed.
    #[error(transparent)]
    Machine(#[from] sigmavault_vm::Error),
    /// The report cannot be written as JSON.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// For `map_err` on a file operation.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
