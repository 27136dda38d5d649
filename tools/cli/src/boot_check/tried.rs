//! Tries of the other slot that ended before this boot.

use std::time::Duration;

use sigmavault_facts::time::timestamp;
use sigmavault_host as host;
use sigmavault_host::run::Run;
use sigmavault_types::slots::BootFailure;

use super::machine::Machine;
use super::{history, notice};
use crate::chain::{BootChain, Earlier, EarlierTry, Seen, Went};

/// Settles how a try went. If the slot is tried again, the machine restarts: returns what was said about that.
pub fn settle(
    machine: &Machine<'_>,
    chain: &dyn BootChain,
    earlier: &Earlier,
    time: Duration,
) -> Option<String> {
    let tried = match chain.earlier_try(earlier) {
        Ok(tried) => tried?,
        Err(error) => {
            (machine.note)(&format!("whether a slot was tried is not known: {error}"));
            return None;
        }
    };
    if let Err(error) = tell(machine, &tried) {
        (machine.note)(&format!("the reason is not recorded: {error}"));
    }
    if let Err(error) = chain.settle(&tried) {
        (machine.note)(&format!("the try of the other slot is not settled: {error}"));
        return None;
    }
    let said = sentence(&tried);
    if !tried.goes_on() {
        (machine.note)(&said);
        return None;
    }
    let next = format!(
        "{said}\nThe machine restarts in {} seconds to try it. To stay here: systemctl stop sigmavault-boot-check.service; \
         sigmavault slots switch {}",
        time.as_secs(),
        tried.slot.other().name(),
    );
    notice::everywhere(machine.files, machine.run, &format!("SigmaVault: {next}"));
    (machine.sleep)(time);
    if let Err(error) = machine.run.succeed(&host::systemctl::reboot()) {
        (machine.note)(&format!("the machine does not restart: {error}"));
        return None;
    }
    Some(next)
}

/// Records why a try failed, if nobody else has.
fn tell(machine: &Machine<'_>, tried: &EarlierTry) -> Result<(), crate::durable::WriteError> {
    let reason = match tried.went {
        Went::Failed {
            seen: Seen::Nothing, ..
        } => {
            "nothing was heard of it after the restart: its kernel or its initrd failed early, or the firmware did not take the order"
        }
        Went::Failed {
            seen: Seen::Records, ..
        } if !history::is_told(machine.files, tried.slot) => "it was stopped before it was known to be good",
        _ => return Ok(()),
    };
    let failure = BootFailure {
        time: timestamp(machine.now),
        slot: tried.slot,
        reason: reason.to_owned(),
    };
    history::keep_failure(machine.files, &failure)
}

/// How a try went, for a person.
fn sentence(tried: &EarlierTry) -> String {
    let slot = tried.slot.letter();
    match tried.went {
        Went::Good => format!("Slot {slot} was good. It starts from the next start on."),
        Went::Failed { left: 1, .. } => format!("The start of slot {slot} failed. It has 1 start left."),
        Went::Failed { left, .. } if tried.goes_on() => {
            format!("The start of slot {slot} failed. It has {left} starts left.")
        }
        Went::Failed { .. } if tried.given_up() => {
            format!("Slot {slot} is given up: every start failed. See: sigmavault slots")
        }
        Went::Failed { .. } => format!("The start of slot {slot} failed. See: sigmavault slots"),
        Went::NotTried { .. } if tried.goes_on() => {
            format!("Slot {slot} was to be tried, and this machine was started without that.")
        }
        Went::NotTried { .. } => {
            format!(
                "Slot {slot} was to start once, and this machine was started without that. It is not tried any more."
            )
        }
    }
}

/// Whether the machine that stops now starts again, without the power going off.
pub fn is_restart(run: &dyn Run) -> bool {
    let jobs = run.text(&host::systemctl::list_jobs()).unwrap_or_default();
    jobs.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words.as_slice(), [_, "reboot.target", "start", _])
    })
}
