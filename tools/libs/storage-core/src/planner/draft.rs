//! A plan while it is made.

use std::collections::BTreeSet;

use sigmavault_plan::{risk, verify};
use sigmavault_types::storage::{
    Action, Change, Dataset, Loss, Plan, Pool, Precondition, Request, Resource, Risk, Snapshot, Space, Step,
    Warning, World,
};

use super::refusal::Refusal;

/// A plan while it is made, and the world that it is made in.
pub(super) struct Draft<'a> {
    pub(super) world: &'a World,
    pub(super) steps: Vec<(Action, Vec<Precondition>)>,
    pub(super) changes: Vec<Change>,
    pub(super) loses: Vec<Loss>,
    pub(super) space: Vec<Space>,
    pub(super) warnings: BTreeSet<Warning>,
    pub(super) confirm: Option<String>,
    touches: BTreeSet<Resource>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self {
            world,
            steps: Vec::new(),
            changes: Vec::new(),
            loses: Vec::new(),
            space: Vec::new(),
            warnings: BTreeSet::new(),
            confirm: None,
            touches: BTreeSet::new(),
        }
    }

    pub(super) fn step(&mut self, action: Action, preconditions: Vec<Precondition>) {
        self.steps.push((action, preconditions));
    }

    pub(super) fn touch(&mut self, resource: Resource) {
        self.touches.insert(resource);
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.warnings.insert(warning);
    }

    pub(super) fn lose(&mut self, resource: Resource, bytes: Option<u64>) {
        self.touch(resource.clone());
        self.loses.push(Loss { resource, bytes });
    }

    /// How space and redundancy of a pool change, and that they do.
    pub(super) fn pool_becomes(&mut self, pool: &Pool, usable: u64, may_fail: Option<u32>) {
        if pool.usable != usable {
            self.changes.push(Change::PoolUsable {
                pool: pool.name.clone(),
                from: pool.usable,
                to: usable,
            });
        }
        if pool.may_fail != may_fail {
            self.changes.push(Change::PoolMayFail {
                pool: pool.name.clone(),
                from: pool.may_fail,
                to: may_fail,
            });
        }
        if pool.usable != usable || pool.may_fail != may_fail {
            self.space.push(Space {
                pool: pool.name.clone(),
                usable_before: pool.usable,
                usable_after: usable,
                may_fail_before: pool.may_fail,
                may_fail_after: may_fail,
            });
        }
    }

    /// The plan, when it breaks no law.
    pub(super) fn finish(self, request: Request, at_console: bool) -> Result<Plan, Refusal> {
        let steps: Vec<Step> = self
            .steps
            .into_iter()
            .map(|(action, preconditions)| Step {
                risk: risk(&action, self.world),
                commands: crate::commands::commands(&action, self.world),
                action,
                preconditions,
            })
            .collect();
        let mut changes = self.changes;
        changes.sort();
        let highest = steps.iter().map(|step| step.risk).max().unwrap_or(Risk::Reads);
        let plan = Plan {
            version: 1,
            request,
            risk: highest,
            steps,
            changes,
            touches: self.touches.into_iter().collect(),
            loses: self.loses,
            space: self.space,
            warnings: self.warnings.into_iter().collect(),
            confirm: self.confirm,
            at_console,
            made: self.world.time,
        };
        let violations = verify(&plan, self.world);
        if violations.is_empty() {
            Ok(plan)
        } else {
            Err(Refusal::Laws(violations))
        }
    }
}

/// The dataset is the one that it is now.
pub(super) fn same_dataset(set: &Dataset) -> Precondition {
    Precondition::Dataset {
        name: set.name.clone(),
        id: set.id,
    }
}

/// The snapshot is the one that it is now.
pub(super) fn same_snapshot(snapshot: &Snapshot) -> Precondition {
    Precondition::Snapshot {
        name: snapshot.name.clone(),
        id: snapshot.id,
    }
}

/// The pool is the one that it is now.
pub(super) fn same_pool(pool: &Pool) -> Precondition {
    Precondition::Pool {
        pool: pool.id,
        name: pool.name.clone(),
        imported: pool.imported,
    }
}
