//! What the architectures have in common: rows of hidden state go through layers, and a head makes logits of them.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use sigmavault_ternary::Pool;

use super::error::ForwardError;
use super::sequence::{Memory, Sequence};

/// Successive tokens of one sequence within a pass.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Which of the pass's sequences.
    pub sequence: usize,
    /// Its rows in the pass.
    pub rows: Range<usize>,
    /// Position of the first of them in the sequence.
    pub position: usize,
}

/// Tokens of several sequences that go through the layers together.
#[derive(Debug)]
pub struct Pass<'a, 's> {
    /// The sequences. Pages for the new tokens are writable.
    pub sequences: &'a mut [&'s mut Sequence],
    /// Which rows are whose.
    pub segments: &'a [Segment],
    /// Hidden state: one row for each token.
    pub hidden: &'a mut [f32],
    /// Number of rows.
    pub rows: usize,
}

/// An architecture with its weights.
pub trait Network: Send + Sync + std::fmt::Debug {
    /// Numbers of hidden state.
    fn width(&self) -> usize;
    /// What it keeps for a sequence.
    fn memory(&self) -> Memory;
    /// Layers.
    fn layer_count(&self) -> usize;
    /// Bytes of weights in memory.
    fn bytes(&self) -> usize;
    /// Bytes of weights read for one token.
    fn bytes_per_token(&self) -> usize;
    /// Writes a token's embedding.
    fn embed(&self, token: u32, out: &mut [f32]) -> Result<(), ForwardError>;
    /// Takes all rows through all layers, in place.
    fn layers(&self, pass: &mut Pass<'_, '_>, pool: &Pool) -> Result<(), ForwardError>;
    /// Computes the logits of these rows of hidden state, in place of what is in the buffer.
    fn head(&self, rows: &[f32], logits: &mut Vec<f32>, pool: &Pool) -> Result<(), ForwardError>;
}

/// Buffers kept for the next call. As many stay as calls ran at once.
#[derive(Debug, Default)]
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T: Default> Spare<T> {
    /// Runs `work` with a buffer of earlier use or a new one.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = spare.unwrap_or_default();
        let result = work(&mut buffer);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        result
    }
}
