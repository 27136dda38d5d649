//! The request that the initrd carries out.

use sigmavault_facts::Files;

use super::plan::Level;
use crate::durable::{self, WriteError};

/// What to reset: the name of a level on one line.
pub const REQUEST: &str = "/run/initramfs/state/factory-reset";

/// Writes the request for the next start.
pub fn leave(files: &Files, level: Level) -> Result<(), WriteError> {
    durable::replace(&files.path(REQUEST), format!("{}\n", level.name()).as_bytes())
}

/// Removes the request; returns the level of the cancelled reset.
pub fn take_back(files: &Files) -> Result<Option<Level>, WriteError> {
    let level = pending(files);
    durable::remove(&files.path(REQUEST))?;
    Ok(level)
}

/// The level of the reset that waits for the next start.
pub fn pending(files: &Files) -> Option<Level> {
    let asked = files.attribute(REQUEST)?;
    Level::ALL.into_iter().find(|level| level.name() == asked)
}

/// Whether a reset waits for the next start.
pub fn is_pending(files: &Files) -> bool {
    files.exists(REQUEST)
}
