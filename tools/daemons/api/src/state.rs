//! The state shared by all handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sigmavault_facts::Files;

use crate::config::Config;
use crate::sampler::Sampler;
use crate::sources::clock::{Clock, SystemClock};
use crate::sources::space::{SpaceSource, Statvfs};
use crate::sources::systemd::{Services, Systemd};

/// Settings and sources; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// Settings.
    pub config: Arc<Config>,
    /// `/proc`, `/sys`, `/run` and the rest.
    pub files: Files,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The service manager.
    pub services: Arc<dyn Services>,
    /// Space of file systems.
    pub space: SpaceSource,
    /// Earlier counters, for rates.
    pub sampler: Arc<Sampler>,
    listening: Arc<AtomicBool>,
}

impl AppState {
    /// Sources of the running machine.
    pub fn of_this_machine(config: Config, files: Files) -> Self {
        let space = SpaceSource::new(Statvfs);
        Self::new(
            config,
            files,
            Arc::new(SystemClock::default()),
            Arc::new(Systemd::default()),
            space,
        )
    }

    /// A state with these settings and sources.
    pub fn new(
        config: Config,
        files: Files,
        clock: Arc<dyn Clock>,
        services: Arc<dyn Services>,
        space: SpaceSource,
    ) -> Self {
        Self {
            config: Arc::new(config),
            files,
            clock,
            services,
            space,
            sampler: Arc::default(),
            listening: Arc::default(),
        }
    }

    /// Whether the listener accepts connections.
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    /// Sets whether the listener accepts connections.
    pub fn set_listening(&self, listening: bool) {
        self.listening.store(listening, Ordering::Release);
    }
}
