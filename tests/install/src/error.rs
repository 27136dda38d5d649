//! What can end a scenario before its checks are done.

use std::io;
use std::path::{Path, PathBuf};

use sigmavault_image_builder::pipeline::error::Problem;
use sigmavault_image_builder::smoke::ImageError;
use sigmavault_image_builder::{gpt, source};
use sigmavault_vm::LastSeen;

use crate::installer::{BadReport, Report};

/// What ended a scenario, or kept the tests from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine could not be started, ended early, or took too long.
    #[error(transparent)]
    Machine(#[from] sigmavault_vm::Error),
    /// The ISO cannot be tested.
    #[error("{0}\n  try: ci/build --profile vm-test")]
    Image(#[from] ImageError),
    /// The ISO has a desktop.
    #[error("{} is an image of profile {profile}, and these tests need one without a desktop\n  try: ci/build --profile vm-test", path.display())]
    Desktop {
        /// The ISO.
        path: PathBuf,
        /// Its profile.
        profile: String,
    },
    /// The source tree was not found.
    #[error(transparent)]
    Source(#[from] source::SourceError),
    /// There is no tools tree.
    #[error(transparent)]
    NoTools(#[from] Problem),
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
    /// The installer printed a report that cannot be read.
    #[error("the installer's report cannot be read: {report}\n{last}")]
    BadReport {
        /// The report.
        report: BadReport,
        /// What the machine showed last.
        last: LastSeen,
    },
    /// The installer reported something else than "installed".
    #[error("the installation did not succeed: {0}")]
    NotInstalled(Report),
    /// The installer ended without a report.
    #[error("the installer printed no report, but {said:?}")]
    NoReport {
        /// What it printed.
        said: String,
    },
    /// The system under test printed something that is not the JSON of its command.
    #[error("the JSON of `{command}` cannot be read: {source}; it is {text:?}")]
    NotJson {
        /// The command.
        command: &'static str,
        /// What it printed.
        text: String,
        /// Why it cannot be read.
        source: serde_json::Error,
    },
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
