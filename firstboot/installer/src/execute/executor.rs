//! The interface of everything that carries plans out, or tells what an earlier one has left.

use super::error::ExecuteError;
use crate::machine::Disk;
use crate::once::Mark;
use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Stop};

/// Carries a plan out: on the machine, or in the demonstration.
pub trait Execute: Send + Sync {
    /// Which answers have installed the system that is on a disk, if any did. Nothing is written to it.
    fn mark(&self, disk: &Disk) -> Result<Option<Mark>, ExecuteError>;

    /// Takes the last step of a setup that a power cut kept from it: the disk's next start is that of the system that was
    /// set up.
    fn end_setup(&self, disk: &Disk, root_hash: &str) -> Result<(), ExecuteError>;

    /// Runs every step and reports progress.
    fn execute(
        &self,
        plan: &InstallPlan,
        stop: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError>;
}
