//! The service's own object.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sigmavault_plan::Digest;
use sigmavault_storage_core::Secret;
use sigmavault_types::storage::{Request, Snapshot, is_within};
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedFd};

use super::caller::{at_console, caller, may_approve};
use super::error::BusError;
use crate::service::Service;

/// Bytes of the largest request.
const REQUEST_LIMIT: usize = 1 << 20;
/// Bytes of the longest key or passphrase.
const KEY_LIMIT: u64 = 4096;
/// How long a caller may take to write it.
const KEY_TIME: Duration = Duration::from_secs(10);

/// The object.
#[derive(Debug)]
pub struct Storage {
    service: Arc<Service>,
}

impl Storage {
    /// The object of a service.
    pub const fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

#[zbus::interface(name = "org.sigmavault.Storage1")]
impl Storage {
    /// Everything as it was read last, without snapshots: a `State` as JSON.
    fn get_state(&self) -> Result<String, BusError> {
        json(&self.service.state())
    }

    /// Snapshots of a dataset, of those below it too, or of all datasets when the name is empty: an array of `Snapshot` as JSON.
    fn get_snapshots(&self, dataset: &str, recursive: bool) -> Result<String, BusError> {
        let world = self.service.board.known().world;
        if !dataset.is_empty() && world.dataset(dataset).is_none() {
            return Err(BusError::NotFound(format!("there is no dataset {dataset}")));
        }
        let wanted = |one: &&Snapshot| {
            dataset.is_empty() || one.dataset() == dataset || recursive && is_within(one.dataset(), dataset)
        };
        json(&world.snapshots.iter().filter(wanted).collect::<Vec<_>>())
    }

    /// Plans a change and keeps the plan for an hour: from a `Request` to a `Planned`, both as JSON. Nothing is changed.
    async fn plan(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
        request_json: &str,
    ) -> Result<String, BusError> {
        if request_json.len() > REQUEST_LIMIT {
            return Err(BusError::InvalidArgument(format!(
                "the request is longer than {REQUEST_LIMIT} bytes"
            )));
        }
        let request: Request = serde_json::from_str(request_json)
            .map_err(|error| BusError::InvalidArgument(format!("this is no request: {error}")))?;
        let (uid, _) = caller(bus, &header).await?;
        // What is at the console is asked only where it matters: it costs another question to another service.
        let at_console = matters(&request) && at_console(bus, &header, uid).await;
        json(&self.service.plan(&request, uid, at_console)?)
    }

    /// Approves a plan by its digest, for the caller's user, for five minutes and one execution. polkit may ask for a password. A plan that
    /// destroys something is approved with what its `confirm` says, typed by a person; others with an empty text.
    async fn approve(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
        digest: &str,
        confirm: &str,
    ) -> Result<(), BusError> {
        let digest = parse(digest)?;
        let (uid, actor) = caller(bus, &header).await?;
        let plan = self.service.waiting(digest)?;
        if let Err(denied) = may_approve(bus, &header, &plan).await {
            self.service.refused(digest, &actor, &denied.0);
            return Err(BusError::NotAuthorized(denied.0));
        }
        self.service.approve(digest, &actor, uid, confirm)?;
        Ok(())
    }

    /// Carries out a plan that the caller's user approved, and returns the id of the job that does it.
    async fn execute(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
        digest: &str,
    ) -> Result<String, BusError> {
        let (uid, actor) = caller(bus, &header).await?;
        Ok(self.service.execute(parse(digest)?, actor, uid, None)?)
    }

    /// The same with a key or passphrase, read from a file descriptor to its end.
    async fn execute_with_key(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
        digest: &str,
        key: OwnedFd,
    ) -> Result<String, BusError> {
        let (uid, actor) = caller(bus, &header).await?;
        let digest = parse(digest)?;
        let secret = read_key(key).await?;
        Ok(self.service.execute(digest, actor, uid, Some(secret))?)
    }

    /// A job by its id: a `Job` as JSON.
    fn get_job(&self, id: &str) -> Result<String, BusError> {
        let job = self.service.job(id);
        json(&job.ok_or_else(|| BusError::NotFound(format!("there is no job {id}")))?)
    }

    /// Reads everything again, soon.
    fn refresh(&self) {
        self.service.waker.wake();
    }

    /// Since when what is told may no longer be so, in seconds since 1970; 0 when it is as told.
    #[zbus(property)]
    fn stale_since(&self) -> i64 {
        // Before the first time that it is read, it is stale since ever.
        self.service
            .board
            .known()
            .stale
            .map_or(0, |stale| stale.since.max(1))
    }

    /// Why.
    #[zbus(property)]
    fn stale_reason(&self) -> String {
        let reason = self.service.board.known().stale.map(|stale| stale.reason);
        reason.unwrap_or_default().replace('\0', "\u{fffd}")
    }

    /// Something changed: a `StorageEvent` as JSON.
    #[zbus(signal)]
    pub async fn changed(emitter: &SignalEmitter<'_>, event_json: &str) -> zbus::Result<()>;

    /// A job began, went on or ended: a `Job` as JSON.
    #[zbus(signal)]
    pub async fn job_changed(emitter: &SignalEmitter<'_>, job_json: &str) -> zbus::Result<()>;
}

/// Whether it makes a difference for a request where it is made.
const fn matters(request: &Request) -> bool {
    matches!(
        request,
        Request::SnapshotDestroy { .. }
            | Request::SnapshotRollback { .. }
            | Request::SnapshotRelease { .. }
            | Request::DatasetDestroy { .. }
            | Request::PoolDestroy { .. }
            | Request::PolicyRemove { .. }
            | Request::PolicySet { .. }
    )
}

fn parse(digest: &str) -> Result<Digest, BusError> {
    digest
        .parse()
        .map_err(|error: sigmavault_plan::ParseDigestError| BusError::InvalidArgument(error.to_string()))
}

/// JSON has no NUL characters of its own: it escapes them.
fn json(value: &impl Serialize) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(|error| BusError::Failed(error.to_string()))
}

async fn read_key(key: OwnedFd) -> Result<Secret, BusError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        let file = std::fs::File::from(std::os::fd::OwnedFd::from(key));
        file.take(KEY_LIMIT + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    // A caller that never writes keeps one thread until it leaves the bus.
    let bytes = match tokio::time::timeout(KEY_TIME, read).await {
        Ok(Ok(Ok(bytes))) => bytes,
        Ok(Ok(Err(error))) => {
            return Err(BusError::InvalidArgument(format!(
                "the key cannot be read: {error}"
            )));
        }
        Ok(Err(_)) => return Err(BusError::Failed("the key was not read".to_owned())),
        Err(_) => {
            return Err(BusError::InvalidArgument(
                "the key was not written within 10 s".to_owned(),
            ));
        }
    };
    if bytes.is_empty() || bytes.len() as u64 > KEY_LIMIT {
        let text = format!("a key has 1 to {KEY_LIMIT} bytes");
        return Err(BusError::InvalidArgument(text));
    }
    Ok(Secret(bytes))
}
