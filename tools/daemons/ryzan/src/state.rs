//! The state shared by all handlers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use sigmavault_facts::Files;
use sigmavault_service::serve::Bucket;

use crate::config::Config;
use crate::meters::Meters;
use crate::models::Models;

/// The service as a handler's argument.
pub type Shared = State<Arc<Service>>;

/// Settings, models and counters.
#[derive(Debug)]
pub struct Service {
    /// Settings.
    pub config: Config,
    /// `/proc`, `/sys`, `/run` and the rest.
    pub files: Files,
    /// The models.
    pub models: Arc<Models>,
    /// Counters for `/metrics`.
    pub meters: Meters,
    turns: Mutex<Bucket>,
}

impl Service {
    /// A service with these settings and models.
    pub fn new(config: Config, files: Files, models: Arc<Models>) -> Self {
        Self {
            turns: Mutex::new(Bucket::new(config.requests_per_minute, Instant::now())),
            meters: Meters::default(),
            config,
            files,
            models,
        }
    }

    /// Counts a request over TCP against the rate limit, or returns the time until the next one is admitted.
    pub fn take_turn(&self, now: Instant) -> Result<(), Duration> {
        self.turns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(now)
    }
}
