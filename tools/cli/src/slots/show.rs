//! The slots for a person.

use sigmavault_facts::show::{Sheet, Style, size};
use sigmavault_types::slots::{FallBack, Slots};

/// The slots for a person.
pub fn show(slots: &Slots) -> String {
    render(slots, Style::of_stdout())
}

fn render(slots: &Slots, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    // A try comes before everything else, and a slot without tries starts only if there is no other.
    let next = slots
        .slots
        .iter()
        .max_by_key(|state| (state.armed, !state.bad, state.preferred));
    let next = next.map(|state| state.slot);
    for state in &slots.slots {
        let name = format!("Slot {}", state.slot.letter());
        let version = state.version.as_deref().unwrap_or("of unknown version");
        let mut facts = vec![version.to_owned()];
        if state.running {
            facts.push("runs now".into());
        }
        if state.armed {
            facts.push("is tried at the next restart".into());
        } else if next == Some(state.slot) {
            facts.push("starts next".into());
        }
        facts.extend(state.bytes.map(size));
        sheet.line(&name, &facts.join(", "));
        match (state.tries_left, state.tries_done) {
            _ if state.bytes.is_none() => sheet.line("", &style.bad("its kernel image is missing")),
            (Some(0), _) => sheet.line("", &style.bad("bad: every start failed")),
            (Some(left), done) => sheet.line("", &format!("{} to prove itself", tries(left, done))),
            (None, _) => sheet.line("", &style.good("good")),
        }
    }
    if let Some(fell_back) = &slots.fell_back {
        sheet.line("Note", &style.bad(&fall_back(fell_back)));
    }
    let rows = slots.failures.iter().map(|failure| {
        vec![
            failure.time.clone(),
            failure.slot.letter().to_owned(),
            failure.reason.clone(),
        ]
    });
    sheet.table("Failed", &rows.collect::<Vec<_>>());
    sheet.finish()
}

fn tries(left: u32, done: Option<u32>) -> String {
    let all = done.and_then(|done| left.checked_add(done));
    match (left, all) {
        (_, Some(all)) => format!("{left} of {all} starts left"),
        (1, None) => "1 start left".to_owned(),
        (_, None) => format!("{left} starts left"),
    }
}

/// One sentence on why the preferred slot does not run.
pub fn fall_back(fell_back: &FallBack) -> String {
    let time = fell_back
        .time
        .as_ref()
        .map_or_else(String::new, |time| format!(" ({time})"));
    format!(
        "fell back from slot {}: {}{time}",
        fell_back.from.letter(),
        fell_back.reason
    )
}

#[cfg(test)]
mod tests {
    use sigmavault_types::slots::{BootFailure, Slot, SlotState};

    use super::*;

    fn state(slot: Slot, preferred: bool, tries: Option<(u32, u32)>) -> SlotState {
        SlotState {
            slot,
            version: Some("0.1.0".into()),
            preferred,
            running: slot == Slot::A,
            tries_left: tries.map(|tries| tries.0),
            tries_done: tries.map(|tries| tries.1),
            bad: tries.is_some_and(|tries| tries.0 == 0),
            bytes: Some(80 << 20),
            armed: false,
        }
    }

    #[test]
    fn a_slot_that_proves_itself() {
        let slots = Slots {
            running: Some(Slot::A),
            slots: vec![state(Slot::A, true, Some((2, 1))), state(Slot::B, false, None)],
            fell_back: None,
            failures: Vec::new(),
        };
        assert_eq!(
            render(&slots, Style { colour: false }),
            "Slot A      0.1.0, runs now, starts next, 80 MiB\n            \
             2 of 3 starts left to prove itself\n\
             Slot B      0.1.0, 80 MiB\n            good\n"
        );
    }

    #[test]
    fn a_slot_that_is_tried_next() {
        let mut slots = Slots {
            running: Some(Slot::A),
            slots: vec![state(Slot::A, true, None), state(Slot::B, false, Some((2, 1)))],
            fell_back: None,
            failures: Vec::new(),
        };
        slots.slots[1].armed = true;
        assert_eq!(
            render(&slots, Style { colour: false }),
            "Slot A      0.1.0, runs now, 80 MiB\n            good\n\
             Slot B      0.1.0, is tried at the next restart, 80 MiB\n            \
             2 of 3 starts left to prove itself\n"
        );
    }

    #[test]
    fn a_slot_that_was_given_up() {
        let mut slots = Slots {
            running: Some(Slot::A),
            slots: vec![state(Slot::A, false, None), state(Slot::B, true, Some((0, 3)))],
            fell_back: Some(FallBack {
                from: Slot::B,
                time: None,
                reason: "no reason was kept".into(),
            }),
            failures: vec![BootFailure {
                time: "2026-11-20T10:00:00Z".into(),
                slot: Slot::A,
                reason: "pool tank is not imported".into(),
            }],
        };
        slots.slots[0].bytes = None;
        assert_eq!(
            render(&slots, Style { colour: false }),
            "Slot A      0.1.0, runs now, starts next\n            its kernel image is missing\n\
             Slot B      0.1.0, 80 MiB\n            bad: every start failed\n\
             Note        fell back from slot B: no reason was kept\n\
             Failed      2026-11-20T10:00:00Z  A  pool tank is not imported\n"
        );
    }
}
