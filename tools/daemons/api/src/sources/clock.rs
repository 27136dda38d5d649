//! The clock.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime};

/// Wall clock and monotonic time.
pub trait Clock: Debug + Send + Sync {
    /// Wall clock; jumps when it is set.
    fn now(&self) -> SystemTime;
    /// Time since some moment in the past; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
