//! What a model continues or embeds.

/// Text, or tokens that a client has made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Text.
    Text(String),
    /// Tokens, by id.
    Tokens(Vec<u32>),
}
