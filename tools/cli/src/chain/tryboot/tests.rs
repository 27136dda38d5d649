use std::fs;

use proptest::prelude::*;
use sigmavault_facts::slots::tryboot::autoboot::TEXT;

use super::simulated::{Health, Pi};
use super::*;

mod guards;

const BOTH_GOOD: fn(Slot) -> Health = |_| Health::Good;

/// Slot A is good, and slot B goes like this.
fn b(health: Health) -> impl Fn(Slot) -> Health {
    move |slot| if slot == Slot::A { Health::Good } else { health }
}

#[test]
fn a_switch_is_a_try_first() {
    let mut pi = Pi::new();
    let done = pi.chain().prefer(Slot::B).unwrap();
    assert_eq!(
        (done.slot, done.tried, done.once, done.retried),
        (Slot::B, true, false, false)
    );
    assert_eq!(
        done.show(),
        "Slot B is tried at the next restart, and starts from then on if that start is good. \
         Restart with: systemctl reboot; switched off, the machine first starts slot A again\n"
    );
    assert_eq!((pi.text(TRY).as_str(), pi.text(FLAG).as_str()), ("b 3", "1"));
    assert_eq!(pi.text(AUTOBOOT), TEXT.trim_end());
    let listed = pi.chain().list().unwrap().slots;
    assert_eq!(
        (listed[1].tries_left, listed[1].tries_done, listed[1].armed),
        (Some(3), None, true)
    );

    pi.restart();
    assert!(pi.run(BOTH_GOOD));
    assert_eq!(
        (pi.running, pi.preferred(), pi.starts),
        (Slot::B, Slot::B, [1, 1])
    );
    assert_eq!((pi.text(TRY).as_str(), pi.text(FLAG).as_str()), ("", "0"));
    // From then on it starts by itself.
    pi.cut_power();
    assert!(pi.run(BOTH_GOOD));
    assert_eq!((pi.running, pi.starts), (Slot::B, [1, 2]));
}

#[test]
fn the_start_that_runs_is_used_up() {
    let mut pi = Pi::new();
    pi.chain().prefer(Slot::B).unwrap();
    pi.restart();
    assert!(pi.start());
    let listed = pi.chain().list().unwrap().slots;
    assert_eq!(
        (listed[1].tries_left, listed[1].tries_done, listed[1].armed),
        (Some(2), Some(1), false)
    );
    assert_eq!((listed[0].preferred, listed[1].preferred), (true, false));
    assert_eq!(pi.chain().bad(), AfterBad::Restart);
}

#[test]
fn a_slot_that_fails_is_given_up_after_three_starts() {
    for health in [Health::Bad, Health::Silent, Health::Saved, Health::Early] {
        let mut pi = Pi::new();
        pi.chain().prefer(Slot::B).unwrap();
        pi.restart();
        assert!(pi.run(b(health)), "{health:?}");
        assert_eq!(
            (pi.running, pi.preferred(), pi.starts),
            (Slot::A, Slot::A, [4, 3]),
            "{health:?}"
        );
        assert_eq!(
            (pi.text(TRY).as_str(), pi.text(BAD).as_str()),
            ("", "b"),
            "{health:?}"
        );
        let listed = pi.chain().list().unwrap();
        let state = &listed.slots[1];
        assert_eq!((state.bad, state.tries_left, state.armed), (true, Some(0), false));
        assert_eq!(listed.fell_back.unwrap().from, Slot::B);
        // A switch gives it new starts.
        assert!(pi.chain().prefer(Slot::B).unwrap().retried);
        assert_eq!((pi.text(TRY).as_str(), pi.text(BAD).as_str()), ("b 3", ""));
        pi.restart();
        assert!(pi.run(BOTH_GOOD));
        assert_eq!(pi.preferred(), Slot::B);
    }
}

