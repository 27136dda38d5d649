//! Random histories on the simulator: what a plan says is what happens, and nothing that it does not name is lost.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{Dice, machine, passphrase, request, setting};
use sigmavault_plan::{diff, digest};
use sigmavault_storage_core::{Engine as _, Simulator, execute, plan};
use sigmavault_types::storage::{Change, Guid, Plan, Resource, World};

/// Kinds of requests.
const OPERATIONS: usize = 37;
/// Requests of a history.
const STEPS: usize = 1_000;

/// Disks that fail and come back, data that is written, time that goes by.
fn weather(dice: &mut Dice, machine: &mut Simulator, pulled: &mut Vec<sigmavault_types::storage::DiskId>) {
    match dice.below(12) {
        0 => {
            let disks = machine.world.disks.clone();
            if let Some(disk) = dice.pick(&disks).filter(|_| pulled.len() < 2) {
                machine.pull(&disk.id);
                pulled.push(disk.id.clone());
            }
        }
        1 | 2 => {
            if let Some(disk) = pulled.pop() {
                machine.put_back(&disk);
            }
        }
        3 => {
            let disks = machine.world.disks.clone();
            if let Some(disk) = dice.pick(&disks) {
                machine.damage(&disk.id);
            }
        }
        4..=6 => {
            let names: Vec<String> = machine
                .world
                .datasets
                .iter()
                .map(|set| set.name.clone())
                .collect();
            if let Some(name) = dice.pick(&names) {
                let _ = machine.write(name, 1 + dice.below(1 << 20) as u64);
            }
        }
        7 => {
            for pool in &mut machine.world.pools {
                pool.upgradable = true;
            }
        }
        8 | 9 => machine.advance(3_600 * dice.below(100) as u64),
        _ => {}
    }
    machine.settle();
}

/// What a plan does not say that it destroys is still there, with the same contents.
fn nothing_else_is_lost(plan: &Plan, before: &World, old: &Simulator, new: &Simulator) {
    let goes = |name: &str| {
        plan.loses.iter().any(|loss| match &loss.resource {
            Resource::Pool(pool) => name.split(['/', '@']).next() == Some(pool),
            Resource::Dataset(set) => {
                let rest = name.strip_prefix(set.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@']))
            }
            Resource::Changes(set) => name == set,
            Resource::Snapshot(snapshot) => name == snapshot,
            _ => false,
        })
    };
    let exported = |pool: &str| {
        before
            .imported(pool)
            .is_none_or(|pool| new.world.pool(pool.id).is_some_and(|pool| !pool.imported))
    };
    for set in before
        .datasets
        .iter()
        .filter(|set| !goes(&set.name) && !exported(set.pool()))
    {
        assert!(
            new.world.datasets.iter().any(|other| other.id == set.id),
            "{} is gone: {plan:#?}",
            set.name
        );
        assert_eq!(
            old.version(set.id),
            new.version(set.id),
            "{}: {plan:#?}",
            set.name
        );
    }
    for snapshot in before
        .snapshots
        .iter()
        .filter(|one| !goes(&one.name) && !exported(one.pool()))
    {
        let found = new.world.snapshots.iter().any(|other| other.id == snapshot.id);
        assert!(found, "{} is gone: {plan:#?}", snapshot.name);
    }
    let lost = |machine: &Simulator, pool: Guid| machine.has_lost(pool);
    for pool in &before.pools {
        let erased = plan
            .loses
            .iter()
            .any(|loss| matches!(loss.resource, Resource::Disk(_)));
        if !erased && !goes(&pool.name) {
            assert_eq!(lost(old, pool.id), lost(new, pool.id), "{}: {plan:#?}", pool.name);
        }
    }
}

/// The operations of a history that were planned and carried out, with their number.
fn history(seed: u64) -> BTreeMap<String, usize> {
    let mut dice = Dice::new(seed);
    let mut machine = machine();
    let mut pulled = Vec::new();
    let mut planned: BTreeMap<String, usize> = BTreeMap::new();
    for step in 0..STEPS {
        weather(&mut dice, &mut machine, &mut pulled);
        let before = machine.world.clone();
        let wanted = request(&mut dice, &before);
        let Ok(made) = plan(&wanted, &before, &setting(dice.chance(30))) else {
            continue;
        };
        assert_eq!(digest(&made).unwrap(), digest(&plan_again(&made)).unwrap());
        let old = machine.clone();
        let done = execute(&made, &mut machine, Some(&passphrase()), |_| {});
        let done = done.map_err(|error| format!("seed {seed}, step {step}: {error}\n{made:#?}"));
        done.unwrap_or_else(|error| panic!("{error}"));
        machine.settle();
        let after = machine.world().unwrap();
        let mut expected = made.changes.clone();
        expected.sort();
        let found: Vec<Change> = diff(&before, &after);
        assert_eq!(found, expected, "seed {seed}, step {step}: {:#?}", made.request);
        for space in &made.space {
            let pool = after.imported(&space.pool);
            let now = pool.map_or((0, None), |pool| (pool.usable, pool.may_fail));
            assert_eq!(
                now,
                (space.usable_after, space.may_fail_after),
                "seed {seed}, step {step}: {:#?}",
                made.request
            );
        }
        nothing_else_is_lost(&made, &before, &old, &machine);
        let operation = serde_json::to_value(&wanted).unwrap()["operation"]
            .as_str()
            .unwrap()
            .to_owned();
        *planned.entry(operation).or_default() += 1;
    }
    planned
}

/// A plan as it comes back from a client.
fn plan_again(plan: &Plan) -> Plan {
    serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap()
}

#[test]
fn what_a_plan_says_is_what_happens() {
    let seeds = std::env::var("SIGMAVAULT_HISTORIES")
        .ok()
        .and_then(|number| number.parse().ok());
    let mut planned: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..seeds.unwrap_or(12) {
        for (operation, count) in history(seed) {
            *planned.entry(operation).or_default() += count;
        }
    }
    let all: usize = planned.values().sum();
    println!("{all} plans carried out: {planned:?}");
    assert_eq!(
        planned.len(),
        OPERATIONS,
        "not every operation was tried: {planned:#?}"
    );
}
