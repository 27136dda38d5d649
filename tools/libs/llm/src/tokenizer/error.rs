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
    /// The text has more tokens than are of use.
    #[error("the text has at least {tokens} tokens and may have {limit}; shorten it")]
    TooLong {
        /// Tokens found so far, or the least number that text of this length has.
        tokens: usize,
        /// The most tokens allowed.
        limit: usize,
    },
    /// Nobody waits for the tokens any more.
    #[error("the text was not encoded to its end, since the request was dropped")]
    Cancelled,
}
