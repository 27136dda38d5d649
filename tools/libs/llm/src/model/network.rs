//! The interface of architectures: rows of hidden state pass through layers, and a head computes logits.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use sigmavault_ternary::Pool;

use super::sequence::{Memory, Sequence};
use crate::inference::ForwardError;

/// Successive tokens of one sequence within a pass.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The index of the sequence in the pass.
    pub sequence: usize,
    /// Its rows in the pass.
    pub rows: Range<usize>,
    /// The position of the first row in the sequence.
    pub position: usize,
}

/// Tokens of several sequences that pass through the layers together.
#[derive(Debug)]
pub struct Pass<'a, 's> {
    /// The sequences, with writable pages for the new tokens.
    pub sequences: &'a mut [&'s mut Sequence],
    /// The rows of each sequence.
    pub segments: &'a [Segment],
    /// The hidden state, a row for each token.
    pub hidden: &'a mut [f32],
    /// The number of rows.
    pub rows: usize,
}

/// An architecture with its weights.
pub trait Network: Send + Sync + std::fmt::Debug {
    /// The width of the hidden state.
    fn width(&self) -> usize;
    /// The memory of a sequence.
    fn memory(&self) -> Memory;
    /// The number of layers.
    fn layer_count(&self) -> usize;
    /// Bytes of weights in memory.
    fn bytes(&self) -> usize;
    /// Bytes of weights read for one token.
    fn bytes_per_token(&self) -> usize;
    /// Writes a token's embedding.
    fn embed(&self, token: u32, out: &mut [f32]) -> Result<(), ForwardError>;
    /// Passes all rows through all layers, in place.
    fn layers(&self, pass: &mut Pass<'_, '_>, pool: &Pool) -> Result<(), ForwardError>;
    /// Computes the logits of these rows of hidden state, replacing the content of the buffer.
    fn head(&self, rows: &[f32], logits: &mut Vec<f32>, pool: &Pool) -> Result<(), ForwardError>;
}

/// Buffers kept for the next call, as many as there were concurrent calls.
#[derive(Debug, Default)]
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T: Default> Spare<T> {
    /// Runs `work` with a used or a new buffer.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = spare.unwrap_or_default();
        let result = work(&mut buffer);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        result
    }
}