#[test]
fn once_is_once() {
    for health in [
        Health::Good,
        Health::Bad,
        Health::Silent,
        Health::Saved,
        Health::Early,
    ] {
        let mut pi = Pi::new();
        let done = pi.chain().once(Slot::B).unwrap();
        assert!(done.once && done.tried);
        assert_eq!((pi.text(TRY).as_str(), pi.text(FLAG).as_str()), ("b 0 once", "1"));
        assert!(pi.chain().list().unwrap().slots[1].armed);
        pi.restart();
        assert!(pi.run(b(health)));
        let good = health == Health::Good;
        assert_eq!(pi.running, if good { Slot::B } else { Slot::A }, "{health:?}");
        assert_eq!(
            (pi.preferred(), pi.starts[1], pi.text(BAD).as_str()),
            (Slot::A, 1, ""),
            "{health:?}"
        );
        assert_eq!(pi.text(TRY), "");
        pi.restart();
        assert!(pi.run(b(health)));
        assert_eq!((pi.running, pi.starts[1]), (Slot::A, 1), "{health:?}");
    }
    // Started without it, it is over.
    let mut pi = Pi::new();
    pi.chain().once(Slot::B).unwrap();
    pi.cut_power();
    assert!(pi.run(BOTH_GOOD));
    assert_eq!(
        (pi.running, pi.text(TRY).as_str(), pi.starts[1]),
        (Slot::A, "", 0)
    );
}

#[test]
fn the_preferred_slot_withdraws_a_try() {
    let pi = Pi::new();
    pi.chain().prefer(Slot::B).unwrap();
    let done = pi.chain().prefer(Slot::A).unwrap();
    assert_eq!(
        done.show(),
        "Slot A starts from the next start on. Restart with: systemctl reboot\n"
    );
    assert_eq!((pi.text(TRY).as_str(), pi.text(FLAG).as_str()), ("", "0"));
    assert!(!pi.chain().once(Slot::A).unwrap().once);
}

#[test]
fn a_try_that_was_not_seen_is_forgiven_once_in_a_row() {
    let mut pi = Pi::new();
    pi.chain().prefer(Slot::B).unwrap();
    pi.cut_power();
    // The firmware never takes the order, and no shutdown is recorded.
    let mut lefts = Vec::new();
    loop {
        pi.start();
        pi.note_start();
        let again = pi.settle();
        lefts.push(pi.text(TRY));
        if !again {
            break;
        }
        pi.cut_power();
    }
    assert_eq!(lefts, ["b 3 again", "b 2", "b 2 again", "b 1", "b 1 again", ""]);
    assert_eq!((pi.text(BAD).as_str(), pi.starts), ("b", [7, 0]));
}

#[test]
fn a_good_slot_that_could_not_be_preferred_is_preferred_later() {
    let mut pi = Pi::new();
    pi.chain().prefer(Slot::B).unwrap();
    pi.restart();
    pi.start();
    pi.note_start();
    assert!(!pi.settle());
    let error = with_text(&pi, &TEXT.replace("[all]", "[pi4]"), |pi| {
        pi.chain().good().unwrap_err()
    });
    assert!(
        error.to_string().contains(
            "autoboot.txt is not as expected: a section [all] or [tryboot] expected, found \"[pi4]\"; \
             what the firmware of this Raspberry Pi starts is unclear; try: give the file these lines, with which slot B starts: \
             [all], tryboot_a_b=1, boot_partition=3, [tryboot], boot_partition=2"
        ),
        "{error}"
    );
    pi.found_good();
    pi.restart();
    assert!(pi.run(BOTH_GOOD));
    // The old slot makes up for it, and stays until the next restart.
    assert_eq!(
        (pi.running, pi.preferred(), pi.text(TRY).as_str()),
        (Slot::A, Slot::B, "")
    );
    assert_eq!(pi.starts, [2, 1]);
}

fn with_text<T>(pi: &Pi, text: &str, act: impl FnOnce(&Pi) -> T) -> T {
    let before = pi.files.text(AUTOBOOT).unwrap();
    pi.write(AUTOBOOT, text.as_bytes());
    let done = act(pi);
    assert_eq!(
        pi.files.text(AUTOBOOT).unwrap(),
        text,
        "what is not understood is not rewritten"
    );
    pi.write(AUTOBOOT, before.as_bytes());
    done
}

