//! The service on a bus of its own and a simulated machine.

#![allow(clippy::unwrap_used, dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sigmavault_bus::storage::Storage1Proxy;
use sigmavault_storage_core::Simulator;
use sigmavault_types::storage::{Disk, DiskId, DiskUse, Job, Planned, Request, State};
use zbus::Connection;

/// The running service.
pub struct Daemon {
    child: Child,
    /// The folder of its state.
    pub state: PathBuf,
    /// The file of its machine.
    pub machine: PathBuf,
}

impl Daemon {
    /// Starts it in a folder, on a machine that is made unless it is there.
    pub async fn start(folder: &Path, bus: &str, simulator: impl FnOnce() -> Simulator) -> Self {
        let machine = folder.join("machine.json");
        if !machine.exists() {
            std::fs::write(&machine, serde_json::to_vec(&simulator()).unwrap()).unwrap();
        }
        let state = folder.join("state");
        let child = Command::new(env!("CARGO_BIN_EXE_sigmavault-storage"))
            .arg("--simulate")
            .arg(&machine)
            .arg("--state")
            .arg(&state)
            .arg("--root")
            .arg(folder)
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
            .env_remove("NOTIFY_SOCKET")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self {
            child,
            state,
            machine,
        };
        let connection = zbus::connection::Builder::address(bus).build().await.unwrap();
        let began = Instant::now();
        loop {
            let state = state_of(&connection).await;
            if state.is_ok_and(|state| state.stale.is_none()) {
                return daemon;
            }
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "the service does not come up"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The machine as it is in its file.
    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.machine).unwrap()
    }

    /// The lines of the audit outbox.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.state.join("audit-outbox.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything that the service tells.
pub async fn state_of(connection: &Connection) -> zbus::Result<State> {
    let storage = Storage1Proxy::new(connection).await?;
    let json = storage.get_state().await?;
    Ok(serde_json::from_str(&json).unwrap())
}

/// A disk that nothing is on.
pub fn disk(name: &str) -> Disk {
    Disk {
        id: DiskId(format!("serial:{name}")),
        name: name.to_owned(),
        device: format!("/dev/disk/by-id/ata-{name}"),
        bytes: 1 << 40,
        model: None,
        serial: Some(name.to_owned()),
        wwn: None,
        transport: Some("sata".to_owned()),
        sector: 4096,
        rotational: true,
        drive: format!("serial:{name}"),
        in_use: DiskUse::Free,
    }
}

/// A machine with four disks.
pub fn four_disks() -> Simulator {
    Simulator::with_disks(["sda", "sdb", "sdc", "sdd"].map(disk).to_vec())
}

/// The request for a mirror of the first two disks.
pub fn mirror(name: &str) -> Request {
    let json = serde_json::json!({
        "operation": "pool-create", "name": name, "disks": ["serial:sda", "serial:sdb"], "layout": "mirror", "encryption": null,
    });
    serde_json::from_value(json).unwrap()
}

/// Plans a change.
pub async fn plan(storage: &Storage1Proxy<'_>, request: &Request) -> zbus::Result<Planned> {
    let json = storage.plan(&serde_json::to_string(request).unwrap()).await?;
    Ok(serde_json::from_str(&json).unwrap())
}

/// Plans, approves and carries out a change.
pub async fn change(storage: &Storage1Proxy<'_>, request: &Request) -> Job {
    let planned = plan(storage, request).await.unwrap();
    let confirm = planned.plan.confirm.unwrap_or_default();
    storage.approve(&planned.digest, &confirm).await.unwrap();
    let id = storage.execute(&planned.digest).await.unwrap();
    ended(storage, &id).await
}

/// A job, once it is over.
pub async fn ended(storage: &Storage1Proxy<'_>, id: &str) -> Job {
    let began = Instant::now();
    loop {
        let job: Job = serde_json::from_str(&storage.get_job(id).await.unwrap()).unwrap();
        if job.state.is_over() {
            return job;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{job:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The last part of an error's name.
pub fn error_name(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, _, _) => name.rsplit('.').next().unwrap_or_default().to_owned(),
        other => panic!("{other}"),
    }
}
