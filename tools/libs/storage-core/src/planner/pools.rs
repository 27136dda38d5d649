//! Pools as a whole.

use std::collections::BTreeMap;

use sigmavault_plan::{after_slop, data_space, group_space, group_tolerance};
use sigmavault_types::storage::{
    Action, Change, DeviceState, Encryption, Guid, KeySource, NewVdev, Pool, Precondition, Resource, Space,
    VdevClass, VdevKind, WantedLayout, Warning,
};

use super::disks::{Wanted, arrange, take, vdevs};
use super::draft::{Draft, same_pool};
use super::refusal::Refusal;
use super::{find, properties};
use crate::names;

/// Where pools are mounted.
const FOLDER: &str = "/srv/sigmavault";

pub(super) fn create(
    draft: &mut Draft<'_>,
    name: &str,
    wanted: &Wanted<'_>,
    encryption: Option<&Encryption>,
    wanted_properties: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    names::pool(name).map_err(Refusal::Name)?;
    if draft.world.imported(name).is_some() {
        return Err(Refusal::Exists(name.to_owned()));
    }
    let (disks, mut preconditions) = take(draft, wanted.disks, wanted.erase, 0)?;
    let layout = arrange(&disks, wanted.layout, None)?;
    if layout.may_fail == 0 {
        if !wanted.accept_no_redundancy {
            return Err(Refusal::NoRedundancy);
        }
        draft.warn(Warning::NoRedundancy {
            pool: name.to_owned(),
        });
    }
    if layout.wasted > 0 {
        draft.warn(Warning::UnevenDisks { bytes: layout.wasted });
    }
    properties::check_all(wanted_properties, None)?;
    let rotational = disks.iter().any(|disk| disk.rotational);
    let ashift = if disks.iter().any(|disk| disk.sector > 4096) {
        "13"
    } else {
        "12"
    };
    let texts = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    let mountpoint = format!("{FOLDER}/{name}");
    let mut dataset_properties = texts(&[
        ("acltype", "posix"),
        ("compression", "lz4"),
        ("dnodesize", "auto"),
        ("mountpoint", &mountpoint),
        ("relatime", "on"),
        ("xattr", "sa"),
    ]);
    dataset_properties.extend(wanted_properties.clone());
    let key = encryption.map(|encryption| encryption.key.clone());
    if key == Some(KeySource::Passphrase) {
        let dataset = name.to_owned();
        draft.warn(Warning::KeyCannotBeReplaced { dataset });
    }
    preconditions.push(Precondition::NoPool {
        name: name.to_owned(),
    });
    let action = Action::CreatePool {
        name: name.to_owned(),
        vdevs: vdevs(&layout, &disks, VdevClass::Data),
        properties: texts(&[
            ("ashift", ashift),
            ("autotrim", if rotational { "off" } else { "on" }),
        ]),
        dataset_properties,
        key,
    };
    draft.step(action, preconditions);
    draft.step(
        Action::Mount {
            name: name.to_owned(),
        },
        Vec::new(),
    );
    draft.touch(Resource::Pool(name.to_owned()));
    draft.changes.push(Change::PoolAppeared {
        pool: name.to_owned(),
    });
    draft.space.push(Space {
        pool: name.to_owned(),
        usable_before: 0,
        usable_after: layout.usable,
        may_fail_before: None,
        may_fail_after: u32::try_from(layout.may_fail).ok(),
    });
    if !draft.loses.is_empty() {
        draft.confirm = Some(name.to_owned());
    }
    Ok(())
}

