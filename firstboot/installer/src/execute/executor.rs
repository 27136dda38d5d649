//! The interface of everything that carries plans out.

use super::error::ExecuteError;
use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Stop};

/// Carries a plan out: on the machine, or in the demonstration.
pub trait Execute: Send + Sync {
    /// Runs every step and reports progress.
    fn execute(
        &self,
        plan: &InstallPlan,
        stop: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError>;
}
