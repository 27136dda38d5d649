//! Carrying out a plan.

use sigmavault_plan::{Broken, Violation, check, verify};
use sigmavault_types::storage::{Plan, World};

use crate::engine::{Engine, EngineError, Secret};

/// Why a plan was not carried out to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// What is left of it breaks laws by now.
    #[error("step {} of {of} was not carried out, because the plan is no longer allowed: {}", .step + 1, texts(.violations))]
    Laws {
        /// The step, from 0.
        step: usize,
        /// Number of steps.
        of: usize,
        /// The laws.
        violations: Vec<Violation>,
    },
    /// The world has moved on before a step.
    #[error("step {} of {of} was not carried out: {source}", .step + 1)]
    MovedOn {
        /// The step, from 0.
        step: usize,
        /// Number of steps.
        of: usize,
        /// What no longer holds.
        source: Broken,
    },
    /// A step failed.
    #[error("step {} of {of} failed: {source}", .step + 1)]
    Failed {
        /// The step, from 0.
        step: usize,
        /// Number of steps.
        of: usize,
        /// Why.
        source: EngineError,
    },
    /// What there is could not be read, before the first step or after one.
    #[error("the state of the pools cannot be read: {0}")]
    Unreadable(EngineError),
}

impl ExecuteError {
    /// How many steps were carried out before it.
    pub const fn done(&self) -> usize {
        match self {
            Self::Unreadable(_) => 0,
            Self::Laws { step, .. } | Self::MovedOn { step, .. } | Self::Failed { step, .. } => *step,
        }
    }
}

fn texts(violations: &[Violation]) -> String {
    let texts: Vec<&str> = violations.iter().map(|one| one.law.text()).collect();
    texts.join(" ")
}

/// Carries out a plan. Before each step the laws are held against what is left of the plan and the world as it is now, and the step's
/// preconditions are read again; the first that does not hold ends it. `report` is told before each step which one it is.
pub fn execute(
    plan: &Plan,
    engine: &mut dyn Engine,
    secret: Option<&Secret>,
    mut report: impl FnMut(usize),
) -> Result<World, ExecuteError> {
    let of = plan.steps.len();
    let mut world = engine.world().map_err(ExecuteError::Unreadable)?;
    let mut rest = plan.clone();
    for step in 0..of {
        report(step);
        let violations = verify(&rest, &world);
        if !violations.is_empty() {
            return Err(ExecuteError::Laws { step, of, violations });
        }
        let planned = rest.steps.remove(0);
        for precondition in &planned.preconditions {
            check(precondition, &world).map_err(|source| ExecuteError::MovedOn { step, of, source })?;
        }
        let done = engine.perform(&planned.action, secret);
        done.map_err(|source| ExecuteError::Failed { step, of, source })?;
        world = engine.world().map_err(ExecuteError::Unreadable)?;
    }
    Ok(world)
}