pub(super) fn import(
    draft: &mut Draft<'_>,
    id: Guid,
    name: Option<&str>,
    read_only: bool,
    force: bool,
) -> Result<(), Refusal> {
    let pool = draft
        .world
        .pool(id)
        .ok_or_else(|| Refusal::missing("pool with the id", id))?;
    if pool.imported {
        return Err(Refusal::Nothing(format!("{} is imported: it", pool.name)));
    }
    if !matches!(pool.state, DeviceState::Online | DeviceState::Degraded) {
        let absent = pool
            .all_vdevs()
            .into_iter()
            .filter(|vdev| !vdev.state.readable() && vdev.children.is_empty());
        let absent: Vec<&str> = absent.map(|vdev| vdev.name.as_str()).collect();
        let why = format!("too few of its disks are there; attach {}", absent.join(", "));
        return Err(Refusal::state(&pool.name, why));
    }
    let name = name.unwrap_or(&pool.name);
    names::pool(name).map_err(Refusal::Name)?;
    if draft.world.imported(name).is_some() {
        return Err(Refusal::Exists(name.to_owned()));
    }
    if force {
        draft.warn(Warning::OtherMachine {
            pool: name.to_owned(),
        });
    }
    let action = Action::ImportPool {
        pool: id,
        name: name.to_owned(),
        read_only,
        force,
    };
    draft.step(
        action,
        vec![
            same_pool(pool),
            Precondition::NoPool {
                name: name.to_owned(),
            },
        ],
    );
    draft.step(
        Action::Mount {
            name: name.to_owned(),
        },
        Vec::new(),
    );
    draft.touch(Resource::Pool(name.to_owned()));
    draft.changes.push(Change::PoolAppeared {
        pool: name.to_owned(),
    });
    Ok(())
}

pub(super) fn export(draft: &mut Draft<'_>, id: Guid) -> Result<(), Refusal> {
    let pool = find::pool(draft.world, id)?;
    if pool.state == DeviceState::Suspended {
        let why = "it is suspended: attach its disks again and clear its errors before it is exported";
        return Err(Refusal::state(&pool.name, why));
    }
    unmount(draft, pool);
    draft.step(Action::ExportPool { pool: id }, vec![same_pool(pool)]);
    Ok(())
}

pub(super) fn destroy(draft: &mut Draft<'_>, id: Guid) -> Result<(), Refusal> {
    let pool = find::pool(draft.world, id)?;
    unmount(draft, pool);
    draft.step(Action::DestroyPool { pool: id }, vec![same_pool(pool)]);
    draft.lose(Resource::Pool(pool.name.clone()), Some(pool.allocated));
    draft.confirm = Some(pool.name.clone());
    draft.warn(Warning::CannotBeUndone);
    draft.space.push(Space {
        pool: pool.name.clone(),
        usable_before: pool.usable,
        usable_after: 0,
        may_fail_before: pool.may_fail,
        may_fail_after: None,
    });
    Ok(())
}

/// Unmounts everything in a pool that goes.
fn unmount(draft: &mut Draft<'_>, pool: &Pool) {
    let name = pool.name.clone();
    draft.touch(Resource::Pool(name.clone()));
    for set in draft.world.tree(&name).filter(|set| set.mounted) {
        let dataset = set.name.clone();
        draft.warn(Warning::Interrupts { dataset });
    }
    draft.changes.push(Change::PoolDisappeared { pool: name.clone() });
    if draft.world.tree(&name).any(|set| set.mounted) {
        draft.step(Action::Unmount { name }, vec![same_pool(pool)]);
    }
}

