//! The storage service over D-Bus.

use std::fs;
use std::future::Future;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use serde::de::DeserializeOwned;
use sigmavault_bus::storage::{ERRORS, Storage1Proxy};
use sigmavault_storage_core::Secret;
use sigmavault_types::storage::{Job, Planned, Request, Snapshot, State};
use tokio::runtime::{Builder, Runtime};
use zbus::proxy::SignalStream;
use zbus::{Connection, Fd, fdo};

use super::error::AccessError;
use super::storage::Storage;

/// The service answers from memory; nobody waits longer for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The service, over the system bus.
pub struct Service {
    // Before the runtime: they are dropped while it is there.
    changes: Option<SignalStream<'static>>,
    proxy: Storage1Proxy<'static>,
    runtime: Runtime,
}

impl Service {
    /// Connects to the system bus.
    pub fn connect() -> Result<Self, AccessError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| AccessError::NoBus(error.to_string()))?;
        Self::over(runtime, Connection::system())
    }

    /// Speaks over this connection.
    fn over(
        runtime: Runtime,
        connection: impl Future<Output = zbus::Result<Connection>>,
    ) -> Result<Self, AccessError> {
        let connected = runtime.block_on(async { Storage1Proxy::new(&connection.await?).await });
        let proxy = connected.map_err(|error| AccessError::NoBus(error.to_string()))?;
        Ok(Self {
            changes: None,
            proxy,
            runtime,
        })
    }

    /// The answer to a call that nobody has to type a password for.
    fn soon<T>(&self, call: impl Future<Output = zbus::Result<T>>) -> Result<T, AccessError> {
        let answer = self.runtime.block_on(async {
            // The timer belongs to the runtime, which only runs in here.
            tokio::time::timeout(PATIENCE, call).await
        });
        answer.map_err(|_| AccessError::Silent)?.map_err(described)
    }
}

impl Storage for Service {
    fn state(&mut self) -> Result<State, AccessError> {
        understood(&self.soon(self.proxy.get_state())?)
    }

    fn snapshots(&mut self, dataset: &str, recursive: bool) -> Result<Vec<Snapshot>, AccessError> {
        understood(&self.soon(self.proxy.get_snapshots(dataset, recursive))?)
    }

    fn plan(&mut self, request: &Request) -> Result<Planned, AccessError> {
        let request =
            serde_json::to_string(request).map_err(|error| AccessError::Answer(error.to_string()))?;
        understood(&self.soon(self.proxy.plan(&request))?)
    }

    fn approve(&mut self, digest: &str, confirm: &str) -> Result<(), AccessError> {
        // Somebody may have to type a password: no limit.
        let approved = self.runtime.block_on(self.proxy.approve(digest, confirm));
        approved.map_err(described)
    }

    fn execute(&mut self, digest: &str, secret: Option<&Secret>) -> Result<String, AccessError> {
        match secret {
            None => self.soon(self.proxy.execute(digest)),
            Some(secret) => {
                let key = pipe_of(secret).map_err(AccessError::Key)?;
                self.soon(self.proxy.execute_with_key(digest, Fd::from(key)))
            }
        }
    }

    fn job(&mut self, id: &str) -> Result<Job, AccessError> {
        understood(&self.soon(self.proxy.get_job(id))?)
    }

    fn wait(&mut self, at_most: Duration) -> Result<bool, AccessError> {
        let Self {
            changes,
            proxy,
            runtime,
        } = self;
        runtime.block_on(async {
            let changes = match changes {
                Some(changes) => changes,
                None => {
                    let stream = proxy.inner().receive_all_signals().await;
                    changes.insert(stream.map_err(described)?)
                }
            };
            match tokio::time::timeout(at_most, changes.next()).await {
                Ok(Some(_)) => {
                    // Several changes at once are one.
                    while let Some(Some(_)) = changes.next().now_or_never() {}
                    Ok(true)
                }
                Ok(None) => Err(AccessError::NoBus("the connection was closed".to_owned())),
                Err(_) => Ok(false),
            }
        })
    }

    fn kernel_name(&self, path: &Path) -> Option<String> {
        let device = fs::canonicalize(path).ok()?;
        let name = device.strip_prefix("/dev").ok()?;
        name.to_str().map(str::to_owned)
    }
}

/// The reading end of a pipe that holds a key. A key has 512 bytes at most and a pipe holds 4096 or more: nothing waits.
fn pipe_of(secret: &Secret) -> io::Result<OwnedFd> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(&secret.0)?;
    Ok(reader.into())
}

fn understood<T: DeserializeOwned>(json: &str) -> Result<T, AccessError> {
    serde_json::from_str(json).map_err(|error| AccessError::Answer(error.to_string()))
}

/// An error of the bus, for a person.
fn described(error: zbus::Error) -> AccessError {
    match error {
        zbus::Error::MethodError(name, text, _) => by_name(&name, text.unwrap_or_default()),
        zbus::Error::FDO(error) => match *error {
            fdo::Error::ServiceUnknown(text)
            | fdo::Error::NameHasNoOwner(text)
            | fdo::Error::SpawnExecFailed(text)
            | fdo::Error::SpawnForkFailed(text)
            | fdo::Error::SpawnChildExited(text)
            | fdo::Error::SpawnChildSignaled(text)
            | fdo::Error::SpawnFailed(text)
            | fdo::Error::SpawnServiceNotFound(text) => AccessError::NotRunning(text),
            fdo::Error::AccessDenied(text)
            | fdo::Error::AuthFailed(text)
            | fdo::Error::InteractiveAuthorizationRequired(text) => AccessError::NotAuthorised(text),
            fdo::Error::NoReply(_) | fdo::Error::Timeout(_) | fdo::Error::TimedOut(_) => AccessError::Silent,
            fdo::Error::Disconnected(text) | fdo::Error::NoServer(text) => AccessError::NoBus(text),
            other => AccessError::Answer(other.to_string()),
        },
        zbus::Error::InputOutput(error) => AccessError::NoBus(error.to_string()),
        other => AccessError::Answer(other.to_string()),
    }
}

/// An error with a name of its own. The service's texts are for people; those of the service manager say why it was not started.
fn by_name(name: &str, text: String) -> AccessError {
    let own = name.strip_prefix(ERRORS).and_then(|rest| rest.strip_prefix('.'));
    match own {
        Some("NotAuthorized" | "NotAuthorised") => AccessError::NotAuthorised(text),
        Some(_) if !text.is_empty() => AccessError::Refused(text),
        Some(kind) => AccessError::Refused(format!("the storage service refuses that ({kind})")),
        None if name.starts_with("org.freedesktop.systemd1.") => AccessError::NotRunning(text),
        None => AccessError::Answer(format!("{name}: {text}")),
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
