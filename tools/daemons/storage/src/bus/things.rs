//! An object for each disk, pool and dataset. What each property means is said where the types are: `sigmavault_types::storage`.

use serde::Serialize;
use sigmavault_types::storage::{Dataset, Disk, Pool};
use zbus::object_server::SignalEmitter;

/// A value of an enum as it stands in JSON.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other["kind"].as_str().unwrap_or_default().to_owned(),
        Err(_) => String::new(),
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Strings that hold NUL are not sent.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A thing that has an object.
pub trait Thing: zbus::object_server::Interface + Sized + 'static {
    /// What the object shows.
    type Value: Clone + PartialEq + Send + Sync + 'static;
    /// The object.
    fn new(value: &Self::Value) -> Self;
    /// Shows another value, and tells which properties differ.
    fn show(
        &mut self,
        value: &Self::Value,
        emitter: &SignalEmitter<'_>,
    ) -> impl Future<Output = zbus::Result<()>> + Send;
}

/// A pool.
pub struct PoolObject(Pool);

#[zbus::interface(name = "org.sigmavault.Storage1.Pool")]
impl PoolObject {
    /// Its id.
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> String {
        self.0.id.to_string()
    }

    /// Its name.
    #[zbus(property)]
    fn name(&self) -> String {
        text(&self.0.name)
    }

    /// Whether it is imported.
    #[zbus(property)]
    fn imported(&self) -> bool {
        self.0.imported
    }

    /// `online`, `degraded`, `faulted`, `unavailable`, `suspended`, ...
    #[zbus(property)]
    fn state(&self) -> String {
        word(&self.0.state)
    }

    /// Bytes of its data vdevs.
    #[zbus(property)]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Bytes taken of those.
    #[zbus(property)]
    fn allocated(&self) -> u64 {
        self.0.allocated
    }

    /// Bytes that its datasets can hold in all.
    #[zbus(property)]
    fn usable(&self) -> u64 {
        self.0.usable
    }

    /// Devices that may fail now; -1 when data is lost already.
    #[zbus(property)]
    fn may_fail(&self) -> i32 {
        self.0
            .may_fail
            .map_or(-1, |count| i32::try_from(count).unwrap_or(i32::MAX))
    }

    /// All of it, with its vdevs: a `Pool` as JSON.
    #[zbus(property)]
    fn json(&self) -> String {
        json(&self.0)
    }
}

impl Thing for PoolObject {
    type Value = Pool;

    fn new(value: &Pool) -> Self {
        Self(value.clone())
    }

    async fn show(&mut self, value: &Pool, emitter: &SignalEmitter<'_>) -> zbus::Result<()> {
        let before = std::mem::replace(&mut self.0, value.clone());
        if before.name != value.name {
            self.name_changed(emitter).await?;
        }
        if before.imported != value.imported {
            self.imported_changed(emitter).await?;
        }
        if before.state != value.state {
            self.state_changed(emitter).await?;
        }
        if before.bytes != value.bytes {
            self.bytes_changed(emitter).await?;
        }
        if before.allocated != value.allocated {
            self.allocated_changed(emitter).await?;
        }
        if before.usable != value.usable {
            self.usable_changed(emitter).await?;
        }
        if before.may_fail != value.may_fail {
            self.may_fail_changed(emitter).await?;
        }
        self.json_changed(emitter).await
    }
}

/// A dataset.
pub struct DatasetObject(Dataset);

#[zbus::interface(name = "org.sigmavault.Storage1.Dataset")]
impl DatasetObject {
    /// Its id.
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> String {
        self.0.id.to_string()
    }

    /// Its name.
    #[zbus(property)]
    fn name(&self) -> String {
        text(&self.0.name)
    }

    /// `file-system` or `volume`.
    #[zbus(property(emits_changed_signal = "const"), name = "Type")]
    fn kind(&self) -> String {
        word(&self.0.kind)
    }

    /// Bytes that it and everything below takes.
    #[zbus(property)]
    fn used(&self) -> u64 {
        self.0.used
    }

    /// Bytes that can still be written to it.
    #[zbus(property)]
    fn available(&self) -> u64 {
        self.0.available
    }

    /// Where it is mounted; empty when it is not.
    #[zbus(property)]
    fn mountpoint(&self) -> String {
        text(self.0.mountpoint.as_deref().unwrap_or_default())
    }

    /// Whether it is encrypted and its key is not loaded.
    #[zbus(property)]
    fn locked(&self) -> bool {
        self.0.key.as_ref().is_some_and(|key| !key.loaded)
    }

    /// All of it, with its properties: a `Dataset` as JSON.
    #[zbus(property)]
    fn json(&self) -> String {
        json(&self.0)
    }
}

impl Thing for DatasetObject {
    type Value = Dataset;

    fn new(value: &Dataset) -> Self {
        Self(value.clone())
    }

    async fn show(&mut self, value: &Dataset, emitter: &SignalEmitter<'_>) -> zbus::Result<()> {
        let before = std::mem::replace(&mut self.0, value.clone());
        if before.name != value.name {
            self.name_changed(emitter).await?;
        }
        if before.used != value.used {
            self.used_changed(emitter).await?;
        }
        if before.available != value.available {
            self.available_changed(emitter).await?;
        }
        if before.mountpoint != value.mountpoint {
            self.mountpoint_changed(emitter).await?;
        }
        if before.key != value.key {
            self.locked_changed(emitter).await?;
        }
        self.json_changed(emitter).await
    }
}

/// A disk.
pub struct DiskObject(Disk);

#[zbus::interface(name = "org.sigmavault.Storage1.Disk")]
impl DiskObject {
    /// Its id.
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> String {
        text(&self.0.id.0)
    }

    /// Its name in the kernel until the next start.
    #[zbus(property)]
    fn name(&self) -> String {
        text(&self.0.name)
    }

    /// Size in bytes.
    #[zbus(property)]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// `free`, `system`, `live-medium`, `pool`, `exported-pool`, `foreign` or `held`.
    #[zbus(property, name = "Use")]
    fn in_use(&self) -> String {
        word(&self.0.in_use)
    }

    /// All of it: a `Disk` as JSON.
    #[zbus(property)]
    fn json(&self) -> String {
        json(&self.0)
    }
}

impl Thing for DiskObject {
    type Value = Disk;

    fn new(value: &Disk) -> Self {
        Self(value.clone())
    }

    async fn show(&mut self, value: &Disk, emitter: &SignalEmitter<'_>) -> zbus::Result<()> {
        let before = std::mem::replace(&mut self.0, value.clone());
        if before.name != value.name {
            self.name_changed(emitter).await?;
        }
        if before.bytes != value.bytes {
            self.bytes_changed(emitter).await?;
        }
        if before.in_use != value.in_use {
            self.use_changed(emitter).await?;
        }
        self.json_changed(emitter).await
    }
}
