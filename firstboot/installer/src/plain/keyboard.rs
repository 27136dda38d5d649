//! The questions about the keyboard.

use super::console::Console;
use super::error::PlainError;
use crate::answers::{Keyboard, XkbLayout};
use crate::draft::Draft;
use crate::keyboard::{KnownLetters, LATIN, Letters, SWITCH};

/// Asks for a layout, and for a second one when it lacks letters of a to z. `set` makes them the console's and tells
/// which letters they give.
pub(super) fn ask(
    draft: &mut Draft,
    set: &dyn Fn(&Keyboard) -> KnownLetters,
    console: &mut Console,
) -> Result<(), PlainError> {
    let proposed = draft.proposed_layout();
    loop {
        let layout = layout("Keyboard layout", &proposed, draft, console)?;
        draft.answers.keyboard = Keyboard {
            layout: layout.layout.clone(),
            variant: layout.variant.clone(),
            latin: None,
        };
        match learn(&layout, draft, set) {
            Some(Letters::Unusable(reason)) => {
                console.say(&format!("The console cannot use '{layout}': {reason}"))?;
            }
            Some(Letters::Other) => return latin(&layout, draft, set, console),
            Some(Letters::Latin) | None => return Ok(()),
        }
    }
}

/// Asks for the layout that gives the letters a to z.
fn latin(
    national: &XkbLayout,
    draft: &mut Draft,
    set: &dyn Fn(&Keyboard) -> KnownLetters,
    console: &mut Console,
) -> Result<(), PlainError> {
    console.say(&format!(
        "'{national}' lacks letters of a to z, which user names, passwords and commands need. A second layout gives \
         them: it is in use at first, and {SWITCH} switches between both, also where the passphrase is typed."
    ))?;
    loop {
        let proposed = XkbLayout::new(LATIN, None);
        let latin = layout("Layout for these letters", &proposed, draft, console)?;
        draft.answers.keyboard.latin = Some(latin.clone());
        match learn(&latin, draft, set) {
            Some(Letters::Unusable(reason)) => {
                console.say(&format!("The console cannot use '{latin}': {reason}"))?;
            }
            Some(Letters::Other) => console.say(&format!("'{latin}' lacks letters of a to z."))?,
            Some(Letters::Latin) | None => return Ok(()),
        }
    }
}

/// Sets the console's keys; the letters of this layout.
fn learn(layout: &XkbLayout, draft: &mut Draft, set: &dyn Fn(&Keyboard) -> KnownLetters) -> Option<Letters> {
    let letters = set(&draft.answers.keyboard);
    draft.machine.letters.add(letters);
    draft.answers.keyboard = draft.machine.letters.completed(&draft.answers.keyboard);
    draft.machine.letters.of(layout).cloned()
}

/// Asks for a layout and, where it has several, for its variant.
fn layout(
    question: &str,
    proposed: &XkbLayout,
    draft: &Draft,
    console: &mut Console,
) -> Result<XkbLayout, PlainError> {
    let known = &draft.machine.keyboards;
    let names: Vec<String> = known.iter().map(|layout| layout.name.clone()).collect();
    let layout = console.pick(question, &names, &proposed.layout)?;
    let found = known.iter().find(|known| known.name == layout);
    let mut variants: Vec<String> = found
        .iter()
        .flat_map(|layout| &layout.variants)
        .map(|(name, _)| name.clone())
        .collect();
    if variants.is_empty() {
        return Ok(XkbLayout {
            layout,
            variant: None,
        });
    }
    variants.insert(0, NONE.to_owned());
    let proposed = proposed.variant.as_deref().filter(|_| layout == proposed.layout);
    let variant = console.pick("Keyboard variant", &variants, proposed.unwrap_or(NONE))?;
    Ok(XkbLayout {
        layout,
        variant: (variant != NONE).then_some(variant),
    })
}

/// What is said for the standard variant.
const NONE: &str = "none";
