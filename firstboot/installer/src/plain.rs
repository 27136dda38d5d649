//! The same questions line by line, for screen readers and terminals that cannot move their cursor.

mod console;
mod error;
mod keyboard;
mod questions;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use console::Console;
pub use error::PlainError;

use crate::answers::{Action, Keyboard, Mode};
use crate::draft::{Draft, Place};
use crate::execute::Execute;
use crate::identity;
use crate::keyboard::KnownLetters;
use crate::machine::Machine;
use crate::plan::{Confirmation, InstallPlan};
use crate::recovery;
use crate::show;
use crate::unattended::carry_out;

/// How the person left the installer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Whether a system was installed.
    pub installed: bool,
    /// What the person wants to happen now.
    pub action: Action,
}

/// Asks, shows the plan, and carries it out once it is confirmed.
pub fn run(
    machine: Machine,
    execute: &Arc<dyn Execute>,
    keyboard: &dyn Fn(&Keyboard) -> KnownLetters,
    stop: &AtomicBool,
    console: &mut Console,
) -> Result<Left, PlainError> {
    let mut draft = Draft::new(machine);
    let reasons = draft.hopeless();
    if !reasons.is_empty() {
        return Err(PlainError::Hopeless(reasons.join("\n")));
    }
    let version = &draft.machine.source.version;
    console.say(&format!(
        "SigmaVault NAS OS {version}: {}\n\
         An empty line takes what stands in brackets. Nothing is written before the summary is confirmed.",
        match draft.mode() {
            Mode::Setup => draft.aim(),
            Mode::Erase | Mode::KeepData => "installation".to_owned(),
        }
    ))?;
    loop {
        for place in Place::ALL {
            if place.applies(&draft) {
                questions::ask(place, &mut draft, keyboard, console)?;
            }
        }
        let Some(plan) = summary(&mut draft, console)? else {
            if console.yes("Answer the questions again?", true)? {
                continue;
            }
            return Ok(Left {
                installed: false,
                action: Action::Wait,
            });
        };
        return finish(execute, &plan, stop, console);
    }
}

/// Shows the plan and waits for the confirmation; none when the person wants another plan.
fn summary(draft: &mut Draft, console: &mut Console) -> Result<Option<InstallPlan>, PlainError> {
    let plan = match draft.plan(Confirmation::Later) {
        Ok(plan) => plan,
        Err(refusals) => {
            console.say("This cannot be done:")?;
            for refusal in refusals {
                console.say(&format!("  {refusal}"))?;
            }
            return Ok(None);
        }
    };
    console.say("\nThis will be done:")?;
    for line in show::plan(&draft.machine, &plan) {
        console.say(&line.text)?;
    }
    let expected = identity::confirmation(&draft.machine, &plan.disk);
    let what = match plan.mode {
        Mode::Erase => format!("To ERASE {} and install", plan.disk.name),
        Mode::KeepData => format!("To rewrite the system on {}", plan.disk.name),
        Mode::Setup => {
            let begin = console.yes(&format!("Set {} up now?", plan.disk.name), false)?;
            return Ok(begin.then_some(plan));
        }
    };
    loop {
        let typed = console.ask(&format!("{what}, type {expected} (an empty line goes back)"), "")?;
        if typed.is_empty() {
            return Ok(None);
        }
        if identity::confirms(&typed, &draft.machine, &plan.disk) {
            draft.answers.system.confirm = Some(typed);
            break;
        }
        console.say(&format!("That is not {expected}. Nothing was done."))?;
    }
    match draft.plan(Confirmation::Typed) {
        Ok(plan) => Ok(Some(plan)),
        Err(refusals) => {
            for refusal in refusals {
                console.say(&refusal.to_string())?;
            }
            Ok(None)
        }
    }
}

fn finish(
    execute: &Arc<dyn Execute>,
    plan: &InstallPlan,
    stop: &AtomicBool,
    console: &mut Console,
) -> Result<Left, PlainError> {
    (console.busy)(true);
    let result = carry_out(execute, plan, stop, console.output);
    (console.busy)(false);
    let result = result?;
    let installed = result.is_ok();
    match result {
        Err(error) => console.say(&format!("Not installed: {error}"))?,
        Ok(outcome) => {
            for note in &outcome.notes {
                console.say(&format!("Note: {note}"))?;
            }
            let what = match plan.mode {
                Mode::Erase | Mode::KeepData => "installed",
                Mode::Setup => "set up",
            };
            console.say(&format!(
                "SigmaVault NAS OS {} is {what} on {}.",
                plan.source.version, plan.disk.name
            ))?;
            if let Some(key) = outcome.recovery_key {
                console.say(&format!(
                    "Recovery key: {key}\nIt opens the encrypted part of the disk when the passphrase is lost. \
                     Write it down now: it is shown only here and kept nowhere else."
                ))?;
            }
            if let Some(key) = outcome.pool_key {
                console.say(&recovery::about_pool(&key))?;
                console.say("Write it down now: it is shown only here.")?;
            }
        }
    }
    let options = ["leave the installer", "restart", "switch off"].map(str::to_owned);
    // The system that was set up starts from the same disk: there is nothing to take out first.
    let proposed = usize::from(plan.mode == Mode::Setup && installed);
    let action = match console.choose("What now?", &options, proposed) {
        Ok(1) => Action::Reboot,
        Ok(2) => Action::Poweroff,
        Ok(_) | Err(PlainError::Ended) => Action::Wait,
        Err(error) => return Err(error),
    };
    Ok(Left { installed, action })
}