#[test]
fn comments_survive_a_rewrite() {
    let mut pi = Pi::new();
    let text = format!("# mine\n{TEXT}");
    pi.write(AUTOBOOT, text.as_bytes());
    pi.chain().prefer(Slot::B).unwrap();
    pi.restart();
    assert!(pi.run(BOTH_GOOD));
    let swapped = text.replace("=2", "=x").replace("=3", "=2").replace("=x", "=3");
    assert_eq!(pi.files.text(AUTOBOOT).unwrap(), swapped);
}

#[test]
fn without_the_kernel_module_nothing_is_ordered() {
    let pi = Pi::new();
    fs::remove_file(pi.files.path(FLAG)).unwrap();
    let message = pi.chain().prefer(Slot::B).unwrap_err().to_string();
    assert!(
        message.ends_with("sigmavault_tryboot/flag); try: modprobe sigmavault_tryboot, then again"),
        "{message}"
    );
    assert_eq!(pi.text(TRY), "");
    // An order that the firmware refuses leaves no record either.
    fs::create_dir(pi.files.path(FLAG)).unwrap();
    assert!(matches!(pi.chain().once(Slot::B), Err(ChainError::Flag { .. })));
    assert_eq!(pi.text(TRY), "");
}

/// Cuts the power after each step of an order, and lets the machine start again.
fn cut_each(
    prepare: impl Fn() -> Pi,
    steps: impl Fn(&Tryboot) -> Vec<Step>,
    health: impl Fn(Slot) -> Health,
    judge: impl Fn(usize, &Pi),
) {
    let whole = steps(&prepare().chain().state().unwrap()).len();
    assert!(whole > 1);
    for done in 0..=whole {
        let mut pi = prepare();
        let state = pi.chain().state().unwrap();
        pi.chain().carry_out(&state, &steps(&state)[..done]).unwrap();
        pi.cut_power();
        assert!(pi.run(&health), "after {done} steps");
        judge(done, &pi);
    }
}

#[test]
fn a_power_cut_during_a_switch_leaves_the_old_slot_or_the_new_one() {
    let given_up = || {
        let pi = Pi::new();
        pi.write(BAD, b"b\n");
        pi
    };
    let steps = |state: &Tryboot| plan::switch(state, Slot::B, false);
    cut_each(given_up, steps, BOTH_GOOD, |done, pi| {
        let expected = if done == 0 { (Slot::A, "b") } else { (Slot::B, "") };
        assert_eq!(
            (pi.preferred(), pi.text(BAD).as_str()),
            expected,
            "after {done} steps"
        );
        assert_eq!((pi.running, pi.text(TRY).as_str()), (expected.0, ""));
    });
    cut_each(given_up, steps, b(Health::Early), |done, pi| {
        assert_eq!(
            (pi.running, pi.preferred()),
            (Slot::A, Slot::A),
            "after {done} steps"
        );
        assert_eq!((pi.text(BAD).as_str(), pi.text(TRY).as_str()), ("b", ""));
    });
    // Back to the preferred slot.
    let armed = || {
        let pi = Pi::new();
        pi.chain().prefer(Slot::B).unwrap();
        pi
    };
    cut_each(
        armed,
        |state| plan::switch(state, Slot::A, false),
        BOTH_GOOD,
        |done, pi| {
            let expected = if done == 0 { Slot::B } else { Slot::A };
            assert_eq!(
                (pi.preferred(), pi.running),
                (expected, expected),
                "after {done} steps"
            );
        },
    );
}

#[test]
fn a_power_cut_after_a_good_start_loses_nothing() {
    let tried = || {
        let mut pi = Pi::new();
        pi.write(BAD, b"b\n");
        pi.chain().prefer(Slot::B).unwrap();
        pi.restart();
        assert!(pi.start());
        pi.note_start();
        assert!(!pi.settle());
        // Somebody ordered it once more: after the rewrite the flag would mean slot A.
        pi.write(FLAG, b"1\n");
        pi.write(BAD, b"b\n");
        pi
    };
    cut_each(tried, plan::good, BOTH_GOOD, |done, pi| {
        assert_eq!(
            (pi.preferred(), pi.running),
            (Slot::B, Slot::B),
            "after {done} steps"
        );
        assert_eq!(
            (pi.text(TRY).as_str(), pi.text(BAD).as_str()),
            ("", ""),
            "after {done} steps"
        );
        // Before the rewrite the old slot starts, and tries the new one again.
        assert_eq!(pi.starts[0], if done < 2 { 2 } else { 1 }, "after {done} steps");
    });
}

