//! What the engine asks of a model.

/// What there is to know about a model for planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Logits in a row.
    pub vocabulary: usize,
    /// The most tokens a sequence can hold.
    pub context: usize,
    /// Whether a state can be shortened to any length (attention), or only be copied and gone on from (recurrent).
    pub rewindable: bool,
    /// Bytes that every token adds to a state.
    pub bytes_per_token: usize,
    /// Bytes of a state however long it is.
    pub bytes_fixed: usize,
}

impl Shape {
    /// The size of a state after `tokens`.
    pub fn bytes(&self, tokens: usize) -> usize {
        self.bytes_fixed
            .saturating_add(self.bytes_per_token.saturating_mul(tokens))
    }
}

/// A state cannot be shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the state cannot be taken back to {0} tokens")]
pub struct CannotRewind(pub usize);

/// A forward pass failed. The states of the batch are not to be used again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the model failed: {0}")]
pub struct ForwardError(pub String);

/// A part of a state that several states may have in common. None of them changes it while another has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The same in all states that have it, and in no other while one of them lives.
    pub id: usize,
    /// Its memory.
    pub bytes: usize,
}

/// What a model remembers of the tokens it has seen.
pub trait State: Sized + Send + 'static {
    /// How many tokens that are.
    fn len(&self) -> usize;
    /// Whether it has seen none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Memory it holds, parts that it shares with others included.
    fn bytes(&self) -> usize;
    /// What of its memory it may share with its forks.
    fn parts(&self) -> Vec<Part> {
        Vec::new()
    }
    /// Another one that goes its own way from here. Cheap where memory is shared.
    #[must_use]
    fn fork(&self) -> Self;
    /// Forgets all but the first `len` tokens.
    fn truncate(&mut self, len: usize) -> Result<(), CannotRewind>;
    /// For the disk; [`Forward::restore`] makes it a state again.
    fn to_bytes(&self) -> Vec<u8>;
}

/// Which rows of logits a step gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// None: there is more of the prompt to come.
    None,
    /// That after the last token.
    Last,
    /// One after every token.
    All,
}

/// One sequence's part of a forward pass.
#[derive(Debug)]
pub struct Step<'a, S> {
    /// What has been seen; longer by `tokens` afterwards.
    pub sequence: &'a mut S,
    /// What comes next; at least one.
    pub tokens: &'a [u32],
    /// Which logits are needed.
    pub logits: Wanted,
    /// The logits, row after row; cleared first.
    pub out: &'a mut Vec<f32>,
}

/// A model, as the engine sees it.
pub trait Forward: Send + Sync + 'static {
    /// Its states.
    type Sequence: State;
    /// Its dimensions.
    fn shape(&self) -> Shape;
    /// A state that has seen nothing.
    fn sequence(&self) -> Self::Sequence;
    /// A state from [`State::to_bytes`]; the reason when the bytes are none of this model's.
    fn restore(&self, bytes: &[u8]) -> Result<Self::Sequence, String>;
    /// Runs all steps in one pass. Each row of logits depends on its own sequence only.
    fn forward(&self, batch: &mut [Step<'_, Self::Sequence>]) -> Result<(), ForwardError>;
    /// How many threads a pass may use from now on; at least one.
    fn set_threads(&self, threads: usize);
    /// There is work, for the first time or after [`Forward::rest`]. Whether it has now all that makes it fast; if not it is asked
    /// again after a minute of work.
    fn wake(&self) -> bool {
        true
    }
    /// There has been no work for a while: memory that only speed needs may go.
    fn rest(&self) {}
}
