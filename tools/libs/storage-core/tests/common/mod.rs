//! Random machines, requests and actions.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used)]
#![allow(clippy::too_many_lines, reason = "one arm for each operation")]
#![allow(clippy::similar_names, reason = "one and many")]

use std::collections::BTreeMap;

use sigmavault_storage_core::Simulator;
use sigmavault_types::storage::{
    Care, DatasetKind, DeviceState, Disk, DiskId, DiskUse, Encryption, Guid, Keep, KeySource, Owner, Pool,
    Request, Schedule, Scrub, SnapshotPolicy, Trim, VdevClass, WantedLayout, World,
};

const GIB: u64 = 1 << 30;

/// A stream of numbers from a seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below another one.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap()
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

pub fn disk(name: &str, bytes: u64, in_use: DiskUse) -> Disk {
    Disk {
        id: DiskId::from(name),
        name: name.to_owned(),
        device: format!("/dev/disk/by-id/{name}"),
        bytes,
        model: None,
        serial: Some(name.to_owned()),
        wwn: None,
        transport: Some("sata".to_owned()),
        sector: 4096,
        rotational: true,
        drive: name.to_owned(),
        in_use,
    }
}

/// A machine with many disks of several sizes and uses.
pub fn machine() -> Simulator {
    let mut disks: Vec<Disk> = (0..28)
        .map(|at| {
            disk(
                &format!("d{at}"),
                [10, 10, 10, 20, 40][at % 5] * GIB,
                DiskUse::Free,
            )
        })
        .collect();
    disks.push(disk("system", 8 * GIB, DiskUse::System));
    let contents = "ntfs".to_owned();
    disks.push(disk("photos", 10 * GIB, DiskUse::Foreign { contents }));
    Simulator::with_disks(disks)
}

