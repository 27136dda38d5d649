//! Errors of templates.

use std::path::PathBuf;

use crate::tokenizer::TokenizerError;

/// Why a conversation cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The model has no template.
    #[error("the model has no chat template; use it for completions, or choose another model")]
    Missing,
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The template is not valid Jinja, or uses an unknown function or variable.
    #[error("the model's chat template does not work: {0}")]
    Broken(String),
    /// The template makes longer texts or lists than it may.
    #[error(
        "the model's chat template takes more than {mebibytes} MiB of memory at its line {line}; shorten the conversation, or \
         choose another model"
    )]
    Memory {
        /// The limit.
        mebibytes: u64,
        /// The line of the template.
        line: usize,
    },
    /// The rendered conversation cannot be encoded, or has too many tokens.
    #[error(transparent)]
    Tokens(#[from] TokenizerError),
    /// The template rejects these messages.
    #[error("the model cannot be given these messages: {0}")]
    Refused(String),
}
