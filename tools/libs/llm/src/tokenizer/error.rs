//! Errors of tokenizers.

/// A tokenizer could not be loaded, or a text could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The tokenizer's description is incomplete or inconsistent.
    #[error("the tokenizer is damaged: {0}; fetch the model again")]
    Damaged(String),
    /// The kind of tokenizer is not supported.
    #[error("the tokenizer {what} `{name}` is not supported; supported are {supported}")]
    Unsupported {
        /// `model` or `pre-tokenizer`.
        what: &'static str,
        /// The name in the file.
        name: String,
        /// The supported names.
        supported: &'static str,
    },
    /// The text could not be encoded.
    #[error("cannot encode the text: {0}")]
    Encode(String),
}
