//! A large machine: 20 pools, 1,000 datasets, 20,000 snapshots. `ci/measure-storage` runs it and prints what it measures.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod common;

use std::time::{Duration, Instant};

use common::{Daemon, disk};
use sigmavault_bus::storage::{PATH, Storage1Proxy};
use sigmavault_private_bus::Bus;
use sigmavault_storage_core::{Engine as _, Simulator};
use sigmavault_types::storage::{Action, DatasetKind, DiskId, NewVdev, Snapshot, State, VdevClass, VdevKind};
use zbus::fdo::ObjectManagerProxy;

const POOLS: usize = 20;
const DATASETS: usize = 50;
const SNAPSHOTS: usize = 20;

/// Longest that a listing may take.
const LISTING: Duration = Duration::from_millis(300);
/// Most memory that the service may take.
const MEMORY: u64 = 64 << 20;

fn large() -> Simulator {
    let disks = (0..2 * POOLS)
        .map(|number| disk(&format!("sd{number}")))
        .collect();
    let mut simulator = Simulator::with_disks(disks);
    for pool in 0..POOLS {
        let name = format!("pool{pool}");
        let create = Action::CreatePool {
            name: name.clone(),
            vdevs: vec![NewVdev {
                kind: VdevKind::Mirror,
                class: VdevClass::Data,
                disks: [2 * pool, 2 * pool + 1]
                    .map(|number| DiskId(format!("serial:sd{number}")))
                    .to_vec(),
            }],
            properties: std::collections::BTreeMap::new(),
            dataset_properties: std::collections::BTreeMap::new(),
            key: None,
        };
        simulator.perform(&create, None).unwrap();
        let names: Vec<String> = (0..DATASETS - 1)
            .map(|number| format!("{name}/dataset{number}"))
            .collect();
        for name in &names {
            let create = Action::CreateDataset {
                name: name.clone(),
                kind: DatasetKind::FileSystem,
                size: None,
                sparse: false,
                key: None,
                properties: std::collections::BTreeMap::new(),
            };
            simulator.perform(&create, None).unwrap();
        }
        let all: Vec<String> = std::iter::once(name).chain(names).collect();
        for tag in 0..SNAPSHOTS {
            let create = Action::CreateSnapshots {
                datasets: all.clone(),
                tag: format!("GMT-2026.12.{:02}-03.15.00", tag + 1),
                policy: Some("daily".to_owned()),
                locked_until: None,
            };
            simulator.perform(&create, None).unwrap();
        }
    }
    simulator
}

/// Resident memory of a process, in bytes.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: ci/measure-storage"]
async fn listings_of_a_large_machine() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::start());
    let daemon = Daemon::start(folder.path(), &bus.address, large).await;
    let connection = bus.connect().await;
    let storage = Storage1Proxy::new(&connection).await.unwrap();
    let manager = ObjectManagerProxy::new(&connection, "org.sigmavault.Storage1", PATH)
        .await
        .unwrap();
    while manager.get_managed_objects().await.unwrap().len() < POOLS + POOLS * DATASETS {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (mut state_times, mut snapshot_times, mut object_times) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..10 {
        let began = Instant::now();
        let state: State = serde_json::from_str(&storage.get_state().await.unwrap()).unwrap();
        state_times.push(began.elapsed());
        assert_eq!(
            (state.world.pools.len(), state.world.datasets.len()),
            (POOLS, POOLS * DATASETS)
        );
        let began = Instant::now();
        let snapshots: Vec<Snapshot> =
            serde_json::from_str(&storage.get_snapshots("", true).await.unwrap()).unwrap();
        snapshot_times.push(began.elapsed());
        assert_eq!(snapshots.len(), POOLS * DATASETS * SNAPSHOTS);
        let began = Instant::now();
        manager.get_managed_objects().await.unwrap();
        object_times.push(began.elapsed());
    }
    let memory = resident(daemon.id());
    let slowest = |name: &str, times: &[Duration]| {
        let slowest = *times.iter().max().unwrap();
        let holds = if slowest <= LISTING { "" } else { "  DOES NOT HOLD" };
        println!(
            "{name:44} {:7.1} ms   limit {}{holds}",
            slowest.as_secs_f64() * 1e3,
            LISTING.as_millis()
        );
        slowest <= LISTING
    };
    println!(
        "{POOLS} pools, {} datasets, {} snapshots; the slowest of 10, received and parsed",
        POOLS * DATASETS,
        POOLS * DATASETS * SNAPSHOTS
    );
    let held = [
        slowest("state: disks, pools, datasets", &state_times),
        slowest("all snapshots", &snapshot_times),
        slowest("objects with their properties", &object_times),
    ];
    let holds = if memory <= MEMORY { "" } else { "  DOES NOT HOLD" };
    println!(
        "{:44} {:7.1} MiB  limit {}{holds}",
        "resident memory of the service",
        memory as f64 / f64::from(1 << 20),
        MEMORY >> 20
    );
    assert!(held == [true; 3] && memory <= MEMORY, "not everything holds");
}
