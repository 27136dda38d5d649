//! Whoever carries plans out.

use super::error::ExecuteError;
use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Stop};

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
