//! Why a model was not added.

use std::io;
use std::path::{Path, PathBuf};

use sigmavault_catalogue::download::DownloadError;
use sigmavault_catalogue::{Digest, StoreError};

use crate::model::error::ModelError;
use crate::model::progress::SignalError;

/// Why a model was not added. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// An error common to all commands.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Ctrl-C cannot be caught.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// The disk has no room.
    #[error(transparent)]
    Space(#[from] DownloadError),
    /// Something given cannot be read, or fetched.
    #[error("nothing was added: cannot read {place}: {source}")]
    Read {
        /// The path or URL.
        place: String,
        /// The cause.
        source: io::Error,
    },
    /// The folder has no model, or several.
    #[error("nothing was added: {}: {why}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// It is none of the formats.
    #[error(
        "nothing was added: {place} is no model: it begins with {start:?}; \
         a model is a GGUF file, or a folder with config.json, tokenizer.json and safetensors files"
    )]
    NoModel {
        /// The path or URL.
        place: String,
        /// Its first bytes.
        start: String,
    },
    /// It is damaged.
    #[error("nothing was added: {place}: {why}")]
    Damaged {
        /// The path or URL.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Its SHA-256 is another than the one demanded.
    #[error(
        "nothing was added: {place} has the SHA-256 {found} instead of {expected}: it is damaged, or another file"
    )]
    Digest {
        /// The path or URL.
        place: String,
        /// The SHA-256 by the user, or by the name of the file.
        expected: Digest,
        /// Its own.
        found: Digest,
    },
    /// The engine does not run it.
    #[error("nothing was added: the engine cannot run {place}:{}", list(.obstacles))]
    CannotRun {
        /// The path or URL.
        place: String,
        /// The engine's verdict.
        obstacles: Vec<String>,
    },
    /// A URL that anybody on the way could answer.
    #[error(
        "nothing was added: {0} is fetched without encryption, and anybody on the way can exchange it; \
         try https://, or say with --sha256 which file it must be"
    )]
    Unencrypted(String),
    /// It cannot be written.
    #[error("nothing was added: cannot write {place} below {}: {source}", folder.display())]
    Write {
        /// The path or URL of what was given.
        place: String,
        /// Where it was to be written.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Parts are put together, so they cannot be linked.
    #[error("nothing was added: the parts of a file are put together and cannot be linked; leave --link out")]
    LinkParts,
    /// One hash for several files.
    #[error("nothing was added: --sha256 is for a single file; leave it out")]
    DigestOfMany,
    /// An option that does not go with what was given.
    #[error("nothing was added: --link is for files of this machine; leave it out")]
    LinkUrl,
    /// No id can be made of its name.
    #[error("nothing was added: {0}; choose an id with --id")]
    Id(String),
    /// The catalogue has this name.
    #[error(
        "nothing was added: the catalogue offers {0:?}; choose another id with --id, or get that one with: sigmavault model pull {0}"
    )]
    Offered(String),
    /// A model of this id is here.
    #[error("nothing was added: {0} is here already; replace it with --yes, or choose another id with --id")]
    Here(String),
    /// The user stopped it.
    #[error("stopped; nothing was added")]
    Stopped,
}

impl From<StoreError> for AddError {
    fn from(error: StoreError) -> Self {
        Self::Model(error.into())
    }
}

impl AddError {
    /// Something given cannot be read.
    #[expect(clippy::needless_pass_by_value, reason = "texts and what is shown as one")]
    pub(super) fn read(place: impl ToString) -> impl FnOnce(io::Error) -> Self {
        let place = place.to_string();
        move |source| match source.kind() {
            io::ErrorKind::Interrupted => Self::Stopped,
            _ => Self::Read { place, source },
        }
    }

    pub(super) fn folder(folder: &Path, why: impl Into<String>) -> Self {
        Self::Folder {
            folder: folder.to_owned(),
            why: why.into(),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "texts and what is shown as one")]
    pub(super) fn damaged(place: impl ToString, why: impl ToString) -> Self {
        Self::Damaged {
            place: place.to_string(),
            why: why.to_string(),
        }
    }
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}
