//! The power goes off before or after a step: what was done is done wholly, what was not is not, and nothing that the plan does not name
//! is lost.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Dice, machine, passphrase, request, setting};
use sigmavault_plan::diff;
use sigmavault_storage_core::{Engine as _, ExecuteError, Fault, execute, plan};

#[test]
fn a_fault_at_each_step_leaves_whole_steps() {
    let mut cut = 0;
    for seed in 0..6 {
        let mut dice = Dice::new(seed);
        let mut machine = machine();
        for _ in 0..300 {
            machine.settle();
            let before = machine.world.clone();
            let wanted = request(&mut dice, &before);
            let Ok(made) = plan(&wanted, &before, &setting(true)) else {
                continue;
            };
            for at in 0..made.steps.len() {
                for (fault, done) in [(Fault::Before, at), (Fault::After, at + 1)] {
                    let mut cut_off = machine.clone();
                    let mut faults = vec![Fault::None; at];
                    faults.push(fault);
                    cut_off.set_faults(faults);
                    let outcome = execute(&made, &mut cut_off, Some(&passphrase()), |_| {});
                    let Err(error @ ExecuteError::Failed { .. }) = outcome else {
                        panic!("seed {seed}: {outcome:?}");
                    };
                    assert_eq!(error.done(), at);
                    let mut expected = machine.clone();
                    for step in &made.steps[..done] {
                        expected.perform(&step.action, Some(&passphrase())).unwrap();
                    }
                    assert_eq!(cut_off.world, expected.world, "seed {seed}: {made:#?}");
                    cut += 1;
                }
            }
            execute(&made, &mut machine, Some(&passphrase()), |_| {}).unwrap();
            assert!(diff(&before, &machine.world).len() <= made.changes.len() + 1);
        }
    }
    assert!(cut > 1_000, "only {cut} faults");
}

/// Whoever approves sees one world, and another one is there when the plan is carried out.
#[test]
fn a_world_that_moved_on_stops_a_plan_before_it_does_harm() {
    let mut dice = Dice::new(7);
    let mut machine = machine();
    let mut stopped = 0;
    for _ in 0..2_000 {
        machine.settle();
        let seen = machine.world.clone();
        let wanted = request(&mut dice, &seen);
        let Ok(made) = plan(&wanted, &seen, &setting(true)) else {
            continue;
        };
        // Somebody else is faster.
        for _ in 0..8 {
            let world = machine.world.clone();
            if let Ok(other) = plan(&request(&mut dice, &world), &world, &setting(true)) {
                execute(&other, &mut machine, Some(&passphrase()), |_| {}).unwrap();
            }
        }
        let between = machine.world.clone();
        if execute(&made, &mut machine, Some(&passphrase()), |_| {}).is_err() {
            stopped += 1;
            let lost: Vec<_> = between
                .snapshots
                .iter()
                .filter(|one| !machine.world.snapshots.iter().any(|other| other.id == one.id))
                .collect();
            assert!(lost.is_empty(), "{made:#?} lost {lost:?}");
        }
    }
    assert!(stopped > 30, "only {stopped} plans met another world");
}
