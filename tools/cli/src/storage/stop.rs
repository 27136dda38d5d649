//! Ctrl-C.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// A signal handler could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for Ctrl-C: {0}")]
pub struct SignalError(#[from] io::Error);

/// Whether somebody asked to stop. A second Ctrl-C ends the program.
#[derive(Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn new() -> Result<Self, SignalError> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self(stop))
    }

    /// Somebody asks to stop from the beginning.
    #[cfg(test)]
    pub fn at_once() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
