//! Why there is no answer.

use std::io;

/// A question without an answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The service cannot be reached, or did not take the whole request.
    #[error("{0}")]
    Unreachable(io::Error),
    /// The answer stopped before its end, or is not HTTP. The kind is `TimedOut` when a limit of time was reached.
    #[error("{0}")]
    Broken(io::Error),
}
