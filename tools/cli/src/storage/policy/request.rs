//! From a command to the change that it asks for.

use sigmavault_types::storage::{Keep, Request, SnapshotPolicy, World};

use super::arguments::{Change, Set};
use crate::storage::change::Order;
use crate::storage::names::{NameError, dataset, policy};

/// Why a command asks for no change.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The name stands for nothing.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A new policy needs more.
    #[error(
        "there is no policy '{name}' yet, and a new one needs {missing}; see: sigmavault policy set --help"
    )]
    Incomplete {
        /// Its name.
        name: String,
        /// What is missing.
        missing: &'static str,
    },
}

/// The change that a command asks for.
pub(super) fn order<'a>(change: &'a Change, world: &World) -> Result<Order<'a>, RequestError> {
    let (request, consent) = match change {
        Change::Set(set) => {
            let policy = policy_of(set, world)?;
            (Request::PolicySet { policy }, &set.consent)
        }
        Change::Remove(of) => {
            let name = policy(world, &of.policy)?.name.clone();
            (Request::PolicyRemove { name }, &of.consent)
        }
        Change::Run(of) => {
            let name = policy(world, &of.policy)?.name.clone();
            (Request::PolicyRun { name }, &of.consent)
        }
    };
    Ok(Order {
        request,
        consent,
        key_file: None,
    })
}

/// The policy as it is wanted: what is not named stays as it is.
fn policy_of(set: &Set, world: &World) -> Result<SnapshotPolicy, RequestError> {
    let now = world.policies.iter().find(|policy| policy.name == set.policy);
    let missing = |missing| RequestError::Incomplete {
        name: set.policy.clone(),
        missing,
    };
    let known = |names: &[String]| -> Result<Vec<String>, NameError> {
        let names = names.iter();
        names
            .map(|name| dataset(world, name).map(|set| set.name.clone()))
            .collect()
    };
    let datasets = match (&set.datasets, now) {
        (Some(names), _) => known(names)?,
        (None, Some(now)) => now.datasets.clone(),
        (None, None) => return Err(missing("--datasets")),
    };
    let except = match (&set.except, now) {
        (Some(names), _) => known(names)?,
        (None, now) => now.map_or_else(Vec::new, |now| now.except.clone()),
    };
    let schedule = set.every.or_else(|| now.map(|now| now.schedule));
    let keep = now.map_or_else(Keep::default, |now| now.keep);
    let keep = Keep {
        hourly: set.hourly.unwrap_or(keep.hourly),
        daily: set.daily.unwrap_or(keep.daily),
        weekly: set.weekly.unwrap_or(keep.weekly),
        monthly: set.monthly.unwrap_or(keep.monthly),
        yearly: set.yearly.unwrap_or(keep.yearly),
    };
    if now.is_none() && keep == Keep::default() {
        return Err(missing("how many snapshots are kept, such as --daily 14"));
    }
    Ok(SnapshotPolicy {
        name: set.policy.clone(),
        datasets,
        recursive: set.recursive || (!set.not_recursive && now.is_some_and(|now| now.recursive)),
        except,
        schedule: schedule.ok_or_else(|| missing("--every"))?,
        keep,
        lock_days: set
            .lock_days
            .unwrap_or_else(|| now.map_or(0, |now| now.lock_days)),
        paused: set.pause || (!set.resume && now.is_some_and(|now| now.paused)),
    })
}
