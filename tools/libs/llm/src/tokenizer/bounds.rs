//! Limits of the work that encoding a text may take.

use super::error::TokenizerError;

/// The most that encoding a text may do.
#[derive(Clone, Copy)]
pub struct Bounds<'a> {
    /// The most tokens that are of use, such as the length of a model's context. Encoding stops with
    /// [`TokenizerError::TooLong`] once there are more.
    pub tokens: usize,
    /// Whether nobody waits for the result any more. Encoding stops with [`TokenizerError::Cancelled`] then.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Bounds<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounds")
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

impl Bounds<'_> {
    /// No limits.
    pub const NONE: Bounds<'static> = Bounds {
        tokens: usize::MAX,
        cancelled: &|| false,
    };

    /// Whether the work may go on with `tokens` found so far.
    pub(super) fn check(&self, tokens: usize) -> Result<(), TokenizerError> {
        if tokens > self.tokens {
            return Err(TokenizerError::TooLong {
                tokens,
                limit: self.tokens,
            });
        }
        if (self.cancelled)() {
            return Err(TokenizerError::Cancelled);
        }
        Ok(())
    }
}