#[test]
fn a_power_cut_while_a_try_is_settled_repeats_that() {
    let returned = |left: &'static str| {
        move || {
            let mut pi = Pi::new();
            pi.write(TRY, left.as_bytes());
            pi.start();
            pi.note_start();
            pi
        }
    };
    let settled = |left, seen| {
        move |state: &Tryboot| {
            let slot = Slot::B;
            let went = crate::chain::Went::Failed { left, seen };
            plan::settle(
                state,
                &EarlierTry {
                    slot,
                    once: false,
                    went,
                },
            )
        }
    };
    let seen = crate::chain::Seen::Records;
    cut_each(returned("b 2\n"), settled(1, seen), BOTH_GOOD, |_, pi| {
        assert_eq!((pi.preferred(), pi.text(TRY).as_str()), (Slot::B, ""));
    });
    cut_each(returned("b 1\n"), settled(0, seen), b(Health::Silent), |_, pi| {
        assert_eq!(
            (pi.preferred(), pi.text(BAD).as_str(), pi.text(TRY).as_str()),
            (Slot::A, "b", "")
        );
    });
}

/// What happens to a machine.
#[derive(Debug, Clone, Copy)]
enum Event {
    Switch(Slot),
    Once(Slot),
    Restart,
    PowerCut,
    /// Steps of a switch, and then a power cut.
    CutSwitch(Slot, usize),
}

fn events() -> impl Strategy<Value = Vec<(Event, Health)>> {
    let slot = prop_oneof![Just(Slot::A), Just(Slot::B)];
    let event = prop_oneof![
        slot.clone().prop_map(Event::Switch),
        slot.clone().prop_map(Event::Once),
        Just(Event::Restart),
        Just(Event::PowerCut),
        (slot, 0..4_usize).prop_map(|(slot, steps)| Event::CutSwitch(slot, steps)),
    ];
    let health = prop_oneof![
        Just(Health::Good),
        Just(Health::Bad),
        Just(Health::Silent),
        Just(Health::Saved),
        Just(Health::Early),
    ];
    proptest::collection::vec((event, health), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The preferred slot always starts; the other one goes as it likes.
    #[test]
    fn the_machine_always_comes_up(events in events()) {
        let mut pi = Pi::new();
        let mut proven = [true, false];
        for (event, health) in events {
            let preferred = pi.preferred();
            match event {
                Event::Switch(slot) => { pi.chain().prefer(slot).unwrap(); }
                Event::Once(slot) => { pi.chain().once(slot).unwrap(); }
                Event::Restart => pi.restart(),
                Event::PowerCut => pi.cut_power(),
                Event::CutSwitch(slot, steps) => {
                    let state = pi.chain().state().unwrap();
                    let plan = plan::switch(&state, slot, false);
                    pi.chain().carry_out(&state, &plan[..steps.min(plan.len())]).unwrap();
                    pi.cut_power();
                }
            }
            let starts = pi.starts;
            if matches!(event, Event::Switch(_) | Event::Once(_)) {
                continue;
            }
            let went = |slot| if slot == preferred { Health::Good } else { health };
            prop_assert!(pi.run(went));
            // Only a slot that had a good start becomes the preferred one, and one that fails starts at most three times.
            let tried = preferred.other() as usize;
            let tries = pi.starts[tried] - starts[tried];
            proven[tried] |= tries > 0 && health == Health::Good;
            prop_assert!(proven[pi.preferred() as usize]);
            prop_assert!(tries <= 3);
            if health != Health::Good {
                prop_assert_eq!(pi.running, preferred);
                prop_assert_eq!(pi.text(TRY), "");
            }
        }
    }
}
