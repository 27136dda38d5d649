//! A step says how much it can break.

use sigmavault_types::storage::{Plan, Resource, World};

use crate::risk::risk;
use crate::subject::subject;

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    let low = plan
        .steps
        .iter()
        .filter(|step| step.risk < risk(&step.action, world) || plan.risk < step.risk);
    low.map(|step| subject(&step.action, world)).collect()
}
