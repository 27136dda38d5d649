//! What can end a scenario before its checks are done.

use std::io;
use std::path::{Path, PathBuf};

use sigmavault_image_builder::{gpt, inspect, smoke};

/// What ended a scenario, or kept the tests from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine could not be started, ended early, or took too long.
    #[error(transparent)]
    Machine(#[from] smoke::Error),
    /// The file is no ISO of ours.
    #[error(transparent)]
    Inspect(#[from] inspect::InspectError),
    /// The ISO is incomplete, or there is nothing in it to test here.
    #[error("{} cannot be tested: {why}\n  try: ci/build --profile vm-test", path.display())]
    Iso {
        /// The ISO.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no tools tree.
    #[error("{0}")]
    NoTools(String),
    /// KVM was asked for and cannot be used.
    #[error("KVM cannot be used: {0}\n  try: leave out --accel to fall back to emulation")]
    NoKvm(String),
    /// A disk has no partition table that can be read.
    #[error(transparent)]
    Gpt(#[from] gpt::GptError),
    /// A disk lacks a partition.
    #[error("{} has no partition {label:?}, only {found}", disk.display())]
    NoPartition {
        /// The disk image.
        disk: PathBuf,
        /// GPT name that was looked for.
        label: String,
        /// The names that are there.
        found: String,
    },
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
    /// A program of the host or of the tools tree failed.
    #[error("{program} failed: {said}")]
    Tool {
        /// Its name.
        program: &'static str,
        /// The end of what it printed.
        said: String,
    },
    /// The machine did not do what the scenario stands on.
    #[error("{what}\nLast seen: {last}")]
    Unmet {
        /// What should have been.
        what: String,
        /// What the machine showed last.
        last: String,
    },
    /// The installer said something else than "installed".
    #[error("the installation ended as {0}")]
    NotInstalled(String),
    /// Answers cannot be written as TOML.
    #[error("cannot write the answers: {0}")]
    Answers(#[from] toml::ser::Error),
    /// A report cannot be written as JSON.
    #[error("cannot write the report: {0}")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// For `map_err` on a file operation.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
