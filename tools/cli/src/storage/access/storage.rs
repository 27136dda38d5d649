//! What the commands need of the storage.

use std::path::Path;
use std::time::Duration;

use sigmavault_storage_core::Secret;
use sigmavault_types::storage::{Job, Planned, Request, Snapshot, State};

use super::error::AccessError;

/// Pools, datasets and snapshots, and changes of them as plans. Calls block.
pub trait Storage {
    /// Everything as it was read last, without snapshots.
    fn state(&mut self) -> Result<State, AccessError>;

    /// Snapshots of a dataset, of those below it too, or of all datasets when the name is empty.
    fn snapshots(&mut self, dataset: &str, recursive: bool) -> Result<Vec<Snapshot>, AccessError>;

    /// Plans a change and keeps the plan. Nothing is changed.
    fn plan(&mut self, request: &Request) -> Result<Planned, AccessError>;

    /// Approves a plan for one execution. A plan that destroys is approved with what its `confirm` says, others with an empty text.
    fn approve(&mut self, digest: &str, confirm: &str) -> Result<(), AccessError>;

    /// Carries out an approved plan; the id of the job that does it.
    fn execute(&mut self, digest: &str, secret: Option<&Secret>) -> Result<String, AccessError>;

    /// A job by its id.
    fn job(&mut self, id: &str) -> Result<Job, AccessError>;

    /// Waits until something changes, or until the time is over; whether something changed.
    fn wait(&mut self, at_most: Duration) -> Result<bool, AccessError>;

    /// The kernel's name of the disk that a path below `/dev` leads to, such as `sda`, where its machine is this one.
    fn kernel_name(&self, path: &Path) -> Option<String>;
}
