//! What is destroyed is listed, and a name is typed for it.

use sigmavault_types::storage::{Plan, Resource, Risk, World};

use super::parts::actions;
use crate::destroyed::destroyed;

pub(super) fn violations(plan: &Plan, world: &World) -> Vec<Resource> {
    let lost: Vec<Resource> = actions(plan)
        .flat_map(|action| destroyed(action, world))
        .collect();
    let listed = |resource: &Resource| plan.loses.iter().any(|loss| loss.resource == *resource);
    let typed = plan.confirm.as_ref().is_some_and(|name| !name.is_empty());
    let approved = plan.risk == Risk::Destroys && typed;
    lost.into_iter()
        .filter(|resource| !approved || !listed(resource))
        .collect()
}
