//! Language, keyboard and time zone; with network and user they are the settings.

use super::install::Settings;
use super::refusal::Refusal;
use super::{network, user};
use crate::answers::{Answers, Keyboard};
use crate::machine::Machine;
use crate::nearest::hint;

/// The settings, if there is a user. Refusals are added to the list.
pub(super) fn plan(answers: &Answers, machine: &Machine, refusals: &mut Vec<Refusal>) -> Option<Settings> {
    check(answers, Some(machine), refusals);
    Some(Settings {
        language: answers.language.clone(),
        keyboard: answers.keyboard.clone(),
        timezone: answers.timezone.clone(),
        network: answers.network.clone(),
        user: answers.user.clone()?,
    })
}

/// What stands against the settings: on this machine, or on any.
pub(super) fn check(answers: &Answers, machine: Option<&Machine>, refusals: &mut Vec<Refusal>) {
    let mut check = |key: &str, result: Result<(), String>| {
        if let Err(reason) = result {
            refusals.push(Refusal::answer(key, reason));
        }
    };
    if let Some(machine) = machine {
        check(
            "language",
            known("locale", &answers.language, &machine.locales, &["C.UTF-8"]),
        );
        check(
            "timezone",
            known(
                "time zone",
                &answers.timezone,
                &machine.timezones,
                &["Etc/UTC", "UTC"],
            ),
        );
        keyboard(&answers.keyboard, machine, &mut check);
    }
    network::check(&answers.network, machine, &mut check);
    match &answers.user {
        Some(wanted) => user::check(wanted, machine, &mut check),
        None => check(
            "user",
            Err("is missing: the system needs an administrator".to_owned()),
        ),
    }
}

/// Whether the image has this name; an empty list means that it is unknown which names it has.
fn known(what: &str, name: &str, names: &[String], always: &[&str]) -> Result<(), String> {
    if names.is_empty() || always.contains(&name) || names.iter().any(|known| known == name) {
        return Ok(());
    }
    let near = hint(
        name,
        names.iter().map(String::as_str).chain(always.iter().copied()),
    );
    Err(format!("the system has no {what} '{name}'{near}"))
}

fn keyboard(wanted: &Keyboard, machine: &Machine, check: &mut impl FnMut(&str, Result<(), String>)) {
    if machine.keyboards.is_empty() {
        return;
    }
    let Some(layout) = machine
        .keyboards
        .iter()
        .find(|layout| layout.name == wanted.layout)
    else {
        let near = hint(
            &wanted.layout,
            machine.keyboards.iter().map(|layout| layout.name.as_str()),
        );
        return check(
            "keyboard.layout",
            Err(format!("there is no layout '{}'{near}", wanted.layout)),
        );
    };
    if let Some(variant) = &wanted.variant
        && !layout.variants.iter().any(|(name, _)| name == variant)
    {
        let near = hint(variant, layout.variants.iter().map(|(name, _)| name.as_str()));
        check(
            "keyboard.variant",
            Err(format!(
                "layout '{}' has no variant '{variant}'{near}",
                layout.name
            )),
        );
    }
}
