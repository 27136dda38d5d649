//! The status that the scheduler reports to the handles.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// The status of the engine.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EngineStatus {
    /// Running requests.
    pub running: usize,
    /// Queued requests.
    pub queued: usize,
    /// The largest total size of the running states in bytes.
    pub reserved_bytes: usize,
    /// The size of kept prefixes in bytes.
    pub prefix_bytes: usize,
    /// The number of kept prefixes.
    pub prefixes: usize,
    /// Prompt tokens computed.
    pub prompt_tokens: u64,
    /// Prompt tokens taken from kept prefixes.
    pub cached_tokens: u64,
    /// Generated tokens.
    pub generated_tokens: u64,
    /// Draft tokens.
    pub drafted_tokens: u64,
    /// Accepted draft tokens.
    pub accepted_tokens: u64,
    /// Forward passes.
    pub steps: u64,
    /// A moving average of the tokens generated per second by all sequences together; 0 before the first.
    pub tokens_per_second: f64,
    /// Threads in use; 0 while paused.
    pub threads: usize,
}

/// State shared by the handle and the scheduler.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) status: Mutex<EngineStatus>,
    pub(super) queued: AtomicUsize,
    pub(super) closed: AtomicBool,
}
