//! How long each stage of a build took.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one stage took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// The stage.
    pub stage: String,
    /// Seconds.
    pub seconds: f64,
    /// Whether its result came from the cache.
    pub cached: bool,
    /// Bytes of its result.
    pub bytes: u64,
}

/// Times of all stages so far; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Timings(Arc<Mutex<Vec<StageTime>>>);

impl Timings {
    /// Adds a stage.
    pub fn add(&self, stage: &str, took: Duration, cached: bool, bytes: u64) {
        let seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
        let entry = StageTime {
            stage: stage.to_owned(),
            seconds,
            cached,
            bytes,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// All of them, in the order they ended.
    pub fn all(&self) -> Vec<StageTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
