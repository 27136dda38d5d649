//! What is written in which order. Each step is whole or not there after a power cut, and the machine starts one of its two
//! slots after every one of them: before `autoboot.txt` is rewritten the old one, from then on the new one.
//!
//! A power cut also clears the one-shot flag, so that a cut after the flag was set costs one start of the old slot, which finds
//! the record of the try and orders it anew.

use sigmavault_facts::slots::TRIES;
use sigmavault_facts::slots::tryboot::Tryboot;
use sigmavault_facts::slots::tryboot::attempt::Attempt;
use sigmavault_types::slots::Slot;

use crate::chain::boot_chain::{Earlier, EarlierTry, Seen, Went};

/// One write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Records that a slot has to prove itself.
    Attempt(Attempt),
    /// Removes that record.
    NoAttempt,
    /// Records that a slot was given up.
    Bad(Slot),
    /// Removes that record.
    NotBad,
    /// Makes a slot the preferred one.
    Prefer(Slot),
    /// Sets or clears the one-shot flag.
    Flag(bool),
}

/// Has a slot start: the preferred one as it is, the other one as a try.
pub fn switch(state: &Tryboot, slot: Slot, once: bool) -> Vec<Step> {
    if slot == state.preferred() {
        let mut steps = Vec::new();
        steps.extend(state.attempt.map(|_| Step::NoAttempt));
        steps.extend(state.flag.then_some(Step::Flag(false)));
        return steps;
    }
    let attempt = if once {
        Attempt::once(slot)
    } else {
        Attempt::new(slot, TRIES)
    };
    let mut steps = vec![Step::Attempt(attempt)];
    if !once && state.bad == Some(slot) {
        steps.push(Step::NotBad);
    }
    steps.push(Step::Flag(true));
    steps
}

/// The start that runs was good.
pub fn good(state: &Tryboot) -> Vec<Step> {
    let Some(running) = state.running else {
        return Vec::new();
    };
    let attempt = state.attempt.filter(|attempt| attempt.slot == running);
    let mut steps = Vec::new();
    if attempt.is_some_and(|attempt| !attempt.once) {
        steps.extend(prefer(state, running));
    }
    if state.bad == Some(running) {
        steps.push(Step::NotBad);
    }
    steps.extend(attempt.map(|_| Step::NoAttempt));
    steps
}

/// Makes a slot the preferred one, if it is not. The flag would then mean the other one.
fn prefer(state: &Tryboot, slot: Slot) -> Vec<Step> {
    let mut steps = Vec::new();
    if state.preferred() != slot {
        steps.extend(state.flag.then_some(Step::Flag(false)));
        steps.push(Step::Prefer(slot));
    }
    steps
}

/// How a try went that ended before the start that runs.
pub fn earlier(state: &Tryboot, earlier: &Earlier) -> Option<EarlierTry> {
    let attempt = state.attempt?;
    let slot = attempt.slot;
    // While it runs, the health check decides.
    if state.running? == slot || state.preferred() == slot {
        return None;
    }
    let failed = |seen| Went::Failed {
        left: attempt.left.saturating_sub(1),
        seen,
    };
    let went = if earlier.previous == Some(slot) && earlier.good {
        Went::Good
    } else if earlier.previous == Some(slot) || earlier.failed.contains(&slot) {
        failed(Seen::Records)
    } else if earlier.handed_over || attempt.again {
        failed(Seen::Nothing)
    } else {
        Went::NotTried { left: attempt.left }
    };
    Some(EarlierTry {
        slot,
        once: attempt.once,
        went,
    })
}

/// Writes down how a try went.
pub fn settle(state: &Tryboot, earlier: &EarlierTry) -> Vec<Step> {
    let slot = earlier.slot;
    match earlier.went {
        Went::Good if !earlier.once => {
            let mut steps = prefer(state, slot);
            steps.extend((state.bad == Some(slot)).then_some(Step::NotBad));
            steps.push(Step::NoAttempt);
            steps
        }
        Went::Failed { left, .. } if earlier.goes_on() => {
            vec![Step::Attempt(Attempt::new(slot, left)), Step::Flag(true)]
        }
        Went::NotTried { left } if earlier.goes_on() => vec![
            Step::Attempt(Attempt {
                again: true,
                ..Attempt::new(slot, left)
            }),
            Step::Flag(true),
        ],
        _ if earlier.given_up() => vec![Step::Bad(slot), Step::NoAttempt],
        _ => vec![Step::NoAttempt],
    }
}