/// A request that makes sense in a world more often than not.
pub fn request(dice: &mut Dice, world: &World) -> Request {
    let imported: Vec<&Pool> = world.pools.iter().filter(|pool| pool.imported).collect();
    let pool = dice.pick(&imported).copied();
    let id = pool.map_or(Guid(1), |pool| pool.id);
    let devices: Vec<Guid> = pool
        .map(|pool| pool.all_vdevs().iter().map(|vdev| vdev.id).collect())
        .unwrap_or_default();
    let device = dice.pick(&devices).copied().unwrap_or(Guid(2));
    let free: Vec<&Disk> = world
        .disks
        .iter()
        .filter(|disk| {
            matches!(
                disk.in_use,
                DiskUse::Free | DiskUse::Foreign { .. } | DiskUse::ExportedPool { .. }
            )
        })
        .collect();
    let take = |dice: &mut Dice, count: usize| -> Vec<DiskId> {
        let mut left: Vec<DiskId> = free.iter().map(|disk| disk.id.clone()).collect();
        let mut taken = Vec::new();
        while taken.len() < count && !left.is_empty() {
            taken.push(left.swap_remove(dice.below(left.len())));
        }
        taken
    };
    let spare = pool.and_then(|pool| {
        let spares = pool.of_class(VdevClass::Spare);
        spares
            .filter(|spare| spare.state == DeviceState::Available)
            .find_map(|spare| spare.disk.clone())
    });
    let one = take(dice, 1).pop().unwrap_or_else(|| DiskId::from("none"));
    let erase = if dice.chance(70) {
        vec![one.clone()]
    } else {
        Vec::new()
    };
    let datasets: Vec<&str> = world.datasets.iter().map(|set| set.name.as_str()).collect();
    let dataset = dice.pick(&datasets).map_or("tank", |name| name).to_owned();
    let snapshots: Vec<&str> = world.snapshots.iter().map(|one| one.name.as_str()).collect();
    let snapshot = dice.pick(&snapshots).map_or("tank@a", |name| name).to_owned();
    let word = ["a", "b", "photos", "-x", "a b", "é"][dice.below(6)];
    let name = ["tank", "ice", "vault", "mirror"][dice.below(4)].to_owned();
    let layouts = WantedLayout::ALL;
    let layout = dice.chance(60).then(|| layouts[dice.below(layouts.len())]);
    let key = if dice.chance(50) {
        KeySource::Stored
    } else {
        KeySource::Passphrase
    };
    let encryption = dice.chance(20).then(|| Encryption { key: key.clone() });
    let class = [
        VdevClass::Data,
        VdevClass::Special,
        VdevClass::Log,
        VdevClass::Cache,
        VdevClass::Spare,
    ][dice.below(5)];
    let owner = if dice.chance(50) {
        Owner::User(1000)
    } else {
        Owner::Group(100)
    };
    let property = [
        ("compression", "zstd"),
        ("atime", "off"),
        ("quota", "1073741824"),
        ("reservation", "1048576"),
        ("volsize", "1048576"),
    ];
    let (property, value) = property[dice.below(5)];
    let properties = BTreeMap::from([(property.to_owned(), value.to_owned())]);
    let scrub = [Scrub::Start, Scrub::Pause, Scrub::Stop, Scrub::Errors][dice.below(4)];
    let count = 1 + dice.below(13);
    let accept_no_redundancy = dice.chance(50);
    match dice.below(40) {
        0..=3 => Request::PoolCreate {
            name,
            disks: take(dice, count),
            layout,
            accept_no_redundancy,
            erase: world
                .disks
                .iter()
                .filter(|_| accept_no_redundancy)
                .map(|disk| disk.id.clone())
                .collect(),
            encryption,
            properties: BTreeMap::new(),
        },
        4 => {
            let left: Vec<Guid> = world
                .pools
                .iter()
                .filter(|pool| !pool.imported)
                .map(|pool| pool.id)
                .collect();
            Request::PoolImport {
                pool: dice.pick(&left).copied().unwrap_or(Guid(3)),
                name: dice.chance(30).then_some(name),
                read_only: dice.chance(10),
                force: false,
            }
        }
        5 if dice.chance(40) => Request::PoolExport { pool: id },
        6 if dice.chance(20) => Request::PoolDestroy { pool: id },
        7 => Request::PoolAdd {
            pool: id,
            class,
            disks: take(dice, 1 + count % 4),
            layout,
            accept_no_redundancy,
            erase: Vec::new(),
        },
        8 => Request::PoolRemove {
            pool: id,
            vdev: device,
        },
        9 => Request::PoolExpand {
            pool: id,
            vdev: device,
            disk: one,
            erase,
        },
        10 => Request::PoolAttach {
            pool: id,
            to: device,
            disk: one,
            erase,
        },
        11 => Request::PoolDetach { pool: id, device },
        12 => Request::PoolReplace {
            pool: id,
            device,
            disk: spare.filter(|_| dice.chance(50)).unwrap_or(one),
            erase,
        },
        13 => Request::PoolOffline { pool: id, device },
        14 => Request::PoolOnline { pool: id, device },
        15 => Request::PoolClear { pool: id },
        16 => Request::PoolScrub { pool: id, scrub },
        17 => Request::PoolTrim {
            pool: id,
            trim: if dice.chance(50) { Trim::Start } else { Trim::Stop },
        },
        18 => Request::PoolUpgrade { pool: id },
        19 => Request::PoolSet {
            pool: id,
            properties: BTreeMap::from([(
                "autotrim".to_owned(),
                ["on", "off", "x"][dice.below(3)].to_owned(),
            )]),
        },
        20 => Request::PoolCare {
            care: Care {
                pool: id,
                scrub: Some(Schedule::Month { day: 1, hour: 3 }),
                trim: None,
            },
        },
        21 | 22 => Request::DatasetCreate {
            name: format!("{dataset}/{word}"),
            kind: DatasetKind::FileSystem,
            size: None,
            sparse: false,
            encryption,
            properties: BTreeMap::new(),
        },
        23 => Request::DatasetCreate {
            name: format!("{dataset}/{word}"),
            kind: DatasetKind::Volume,
            size: Some(GIB),
            sparse: dice.chance(50),
            encryption: None,
            properties: BTreeMap::new(),
        },
        24 => {
            let other = dice.pick(&datasets).map_or("tank", |name| name).to_owned();
            Request::DatasetRename {
                name: dataset,
                to: format!("{other}/{word}"),
            }
        }
        25 if dice.chance(50) => Request::DatasetDestroy { name: dataset },
        26 => Request::DatasetSet {
            name: dataset,
            properties,
        },
        27 => Request::DatasetInherit {
            name: dataset,
            property: property.to_owned(),
        },
        28 => Request::DatasetQuota {
            name: dataset,
            owner,
            bytes: [0, 1 << 20][dice.below(2)],
        },
        29 => Request::DatasetUnlock { name: dataset, key },
        30 => Request::DatasetLock { name: dataset },
        31 => Request::DatasetRekey { name: dataset, key },
        32 | 33 => Request::SnapshotCreate {
            dataset,
            tag: format!("{word}{}", dice.below(9)),
            recursive: dice.chance(50),
            lock_days: [0, 0, 30][dice.below(3)],
        },
        34 => Request::SnapshotDestroy {
            snapshots: vec![snapshot],
        },
        35 => Request::SnapshotHold {
            snapshot,
            tag: "keep".to_owned(),
        },
        36 => Request::SnapshotRelease {
            snapshot,
            tag: "keep".to_owned(),
        },
        37 => Request::SnapshotRollback { snapshot },
        38 => Request::SnapshotClone {
            snapshot,
            name: format!("{dataset}/{word}"),
        },
        39 if dice.chance(50) => Request::DatasetPromote { name: dataset },
        5 | 6 | 25 => Request::PolicyRemove {
            name: ["hourly", "daily"][dice.below(2)].to_owned(),
        },
        _ if dice.chance(60) => Request::PolicyRun {
            name: ["hourly", "daily"][dice.below(2)].to_owned(),
        },
        _ => Request::PolicySet {
            policy: SnapshotPolicy {
                name: ["hourly", "daily", "no such"][dice.below(3)].to_owned(),
                datasets: vec![dataset],
                recursive: true,
                except: Vec::new(),
                schedule: Schedule::Hour { minute: 0 },
                keep: Keep {
                    hourly: 3,
                    ..Keep::default()
                },
                lock_days: 0,
                paused: dice.chance(20),
            },
        },
    }
}

/// At the console or not, in a time zone with summer time.
pub fn setting(at_console: bool) -> sigmavault_storage_core::Setting {
    sigmavault_storage_core::Setting {
        at_console,
        zone: jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
    }
}

/// The passphrase of every encrypted dataset.
pub fn passphrase() -> sigmavault_storage_core::Secret {
    sigmavault_storage_core::Secret(b"correct horse".to_vec())
}
