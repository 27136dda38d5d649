//! From a command to the change that it asks for.

use sigmavault_types::storage::{Request, World};

use super::arguments::{Change, Snapshot};
use crate::storage::access::{AccessError, Storage};
use crate::storage::change::Order;
use crate::storage::names::{self, NameError};

/// Why a command asks for no change.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The name stands for nothing.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Snapshots cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// The change that a command asks for.
pub(super) fn order<'a>(
    change: &'a Change,
    storage: &mut dyn Storage,
    world: &World,
) -> Result<Order<'a>, RequestError> {
    let (request, consent) = match change {
        Change::Create {
            snapshot,
            recursive,
            lock_days,
            consent,
        } => {
            let request = Request::SnapshotCreate {
                dataset: names::dataset(world, &snapshot.dataset)?.name.clone(),
                tag: snapshot.tag.clone(),
                recursive: *recursive,
                lock_days: *lock_days,
            };
            (request, consent)
        }
        Change::Destroy { snapshots, consent } => {
            let mut found = Vec::new();
            for snapshot in snapshots {
                found.push(there(snapshot, storage, world)?);
            }
            (Request::SnapshotDestroy { snapshots: found }, consent)
        }
        Change::Hold(hold) => {
            let request = Request::SnapshotHold {
                snapshot: there(&hold.snapshot, storage, world)?,
                tag: hold.tag.clone(),
            };
            (request, &hold.consent)
        }
        Change::Release(hold) => {
            let request = Request::SnapshotRelease {
                snapshot: there(&hold.snapshot, storage, world)?,
                tag: hold.tag.clone(),
            };
            (request, &hold.consent)
        }
        Change::Rollback { snapshot, consent } => {
            let snapshot = there(snapshot, storage, world)?;
            (Request::SnapshotRollback { snapshot }, consent)
        }
        Change::Clone {
            snapshot,
            name,
            consent,
        } => {
            let request = Request::SnapshotClone {
                snapshot: there(snapshot, storage, world)?,
                name: name.clone(),
            };
            (request, consent)
        }
    };
    Ok(Order {
        request,
        consent,
        key_file: None,
    })
}

/// The name of a snapshot that is there.
fn there(snapshot: &Snapshot, storage: &mut dyn Storage, world: &World) -> Result<String, RequestError> {
    let dataset = names::dataset(world, &snapshot.dataset)?;
    let snapshots = storage.snapshots(&dataset.name, false)?;
    Ok(names::snapshot(&snapshots, &snapshot.name())?.name.clone())
}
