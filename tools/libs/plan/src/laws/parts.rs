//! What laws look at.

use sigmavault_types::storage::{Action, Guid, Plan, Pool, Vdev};

/// The actions of a plan, in order.
pub(super) fn actions(plan: &Plan) -> impl Iterator<Item = &Action> {
    plan.steps.iter().map(|step| &step.action)
}

/// The top-level vdev that a vdev is in.
pub(super) fn group_of(pool: &Pool, vdev: Guid) -> Option<&Vdev> {
    let holds = |group: &&Vdev| group.with_descendants().iter().any(|inner| inner.id == vdev);
    pool.vdevs.iter().find(holds)
}
