//! Plans made of random steps, most of them nonsense and many of them dangerous: what the laws let pass loses nothing that the plan does
//! not name, whatever its author had in mind.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Dice, machine, passphrase, request, setting};
use sigmavault_plan::{destroyed, risk, verify};
use sigmavault_storage_core::{Simulator, execute, plan};
use sigmavault_types::storage::{
    Action, Disk, DiskId, DiskUse, Guid, Loss, NewVdev, Plan, Precondition, Request, Resource, Risk, Scrub,
    Snapshot, Step, Vdev, VdevClass, VdevKind, World,
};

/// A machine with a random past.
fn used_machine(dice: &mut Dice) -> Simulator {
    let mut machine = machine();
    for _ in 0..60 {
        let wanted = request(dice, &machine.world.clone());
        if let Ok(made) = plan(&wanted, &machine.world, &setting(true)) {
            let done = execute(&made, &mut machine, Some(&passphrase()), |_| {});
            assert!(done.is_ok(), "{done:?}: {:#?}", made.request);
        }
        let names: Vec<String> = machine
            .world
            .datasets
            .iter()
            .map(|set| set.name.clone())
            .collect();
        if let Some(name) = dice.pick(&names) {
            let _ = machine.write(name, 1 << 20);
        }
        if dice.chance(5) {
            let disks: Vec<DiskId> = machine.world.disks.iter().map(|disk| disk.id.clone()).collect();
            if let Some(disk) = dice.pick(&disks) {
                machine.pull(disk);
            }
        }
        if dice.chance(70) {
            machine.settle();
        }
    }
    machine
}

/// An action of the kinds that can lose data.
fn action(dice: &mut Dice, world: &World) -> Action {
    let pools: Vec<Guid> = world.pools.iter().map(|pool| pool.id).collect();
    let pool = dice.pick(&pools).copied().unwrap_or(Guid(1));
    let vdevs: Vec<&Vdev> = world.pool(pool).map(|pool| pool.all_vdevs()).unwrap_or_default();
    let device = dice.pick(&vdevs).map_or(Guid(2), |vdev| vdev.id);
    let disks: Vec<&Disk> = world.disks.iter().collect();
    let disk = dice
        .pick(&disks)
        .map_or_else(|| DiskId::from("none"), |disk| disk.id.clone());
    let sets: Vec<&str> = world.datasets.iter().map(|set| set.name.as_str()).collect();
    let name = dice.pick(&sets).map_or("none", |name| name).to_owned();
    let snapshots: Vec<&Snapshot> = world.snapshots.iter().collect();
    let snapshot = dice.pick(&snapshots).copied();
    let snapshot_name = snapshot.map_or_else(|| "none@x".to_owned(), |snapshot| snapshot.name.clone());
    let vdev = NewVdev {
        kind: VdevKind::Disk,
        class: VdevClass::Data,
        disks: vec![disk.clone()],
    };
    match dice.below(16) {
        0 | 1 => Action::EraseDisk { disk },
        2 => Action::DestroyPool { pool },
        3 => Action::DestroyDataset { name },
        4 => Action::DestroySnapshots {
            dataset: snapshot.map_or("none", |snapshot| snapshot.dataset()).to_owned(),
            tags: vec![snapshot.map_or("x", |snapshot| snapshot.tag()).to_owned()],
        },
        5 => Action::Rollback {
            snapshot: snapshot_name,
        },
        6 | 7 => Action::OfflineDevice { pool, device },
        8 | 9 => Action::DetachDevice { pool, device },
        10 => Action::ReplaceDevice { pool, device, disk },
        11 => Action::RemoveVdev { pool, vdev: device },
        12 => Action::ExportPool { pool },
        13 => Action::Unmount { name },
        14 => Action::AddVdevs {
            pool,
            vdevs: vec![vdev],
        },
        _ => Action::CreatePool {
            name: "new".to_owned(),
            vdevs: vec![vdev],
            properties: BTreeMap::new(),
            dataset_properties: BTreeMap::new(),
            key: None,
        },
    }
}