pub(super) fn add(
    draft: &mut Draft<'_>,
    id: Guid,
    class: VdevClass,
    wanted: &Wanted<'_>,
) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let (disks, mut preconditions) = take(draft, wanted.disks, wanted.erase, 0)?;
    let alone = matches!(class, VdevClass::Cache | VdevClass::Spare);
    let new = if alone {
        let ids = disks.iter().map(|disk| disk.id.clone()).collect();
        if disks.is_empty() {
            return Err(Refusal::Layout("no disk is named".to_owned()));
        }
        vec![NewVdev {
            kind: VdevKind::Disk,
            class,
            disks: ids,
        }]
    } else {
        // Groups of the kind that the pool has keep its redundancy; special vdevs and logs are mirrors.
        let usual = if class == VdevClass::Data {
            kind_of(pool)
        } else {
            Some(WantedLayout::Mirror)
        };
        let layout = arrange(&disks, wanted.layout, usual)?;
        redundancy(draft, pool, class, layout.may_fail, wanted.accept_no_redundancy)?;
        if layout.wasted > 0 {
            draft.warn(Warning::UnevenDisks { bytes: layout.wasted });
        }
        vdevs(&layout, &disks, class)
    };
    let parity = |kind: VdevKind| matches!(kind, VdevKind::Raidz { .. } | VdevKind::Draid { .. });
    let stays = class.vital()
        && (pool.vdevs.iter().any(|vdev| parity(vdev.kind)) || new.iter().any(|one| parity(one.kind)));
    if stays {
        draft.warn(Warning::CannotBeUndone);
    }
    let (usable, may_fail) = after_adding(draft, pool, &new);
    draft.pool_becomes(pool, usable, may_fail);
    for vdev in &new {
        for disk in &vdev.disks {
            draft.changes.push(Change::DeviceAppeared {
                pool: pool.name.clone(),
                disk: disk.clone(),
                class: vdev.class,
            });
        }
    }
    preconditions.push(same_pool(pool));
    draft.step(Action::AddVdevs { pool: id, vdevs: new }, preconditions);
    draft.touch(Resource::Pool(pool.name.clone()));
    if !draft.loses.is_empty() {
        draft.confirm = Some(pool.name.clone());
    }
    Ok(())
}

/// The layout of a pool's first group of data.
fn kind_of(pool: &Pool) -> Option<WantedLayout> {
    match pool.of_class(VdevClass::Data).next()?.kind {
        VdevKind::Mirror => Some(WantedLayout::Mirror),
        VdevKind::Raidz { parity: 1 } => Some(WantedLayout::Raidz1),
        VdevKind::Raidz { parity: 2 } => Some(WantedLayout::Raidz2),
        VdevKind::Raidz { .. } => Some(WantedLayout::Raidz3),
        VdevKind::Draid { .. } => Some(WantedLayout::Draid),
        _ => None,
    }
}

/// A new group that survives less than the others needs consent.
fn redundancy(
    draft: &mut Draft<'_>,
    pool: &Pool,
    class: VdevClass,
    may_fail: usize,
    accepted: bool,
) -> Result<(), Refusal> {
    let now = pool
        .vdevs
        .iter()
        .filter(|vdev| vdev.class.vital())
        .filter_map(group_tolerance)
        .min();
    if !class.vital() || now.is_none_or(|now| may_fail >= now) {
        return Ok(());
    }
    if may_fail == 0 {
        if !accepted {
            return Err(Refusal::NoRedundancy);
        }
        let pool = pool.name.clone();
        draft.warn(Warning::NoRedundancy { pool });
    } else {
        draft.warn(Warning::LessRedundancy {
            pool: pool.name.clone(),
            may_fail: u32::try_from(may_fail).unwrap_or(u32::MAX),
        });
    }
    Ok(())
}

/// Usable bytes and failures survived with more vdevs.
fn after_adding(draft: &Draft<'_>, pool: &Pool, new: &[NewVdev]) -> (u64, Option<u32>) {
    let sizes = |vdev: &NewVdev| -> Vec<u64> {
        let disks = vdev.disks.iter().filter_map(|disk| draft.world.disk(disk));
        disks.map(|disk| disk.bytes).collect()
    };
    let more: u128 = new
        .iter()
        .filter(|vdev| vdev.class == VdevClass::Data)
        .map(|vdev| match vdev.kind {
            VdevKind::Disk => sizes(vdev).iter().map(|bytes| u128::from(*bytes)).sum(),
            kind => group_space(kind, &sizes(vdev), 0),
        })
        .sum();
    let before = data_space(&pool.vdevs);
    let growth = after_slop(before + more) - after_slop(before);
    let usable = pool
        .usable
        .saturating_add(u64::try_from(growth).unwrap_or(u64::MAX));
    let tolerance = new
        .iter()
        .filter(|vdev| vdev.class.vital())
        .filter_map(|vdev| u32::try_from(vdev.kind.tolerance(vdev.disks.len())).ok());
    (usable, pool.may_fail.map(|now| tolerance.fold(now, u32::min)))
}
