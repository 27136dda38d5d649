//! The options of the engine.

use std::time::Duration;

use super::disk_tier::DiskTierOptions;

/// The options of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineOptions {
    /// The largest total size of running states in bytes.
    pub state_bytes: usize,
    /// The largest total size of kept prefixes in bytes.
    pub prefix_bytes: usize,
    /// Where prefixes are moved to when memory is full; `None` drops them.
    pub disk_tier: Option<DiskTierOptions>,
    /// The most requests that run at once.
    pub parallel: usize,
    /// The most requests in the queue.
    pub queue: usize,
    /// The most prompt tokens in a step without sequences in decode.
    pub chunk: usize,
    /// The most prompt tokens in a step with sequences in decode, which limits how much a prefill delays them.
    pub shared_chunk: usize,
    /// If states cannot be truncated, one is kept after every so many tokens of a prompt.
    pub snapshot_every: usize,
    /// The most draft tokens in a step, of all sequences together. 0 disables drafting.
    pub draft_width: usize,
    /// Whether to draft as much as possible, even if it does not pay.
    pub draft_always: bool,
    /// The number of threads of the model.
    pub threads: usize,
    /// How long the engine is idle or paused until the model rests; `None` for never.
    pub rest_after: Option<Duration>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            state_bytes: 1 << 30,
            prefix_bytes: 1 << 30,
            disk_tier: None,
            parallel: 8,
            queue: 64,
            chunk: 512,
            shared_chunk: 128,
            snapshot_every: 1024,
            draft_width: 8,
            draft_always: false,
            threads: 1,
            rest_after: None,
        }
    }
}
