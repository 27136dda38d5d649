//! Inference as the engine and the models see it: the state of a sequence, and a forward pass over a batch of them.

use std::io::{self, Read, Write};

/// The properties of a model that the engine plans with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The number of logits in a row.
    pub vocabulary: usize,
    /// The most tokens that a sequence can hold.
    pub context: usize,
    /// Whether a state can be truncated to any length (attention), or only be copied and continued (recurrent).
    pub rewindable: bool,
    /// Bytes of state per token.
    pub bytes_per_token: usize,
    /// Bytes of state independent of the length.
    pub bytes_fixed: usize,
}

impl Shape {
    /// The size of a state after `tokens` tokens, in bytes.
    pub fn bytes(&self, tokens: usize) -> usize {
        self.bytes_fixed
            .saturating_add(self.bytes_per_token.saturating_mul(tokens))
    }
}

/// A forward pass failed. The states of the batch must not be used again, unless the error says that nothing was computed.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ForwardError {
    /// A token id is not in the vocabulary.
    #[error("token {token} is outside the vocabulary of {vocabulary}")]
    Token {
        /// The id.
        token: u32,
        /// The vocabulary's size.
        vocabulary: usize,
    },
    /// The sequence would become longer than the model's context.
    #[error("{length} tokens do not fit into the context of {context}")]
    Context {
        /// The length of the sequence after the step.
        length: usize,
        /// The context length of the model.
        context: usize,
    },
    /// The sequence was made by another model.
    #[error("the sequence belongs to another model")]
    ForeignSequence,
    /// A tensor operation of candle failed.
    #[error("computing {0}")]
    Tensor(String),
}

/// A state cannot be truncated: a recurrent one has no history, and no state has tokens that it has not seen.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error(
    "a sequence of {length} tokens cannot be cut to {wanted}: fork a recurrent sequence before the tokens that may be taken back"
)]
pub struct CannotRewind {
    /// Tokens in the sequence.
    pub length: usize,
    /// Tokens requested.
    pub wanted: usize,
}

/// A part that several states may share. A shared part is not modified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its identity: the same in all states that share it, and unique while one of them lives.
    pub id: usize,
    /// Its size in bytes.
    pub bytes: usize,
}

/// The state of a sequence: what a model keeps of the tokens it has seen.
pub trait State: Sized + Send + 'static {
    /// The number of tokens it has seen.
    fn len(&self) -> usize;
    /// Whether it has seen none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Its size in bytes, including shared parts.
    fn bytes(&self) -> usize;
    /// The parts that it may share with its forks.
    fn parts(&self) -> Vec<Part> {
        Vec::new()
    }
    /// An independent copy. Cheap if memory is shared.
    #[must_use]
    fn fork(&self) -> Self;
    /// Forgets all but the first `len` tokens.
    fn truncate(&mut self, len: usize) -> Result<(), CannotRewind>;
    /// Writes it, for [`Forward::restore`]. It has hundreds of megabytes, so that no second copy of it may be made on the way.
    fn save(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Which rows of logits a step returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// None, in the middle of a prompt.
    None,
    /// The row after the last token.
    Last,
    /// The rows after all tokens.
    All,
}

/// One sequence's part of a forward pass.
#[derive(Debug)]
pub struct Step<'a, S> {
    /// The state, which `tokens` are appended to.
    pub sequence: &'a mut S,
    /// The next tokens; at least one.
    pub tokens: &'a [u32],
    /// Which logits are needed.
    pub logits: Wanted,
    /// The logits, row after row; cleared first.
    pub out: &'a mut Vec<f32>,
}

/// A model, as the engine sees it.
pub trait Forward: Send + Sync + 'static {
    /// The state of a sequence.
    type Sequence: State;
    /// Its properties.
    fn shape(&self) -> Shape;
    /// An empty state.
    fn sequence(&self) -> Self::Sequence;
    /// Restores a state that [`State::save`] wrote, and reads to the end. The error is the reason why the bytes are not a state of this
    /// model.
    fn restore(&self, bytes: &mut dyn Read) -> Result<Self::Sequence, String>;
    /// Runs all steps in one pass. A row of logits depends only on its own sequence.
    fn forward(&self, batch: &mut [Step<'_, Self::Sequence>]) -> Result<(), ForwardError>;
    /// Sets the number of threads for the following passes; at least one.
    fn set_threads(&self, threads: usize);
    /// Called when there is work, at first and after [`Forward::rest`]. Returns whether it now has everything that makes it fast; if
    /// not, it is called again after a minute of work.
    fn wake(&self) -> bool {
        true
    }
    /// Called when there has been no work for a while: memory that only serves speed may be freed.
    fn rest(&self) {}
}
