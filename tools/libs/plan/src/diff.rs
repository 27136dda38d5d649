//! What differs between two worlds.

use std::collections::{BTreeMap, BTreeSet};

use sigmavault_types::storage::{Change, Dataset, DiskId, Guid, Pool, Snapshot, Vdev, VdevClass, World};

/// What differs between two worlds, sorted. Pools, datasets and snapshots are followed by their ids, so that a new name is no loss.
pub fn diff(before: &World, after: &World) -> Vec<Change> {
    let mut changes = Vec::new();
    disks(before, after, &mut changes);
    pools(before, after, &mut changes);
    let (old, new) = (in_both(before, after), in_both(after, before));
    datasets(&old, &new, &mut changes);
    snapshots(&old, &new, &mut changes);
    policies(before, after, &mut changes);
    changes.sort();
    changes
}

/// The datasets and snapshots of pools that the other world has imported too, by the same name.
struct Contents<'a> {
    datasets: BTreeMap<Guid, &'a Dataset>,
    snapshots: BTreeMap<Guid, &'a Snapshot>,
}

fn in_both<'a>(world: &'a World, other: &World) -> Contents<'a> {
    let known = |name: &str| {
        let (one, two) = (world.imported(name), other.imported(name));
        one.zip(two).is_some_and(|(one, two)| one.id == two.id)
    };
    let pools: BTreeSet<&str> = world.pools.iter().map(|pool| pool.name.as_str()).collect();
    let both: BTreeSet<&str> = pools.into_iter().filter(|name| known(name)).collect();
    let datasets = world.datasets.iter().filter(|set| both.contains(set.pool()));
    let snapshots = world.snapshots.iter().filter(|one| both.contains(one.pool()));
    Contents {
        datasets: datasets.map(|set| (set.id, set)).collect(),
        snapshots: snapshots.map(|one| (one.id, one)).collect(),
    }
}

fn disks(before: &World, after: &World, changes: &mut Vec<Change>) {
    let ids = |world: &World| world.disks.iter().map(|disk| disk.id.clone()).collect();
    let (old, new): (BTreeSet<DiskId>, BTreeSet<DiskId>) = (ids(before), ids(after));
    changes.extend(
        new.difference(&old)
            .map(|disk| Change::DiskAppeared { disk: disk.clone() }),
    );
    changes.extend(
        old.difference(&new)
            .map(|disk| Change::DiskDisappeared { disk: disk.clone() }),
    );
}

fn pools(before: &World, after: &World, changes: &mut Vec<Change>) {
    let imported = |world: &'_ World| -> BTreeMap<Guid, usize> {
        let pools = world.pools.iter().enumerate().filter(|(_, pool)| pool.imported);
        pools.map(|(at, pool)| (pool.id, at)).collect()
    };
    let (old, new) = (imported(before), imported(after));
    for (id, at) in &new {
        let now = &after.pools[*at];
        match old.get(id).map(|at| &before.pools[*at]) {
            Some(was) if was.name == now.name => pool(was, now, changes),
            was => {
                changes.extend(was.map(|was| Change::PoolDisappeared {
                    pool: was.name.clone(),
                }));
                changes.push(Change::PoolAppeared {
                    pool: now.name.clone(),
                });
            }
        }
    }
    for (id, at) in &old {
        if !new.contains_key(id) {
            let pool = before.pools[*at].name.clone();
            changes.push(Change::PoolDisappeared { pool });
        }
    }
}

fn pool(was: &Pool, now: &Pool, changes: &mut Vec<Change>) {
    let pool = || now.name.clone();
    if was.state != now.state {
        changes.push(Change::PoolState {
            pool: pool(),
            from: was.state,
            to: now.state,
        });
    }
    if was.usable != now.usable {
        changes.push(Change::PoolUsable {
            pool: pool(),
            from: was.usable,
            to: now.usable,
        });
    }
    if was.may_fail != now.may_fail {
        changes.push(Change::PoolMayFail {
            pool: pool(),
            from: was.may_fail,
            to: now.may_fail,
        });
    }
    if was.upgradable && !now.upgradable {
        changes.push(Change::PoolUpgraded { pool: pool() });
    }
    if was.trimming != now.trimming {
        changes.push(Change::PoolTrimming {
            pool: pool(),
            trimming: now.trimming,
        });
    }
    let progress = |pool: &Pool| pool.scan.map(|scan| (scan.kind, scan.state, scan.began));
    if let Some((scan, state, _)) = progress(now).filter(|_| progress(was) != progress(now)) {
        changes.push(Change::PoolScan {
            pool: pool(),
            scan,
            state,
        });
    }
    if was.damaged != now.damaged {
        changes.push(Change::PoolDamaged {
            pool: pool(),
            count: now.damaged.len() as u64,
        });
    }
    let set = |pool: &Pool| pool.properties.clone();
    changes.extend(
        different(&set(was), &set(now))
            .into_iter()
            .map(|(property, from, to)| Change::PoolProperty {
                pool: pool(),
                property,
                from,
                to,
            }),
    );
    devices(was, now, changes);
}

fn devices(was: &Pool, now: &Pool, changes: &mut Vec<Change>) {
    let (old, new) = (by_disk(was), by_disk(now));
    for ((disk, class), device) in &new {
        let (pool, disk) = (now.name.clone(), disk.clone());
        let Some(before) = old.get(&(disk.clone(), *class)) else {
            changes.push(Change::DeviceAppeared {
                pool,
                disk,
                class: *class,
            });
            continue;
        };
        if before.state != device.state {
            changes.push(Change::DeviceState {
                pool: pool.clone(),
                disk: disk.clone(),
                from: before.state,
                to: device.state,
            });
        }
        if before.errors != device.errors {
            changes.push(Change::DeviceErrors { pool, disk });
        }
    }
    for (disk, class) in old.keys().filter(|key| !new.contains_key(key)) {
        changes.push(Change::DeviceDisappeared {
            pool: now.name.clone(),
            disk: disk.clone(),
            class: *class,
        });
    }
}

