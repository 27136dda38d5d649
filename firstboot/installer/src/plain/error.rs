//! Why the questions ended.

use std::io;

/// Why the questions ended.
#[derive(Debug, thiserror::Error)]
pub enum PlainError {
    /// Input or output does not work.
    #[error("cannot ask: {0}")]
    Io(#[from] io::Error),
    /// The input ended before the summary was confirmed.
    #[error("the input ended before the summary was confirmed; nothing was written")]
    Ended,
    /// No answer could mend it.
    #[error("SigmaVault NAS OS cannot be installed on this machine:\n{0}")]
    Hopeless(String),
}