/// What a careful author would put before an action.
fn careful(action: &Action, world: &World) -> Vec<Precondition> {
    let disk = |id: &DiskId| {
        let found = world.disk(id)?;
        Some(Precondition::Disk {
            disk: id.clone(),
            bytes: found.bytes,
            in_use: found.in_use.clone(),
        })
    };
    match action {
        Action::EraseDisk { disk: id } | Action::ReplaceDevice { disk: id, .. } => {
            disk(id).into_iter().collect()
        }
        Action::AddVdevs { vdevs, .. } | Action::CreatePool { vdevs, .. } => vdevs
            .iter()
            .flat_map(|vdev| &vdev.disks)
            .filter_map(disk)
            .collect(),
        Action::DestroyPool { pool } => world
            .pool(*pool)
            .map(|pool| Precondition::Pool {
                pool: pool.id,
                name: pool.name.clone(),
                imported: pool.imported,
            })
            .into_iter()
            .collect(),
        Action::DestroyDataset { name } => {
            let tree: BTreeSet<&str> = world.tree(name).map(|set| set.name.as_str()).collect();
            let below = world
                .tree(name)
                .filter(|set| set.name != *name)
                .map(|set| set.id)
                .collect();
            let within = world.snapshots.iter().filter(|one| tree.contains(one.dataset()));
            world
                .dataset(name)
                .map(|set| {
                    vec![
                        Precondition::Dataset {
                            name: name.clone(),
                            id: set.id,
                        },
                        Precondition::Contents {
                            dataset: name.clone(),
                            datasets: below,
                            snapshots: within.map(|one| one.id).collect(),
                        },
                    ]
                })
                .unwrap_or_default()
        }
        Action::DestroySnapshots { dataset, tags } => {
            let names = tags.iter().map(|tag| format!("{dataset}@{tag}"));
            let found = names.filter_map(|name| world.snapshot(&name));
            found
                .map(|snapshot| Precondition::Snapshot {
                    name: snapshot.name.clone(),
                    id: snapshot.id,
                })
                .collect()
        }
        Action::Rollback { snapshot } => world.snapshot(snapshot).map_or_else(Vec::new, |from| {
            let later = world
                .snapshots_of(from.dataset())
                .filter(|other| other.transaction > from.transaction);
            vec![
                Precondition::Snapshot {
                    name: snapshot.clone(),
                    id: from.id,
                },
                Precondition::Newest {
                    snapshot: snapshot.clone(),
                    newer: later.map(|other| other.id).collect(),
                },
            ]
        }),
        _ => Vec::new(),
    }
}

/// A plan of random steps. Its author is careful, careless or a liar.
fn random_plan(dice: &mut Dice, world: &World) -> Plan {
    let steps: Vec<Step> = (0..=dice.below(4))
        .map(|_| {
            let action = action(dice, world);
            Step {
                risk: if dice.chance(90) {
                    risk(&action, world)
                } else {
                    Risk::Harmless
                },
                preconditions: if dice.chance(90) {
                    careful(&action, world)
                } else {
                    Vec::new()
                },
                action,
                commands: Vec::new(),
            }
        })
        .collect();
    let lost = steps.iter().flat_map(|step| destroyed(&step.action, world));
    let honest = dice.chance(70);
    let loses: Vec<Loss> = lost
        .filter(|_| honest || dice.chance(50))
        .map(|resource| Loss {
            resource,
            bytes: None,
        })
        .collect();
    Plan {
        version: 1,
        request: Request::PoolScrub {
            pool: Guid(1),
            scrub: Scrub::Start,
        },
        risk: steps.iter().map(|step| step.risk).max().unwrap_or(Risk::Reads),
        steps,
        changes: Vec::new(),
        touches: Vec::new(),
        loses,
        space: Vec::new(),
        warnings: Vec::new(),
        confirm: dice.chance(80).then(|| "name".to_owned()),
        at_console: dice.chance(20),
        made: world.time,
    }
}

/// What a plan says that it destroys, by the ids that these things had when it was verified.
struct Doomed {
    ids: BTreeSet<Guid>,
    changed: BTreeSet<Guid>,
    disks: BTreeMap<DiskId, DiskUse>,
}

impl Doomed {
    fn of(plan: &Plan, world: &World) -> Self {
        let mut doomed = Self {
            ids: BTreeSet::new(),
            changed: BTreeSet::new(),
            disks: BTreeMap::new(),
        };
        let under = |name: &str, above: &str| {
            let rest = name.strip_prefix(above);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@']))
        };
        for loss in &plan.loses {
            match &loss.resource {
                Resource::Pool(name) => {
                    let pools = world
                        .pools
                        .iter()
                        .filter(|pool| pool.imported && pool.name == *name);
                    doomed.ids.extend(pools.map(|pool| pool.id));
                    doomed.under(world, |one| under(one, name));
                }
                Resource::Dataset(name) => doomed.under(world, |one| under(one, name)),
                Resource::Changes(name) => doomed.changed.extend(world.dataset(name).map(|set| set.id)),
                Resource::Snapshot(name) => doomed.ids.extend(world.snapshot(name).map(|one| one.id)),
                Resource::Disk(disk) => {
                    let in_use = world.disk(disk).map(|disk| disk.in_use.clone());
                    doomed.disks.extend(in_use.map(|in_use| (disk.clone(), in_use)));
                }
                Resource::Policy(_) => {}
            }
        }
        doomed
    }

    fn under(&mut self, world: &World, holds: impl Fn(&str) -> bool) {
        self.ids.extend(
            world
                .datasets
                .iter()
                .filter(|set| holds(&set.name))
                .map(|set| set.id),
        );
        self.ids.extend(
            world
                .snapshots
                .iter()
                .filter(|one| holds(&one.name))
                .map(|one| one.id),
        );
    }
}

