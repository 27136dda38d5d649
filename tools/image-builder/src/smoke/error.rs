//! What can end a smoke test before its checks are judged.

use std::io;
use std::path::{Path, PathBuf};

use crate::profile::Arch;

/// What ended a smoke test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A machine of this architecture starts by UEFI alone.
    #[error("machines for {arch} have no BIOS; boot it with --firmware uefi")]
    NoBios {
        /// The architecture.
        arch: Arch,
    },
    /// The test ran out of time.
    #[error("{0}, or give it longer with --timeout")]
    Timeout(sigmavault_vm::Error),
    /// The machine could not be started, ended early, or could not be driven.
    #[error(transparent)]
    Machine(sigmavault_vm::Error),
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
    /// The report could not be written as JSON.
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

impl From<sigmavault_vm::Error> for Error {
    fn from(error: sigmavault_vm::Error) -> Self {
        match error {
            sigmavault_vm::Error::Timeout { .. } => Self::Timeout(error),
            error => Self::Machine(error),
        }
    }
}
