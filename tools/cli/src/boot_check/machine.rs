//! The machine that is checked.

use std::time::{Duration, SystemTime};

use sigmavault_facts::Files;
use sigmavault_host::run::Run;

/// The machine to check.
#[allow(missing_debug_implementations, reason = "it is made of functions")]
pub struct Machine<'a> {
    /// Its files.
    pub files: &'a Files,
    /// Its programs.
    pub run: &'a dyn Run,
    /// Whether its REST interface answers.
    pub alive: &'a dyn Fn() -> Result<(), String>,
    /// Its wall clock.
    pub now: SystemTime,
    /// Monotonic time since some moment in the past.
    pub monotonic: &'a dyn Fn() -> Duration,
    /// Sleeps.
    pub sleep: &'a dyn Fn(Duration),
    /// Writes a note to the journal.
    pub note: &'a dyn Fn(&str),
}
