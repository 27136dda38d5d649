//! Doing what the plan says.
//!
//! - [`real`]: the order of things
//! - [`copy`], [`verity`]: a slot is written, then read back against the root hash
//! - [`disk`]: wiping, partitions, keys, and the look back at the end
//! - [`target`], [`settings`]: the new system's settings and user
//! - [`pool`]: the data pool
//! - [`slots`]: kernel images and boot entries

pub mod copy;
pub mod disk;
mod pool;
pub mod real;
mod settings;
pub mod slots;
mod target;
pub mod verity;

use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Stop};

/// Why an installation did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The person asked it to stop.
    #[error("stopped as asked; run the installation again to complete it")]
    Stopped,
    /// A program failed.
    #[error("{program} failed: {said}\n  try: {hint}")]
    Program {
        /// Which, with its arguments.
        program: String,
        /// Its last words.
        said: String,
        /// What to do.
        hint: String,
    },
    /// A file or device could not be read or written.
    #[error(
        "cannot {action} {path}: {error}\n  try: look at the cables and `dmesg`; the installation can be run again"
    )]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: String,
        /// Why not.
        error: std::io::Error,
    },
    /// What was written is not what was read back.
    #[error(
        "{device} does not hold what was written to it: {detail}\n  try: another disk or cable; this one loses data"
    )]
    ReadBack {
        /// Which.
        device: String,
        /// What differs.
        detail: String,
    },
    /// The machine is no longer what the plan was made for.
    #[error("{0}\n  try: start the installer again and look at the disks")]
    Changed(String),
}

/// Carries a plan out: on the machine, or in the demonstration.
pub trait Execute: Send + Sync {
    /// Runs every step, telling how far it is.
    fn execute(
        &self,
        plan: &InstallPlan,
        stop: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError>;
}