/// The devices of a pool that are disks, a spare that stands in for another one twice.
fn by_disk(pool: &Pool) -> BTreeMap<(DiskId, VdevClass), &Vdev> {
    let devices = pool.vdevs.iter().flat_map(Vdev::devices);
    devices
        .filter_map(|device| Some(((device.disk.clone()?, device.class), device)))
        .collect()
}

fn datasets(before: &Contents<'_>, after: &Contents<'_>, changes: &mut Vec<Change>) {
    let (old, new) = (&before.datasets, &after.datasets);
    for (id, now) in new {
        let name = || now.name.clone();
        let Some(was) = old.get(id) else {
            changes.push(Change::DatasetAppeared {
                dataset: name(),
                kind: now.kind,
            });
            continue;
        };
        if was.name != now.name {
            changes.push(Change::DatasetRenamed {
                from: was.name.clone(),
                to: name(),
            });
        }
        if was.mounted != now.mounted {
            changes.push(Change::DatasetMounted {
                dataset: name(),
                mounted: now.mounted,
            });
        }
        let loaded = |set: &Dataset| set.key.as_ref().map(|key| key.loaded);
        if let Some(loaded) = loaded(now).filter(|_| loaded(was) != loaded(now)) {
            changes.push(Change::DatasetKey {
                dataset: name(),
                loaded,
            });
        }
        if was.origin != now.origin {
            changes.push(Change::DatasetOrigin {
                dataset: name(),
                from: was.origin.clone(),
                to: now.origin.clone(),
            });
        }
        let properties = different(&local(was), &local(now)).into_iter();
        changes.extend(properties.map(|(property, from, to)| Change::DatasetProperty {
            dataset: name(),
            property,
            from,
            to,
        }));
    }
    for (id, was) in old {
        if !new.contains_key(id) {
            let dataset = was.name.clone();
            changes.push(Change::DatasetDisappeared { dataset });
        }
    }
}

/// Properties that were set at the dataset itself.
fn local(dataset: &Dataset) -> BTreeMap<String, String> {
    let set = dataset.properties.iter();
    set.filter(|(_, property)| property.is_set_here())
        .map(|(name, property)| (name.clone(), property.value.clone()))
        .collect()
}

fn snapshots(before: &Contents<'_>, after: &Contents<'_>, changes: &mut Vec<Change>) {
    let (old, new) = (&before.snapshots, &after.snapshots);
    let renamed: BTreeSet<(&str, &str)> = after
        .datasets
        .iter()
        .filter_map(|(id, now)| Some((before.datasets.get(id)?.name.as_str(), now.name.as_str())))
        .collect();
    for (id, now) in new {
        let snapshot = || now.name.clone();
        let Some(was) = old.get(id) else {
            changes.push(Change::SnapshotAppeared { snapshot: snapshot() });
            let holds = now.holds.iter();
            changes.extend(holds.map(|tag| Change::SnapshotHeld {
                snapshot: snapshot(),
                tag: tag.clone(),
            }));
            continue;
        };
        let follows = was.tag() == now.tag() && renamed.contains(&(was.dataset(), now.dataset()));
        if was.name != now.name && !follows {
            changes.push(Change::SnapshotRenamed {
                from: was.name.clone(),
                to: snapshot(),
            });
        }
        changes.extend(now.holds.difference(&was.holds).map(|tag| Change::SnapshotHeld {
            snapshot: snapshot(),
            tag: tag.clone(),
        }));
        changes.extend(
            was.holds
                .difference(&now.holds)
                .map(|tag| Change::SnapshotReleased {
                    snapshot: snapshot(),
                    tag: tag.clone(),
                }),
        );
    }
    for (id, was) in old {
        if !new.contains_key(id) {
            let snapshot = was.name.clone();
            changes.push(Change::SnapshotDisappeared { snapshot });
        }
    }
}

fn policies(before: &World, after: &World, changes: &mut Vec<Change>) {
    for policy in &after.policies {
        if !before.policies.contains(policy) {
            let policy = policy.name.clone();
            changes.push(Change::PolicySet { policy });
        }
    }
    for policy in &before.policies {
        if !after.policies.iter().any(|other| other.name == policy.name) {
            let policy = policy.name.clone();
            changes.push(Change::PolicyRemoved { policy });
        }
    }
    let pools: BTreeSet<Guid> = [before, after]
        .iter()
        .flat_map(|world| world.care.iter().map(|care| care.pool))
        .collect();
    let care = |world: &World, pool| world.care.iter().find(|care| care.pool == pool).copied();
    let other = pools
        .into_iter()
        .filter(|pool| care(before, *pool) != care(after, *pool));
    changes.extend(other.map(|pool| Change::PoolCare { pool }));
}

type Pairs = BTreeMap<String, String>;

/// Names whose values differ, with the old and the new one.
fn different(old: &Pairs, new: &Pairs) -> Vec<(String, Option<String>, Option<String>)> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let pair = |name: &String| (name.clone(), old.get(name).cloned(), new.get(name).cloned());
    let pairs = names.into_iter().map(pair);
    pairs.filter(|(_, from, to)| from != to).collect()
}
