//! What laws look at.

use sigmavault_types::storage::{Action, Guid, Plan, Pool, Resource, Vdev, World};

/// The actions of a plan, in order.
pub(super) fn actions(plan: &Plan) -> impl Iterator<Item = &Action> {
    plan.steps.iter().map(|step| &step.action)
}

/// A pool as a resource, by its name when it is known.
pub(super) fn pool_resource(world: &World, pool: Guid) -> Resource {
    Resource::Pool(
        world
            .pool(pool)
            .map_or_else(|| pool.to_string(), |pool| pool.name.clone()),
    )
}

/// The top-level vdev that a vdev is in.
pub(super) fn group_of(pool: &Pool, vdev: Guid) -> Option<&Vdev> {
    let holds = |group: &&Vdev| group.with_descendants().iter().any(|inner| inner.id == vdev);
    pool.vdevs.iter().find(holds)
}
