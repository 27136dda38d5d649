//! Language, keyboard and time zone; with network and user they are the settings.

use super::install::Settings;
use super::refusal::Refusal;
use super::{network, user};
use crate::answers::{Answers, Keyboard, XkbLayout};
use crate::keyboard::{self, Letters};
use crate::machine::Machine;
use crate::nearest::hint;

/// The settings, if there is a user. Refusals are added to the list.
pub(super) fn plan(answers: &Answers, machine: &Machine, refusals: &mut Vec<Refusal>) -> Option<Settings> {
    check(answers, Some(machine), refusals);
    Some(Settings {
        language: answers.language.clone(),
        keyboard: machine.letters.completed(&answers.keyboard),
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
    }
    keyboard(&answers.keyboard, machine, &mut check);
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

fn keyboard(wanted: &Keyboard, machine: Option<&Machine>, check: &mut impl FnMut(&str, Result<(), String>)) {
    let national = keyboard::national(wanted);
    layout("keyboard", &national, machine, check);
    let Some(latin) = &wanted.latin else { return };
    if *latin == national {
        let reason = "is the same layout as keyboard.layout: leave keyboard.latin out, or name another one";
        return check("keyboard.latin.layout", Err(reason.to_owned()));
    }
    layout("keyboard.latin", latin, machine, check);
    if machine.and_then(|machine| machine.letters.of(latin)) == Some(&Letters::Other) {
        let reason = format!("layout '{latin}' lacks letters of a to z; 'us' has all of them");
        check("keyboard.latin.layout", Err(reason));
    }
}

/// Whether a layout and its variant exist, and the console can use them.
fn layout(
    key: &str,
    wanted: &XkbLayout,
    machine: Option<&Machine>,
    check: &mut impl FnMut(&str, Result<(), String>),
) {
    let (layout_key, variant_key) = (format!("{key}.layout"), format!("{key}.variant"));
    let name = &wanted.layout;
    if !is_name(name) {
        let reason = format!(
            "'{name}' is not the name of one layout, such as 'us'; a second layout is named by keyboard.latin"
        );
        return check(&layout_key, Err(reason));
    }
    if let Some(variant) = wanted.variant.as_ref().filter(|variant| !is_name(variant)) {
        let reason = format!("'{variant}' is not the name of a variant, such as 'nodeadkeys'");
        return check(&variant_key, Err(reason));
    }
    let Some(machine) = machine.filter(|machine| !machine.keyboards.is_empty()) else {
        return;
    };
    let Some(layout) = machine.keyboards.iter().find(|layout| layout.name == *name) else {
        let near = hint(name, machine.keyboards.iter().map(|layout| layout.name.as_str()));
        return check(&layout_key, Err(format!("there is no layout '{name}'{near}")));
    };
    if let Some(variant) = &wanted.variant
        && !layout.variants.iter().any(|(name, _)| name == variant)
    {
        let near = hint(variant, layout.variants.iter().map(|(name, _)| name.as_str()));
        let reason = format!("layout '{name}' has no variant '{variant}'{near}");
        return check(&variant_key, Err(reason));
    }
    if let Some(Letters::Unusable(reason)) = machine.letters.of(wanted) {
        let reason = format!("the console cannot use layout '{wanted}': {reason}");
        check(&layout_key, Err(reason));
    }
}

/// Whether this can be a name: it is written into a file that a shell reads.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.bytes().all(allowed)
}