/// What is lost though the plan does not name it.
fn losses(plan: &Plan, doomed: &Doomed, old: &Simulator, new: &Simulator) -> Vec<String> {
    let mut lost = Vec::new();
    for pool in old
        .world
        .pools
        .iter()
        .filter(|pool| !doomed.ids.contains(&pool.id))
    {
        let disks = pool.all_vdevs().into_iter().filter_map(|vdev| vdev.disk.as_ref());
        let mut named = disks.filter(|disk| {
            let in_use = old.world.disk(disk).map(|disk| &disk.in_use);
            in_use.is_some() && doomed.disks.get(disk) == in_use
        });
        let now = new.world.pool(pool.id);
        let unreadable = now.is_some_and(|now| now.may_fail.is_none()) && pool.may_fail.is_some();
        let newly = unreadable || (new.has_lost(pool.id) && !old.has_lost(pool.id));
        if now.is_none() || (newly && named.next().is_none()) {
            lost.push(format!("pool {}", pool.name));
        }
        if !pool.imported || now.is_none_or(|now| !now.imported) {
            continue;
        }
        for set in old.world.datasets.iter().filter(|set| set.pool() == pool.name) {
            let found = new.world.datasets.iter().any(|other| other.id == set.id);
            let changed = new.version(set.id) != old.version(set.id);
            if (!found && !doomed.ids.contains(&set.id))
                || (found && changed && !doomed.changed.contains(&set.id))
            {
                lost.push(format!("dataset {}", set.name));
            }
        }
        for one in old.world.snapshots.iter().filter(|one| one.pool() == pool.name) {
            if !new.world.snapshots.iter().any(|other| other.id == one.id) && !doomed.ids.contains(&one.id) {
                lost.push(format!("snapshot {}", one.name));
            }
        }
    }
    for one in &old.world.snapshots {
        let exported = new
            .world
            .pools
            .iter()
            .any(|pool| !pool.imported && pool.name == one.pool());
        let gone = !exported && !new.world.snapshots.iter().any(|other| other.id == one.id);
        let locked = one.locked_until.is_some_and(|until| until > old.world.time) && !plan.at_console;
        if gone && (locked || !one.holds.is_empty()) {
            lost.push(format!("locked or held snapshot {}", one.name));
        }
    }
    for disk in &old.world.disks {
        let changed = new
            .world
            .disk(&disk.id)
            .is_some_and(|now| now.in_use != disk.in_use);
        let holds = matches!(
            disk.in_use,
            DiskUse::Foreign { .. } | DiskUse::System | DiskUse::LiveMedium
        );
        let named = doomed.disks.get(&disk.id) == Some(&disk.in_use);
        if changed && holds && (!named || matches!(disk.in_use, DiskUse::System | DiskUse::LiveMedium)) {
            lost.push(format!("disk {}", disk.id));
        }
    }
    lost
}

/// Somebody else changes something after the plan was verified.
fn somebody_else(dice: &mut Dice, machine: &mut Simulator) {
    for _ in 0..4 {
        let wanted = request(dice, &machine.world.clone());
        if let Ok(made) = plan(&wanted, &machine.world, &setting(true)) {
            let done = execute(&made, machine, Some(&passphrase()), |_| {});
            assert!(done.is_ok(), "{done:?}: {:#?}", made.request);
        }
    }
    machine.settle();
}

#[test]
fn what_the_laws_let_pass_loses_nothing_else() {
    let wanted = std::env::var("SIGMAVAULT_PLANS")
        .ok()
        .and_then(|number| number.parse().ok());
    let wanted: usize = wanted.unwrap_or(20_000);
    let (mut passed, mut carried_out, mut destroying, mut made) = (0, 0, 0, 0);
    let mut seed = 0;
    while made < wanted {
        seed += 1;
        let mut dice = Dice::new(seed);
        let machine = used_machine(&mut dice);
        for _ in 0..1_000.min(wanted - made) {
            made += 1;
            let plan = random_plan(&mut dice, &machine.world);
            if !verify(&plan, &machine.world).is_empty() {
                continue;
            }
            passed += 1;
            let doomed = Doomed::of(&plan, &machine.world);
            let mut before = machine.clone();
            if dice.chance(20) {
                somebody_else(&mut dice, &mut before);
            }
            let mut after = before.clone();
            after.reckless = true;
            carried_out += match execute(&plan, &mut after, None, |_| {}) {
                Ok(_) => plan.steps.len(),
                Err(error) => error.done(),
            };
            after.settle();
            destroying += usize::from(!plan.loses.is_empty());
            assert_eq!(
                losses(&plan, &doomed, &before, &after),
                Vec::<String>::new(),
                "seed {seed}: {plan:#?}"
            );
        }
    }
    println!(
        "{made} plans, {passed} passed the laws, {destroying} of them destroy what they name, {carried_out} steps carried out"
    );
    assert!(
        passed * 50 > made && carried_out * 100 > made && destroying * 200 > made,
        "too few plans were possible"
    );
}
