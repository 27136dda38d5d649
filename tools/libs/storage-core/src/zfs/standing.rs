//! Policies and schedules, which ZFS does not know: they are kept in a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sigmavault_types::storage::{Action, Care, Guid, Schedule, SnapshotPolicy, World};

use crate::engine::EngineError;

/// When a pool is scrubbed that nobody has given a schedule: monthly.
const SCRUB: Schedule = Schedule::Month { day: 1, hour: 2 };

/// What is in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Kept {
    policies: Vec<SnapshotPolicy>,
    care: Vec<Care>,
}

/// The file.
pub(super) struct Standing<'a> {
    state: &'a Path,
}

impl<'a> Standing<'a> {
    pub(super) const fn of(state: &'a Path) -> Self {
        Self { state }
    }

    fn path(&self) -> PathBuf {
        self.state.join("standing-orders.json")
    }

    fn read(&self) -> Result<Kept, EngineError> {
        let path = self.path();
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(EngineError::Failed(format!(
                "cannot read {}: {error}",
                path.display()
            ))),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                EngineError::Failed(format!(
                    "{} is damaged ({error}); move it away, and set the policies and schedules again",
                    path.display()
                ))
            }),
        }
    }

    fn write(&self, kept: &Kept) -> Result<(), EngineError> {
        let path = self.path();
        let written = serde_json::to_vec_pretty(kept)
            .map_err(std::io::Error::from)
            .and_then(|bytes| sigmavault_durable::replace(&path, &bytes));
        written.map_err(|error| EngineError::Failed(format!("cannot write {}: {error}", path.display())))
    }

    /// Adds policies and schedules to a world. A pool without a schedule is scrubbed monthly.
    pub(super) fn add_to(&self, world: &mut World) -> Result<(), EngineError> {
        let kept = self.read()?;
        world.policies = kept.policies;
        world.care = kept.care;
        let known: BTreeSet<Guid> = world.care.iter().map(|care| care.pool).collect();
        let new = world
            .pools
            .iter()
            .filter(|pool| pool.imported && !known.contains(&pool.id));
        let usual: Vec<Care> = new
            .map(|pool| Care {
                pool: pool.id,
                scrub: Some(SCRUB),
                trim: None,
            })
            .collect();
        world.care.extend(usual);
        Ok(())
    }

    /// Carries out an action that is about policies and schedules; whether it was one.
    pub(super) fn take(&self, action: &Action) -> Result<bool, EngineError> {
        if !matches!(
            action,
            Action::SetCare { .. } | Action::SetPolicy { .. } | Action::RemovePolicy { .. }
        ) {
            return Ok(false);
        }
        let mut kept = self.read()?;
        match action {
            Action::SetCare { care } => {
                kept.care.retain(|other| other.pool != care.pool);
                kept.care.push(*care);
            }
            Action::SetPolicy { policy } => {
                kept.policies.retain(|other| other.name != policy.name);
                kept.policies.push(policy.clone());
            }
            Action::RemovePolicy { name } => {
                let before = kept.policies.len();
                kept.policies.retain(|other| other.name != *name);
                if kept.policies.len() == before {
                    return Err(EngineError::Missing(name.clone()));
                }
            }
            _ => {}
        }
        self.write(&kept)?;
        Ok(true)
    }
}
