//! `org.sigmavault.Storage1`: pools, datasets and snapshots.
//!
//! Texts named `..._json` are the types of `sigmavault_types::storage` as JSON. Methods answer from memory and never wait for a disk.

use zbus::Fd;

/// Name on the system bus.
pub const NAME: &str = "org.sigmavault.Storage1";
/// Path of the service's object, and of its `ObjectManager`.
pub const PATH: &str = "/org/sigmavault/Storage1";
/// What the names of its errors begin with.
pub const ERRORS: &str = "org.sigmavault.Storage1.Error";

/// The service.
#[zbus::proxy(
    interface = "org.sigmavault.Storage1",
    default_service = "org.sigmavault.Storage1",
    default_path = "/org/sigmavault/Storage1"
)]
pub trait Storage1 {
    /// Everything as it was read last, without snapshots: a `State` as JSON.
    fn get_state(&self) -> zbus::Result<String>;

    /// Snapshots of a dataset, of those below it too, or of all datasets when the name is empty: an array of `Snapshot` as JSON.
    fn get_snapshots(&self, dataset: &str, recursive: bool) -> zbus::Result<String>;

    /// Plans a change and keeps the plan for a while: from a `Request` to a `Planned`, both as JSON. Nothing is changed.
    fn plan(&self, request_json: &str) -> zbus::Result<String>;

    /// Approves a plan by its digest, for the caller's user, for five minutes and one execution. polkit may ask for a password. A plan that
    /// destroys something is approved with what its `confirm` says, typed by a person; others with an empty text.
    #[zbus(allow_interactive_auth)]
    fn approve(&self, digest: &str, confirm: &str) -> zbus::Result<()>;

    /// Carries out a plan that the caller's user approved, and returns the id of the job that does it.
    fn execute(&self, digest: &str) -> zbus::Result<String>;

    /// The same with a key or passphrase, read from a file descriptor to its end.
    fn execute_with_key(&self, digest: &str, key: Fd<'_>) -> zbus::Result<String>;

    /// A job by its id: a `Job` as JSON.
    fn get_job(&self, id: &str) -> zbus::Result<String>;

    /// Reads everything again, soon.
    fn refresh(&self) -> zbus::Result<()>;

    /// Something changed: a `StorageEvent` as JSON.
    #[zbus(signal)]
    fn changed(&self, event_json: &str) -> zbus::Result<()>;

    /// A job began, went on or ended: a `Job` as JSON.
    #[zbus(signal)]
    fn job_changed(&self, job_json: &str) -> zbus::Result<()>;
}
