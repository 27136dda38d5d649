//! `sigmavault boot-check`: whether this boot is good.
//!
//! The boot loader gives a new slot three starts. `boot-complete.target` waits for a good check, and with it
//! systemd-bless-boot.service, which removes the counter. After a bad check the machine restarts, and once no starts are
//! left, the other slot runs. The reason is recorded and shown by `sigmavault status`.
//!
//! The firmware of a Raspberry Pi counts nothing and returns to the preferred slot after every try: the check in that slot
//! settles how the try went, and orders the next one. A good check of the tried slot makes it the preferred one.
//!
//! - [`settings`]: the criteria of a good boot
//! - [`health`]: applying them
//! - [`history`]: records of boots
//! - [`tried`]: tries of the other slot that ended before this boot
//! - [`notice`]: messages on the consoles
//! - [`machine`]: the machine that is checked

mod health;
mod history;
mod machine;
mod notice;
mod settings;
mod tried;

use std::time::Duration;

use sigmavault_facts::Files;
use sigmavault_facts::slots;
use sigmavault_facts::time::timestamp;
use sigmavault_host as host;
use sigmavault_types::slots::{BOOT_FOLDER, BootFailure, Slot};

use crate::chain::{self, AfterBad, BootChain, Earlier, Staying};
use crate::durable::{self, WriteError};
use crate::factory_reset;
use crate::systemctl;

use self::settings::Settings;

pub use machine::Machine;
pub use settings::api;

/// Units that restart the machine.
const STOP: &str =
    "sigmavault-boot-check.service sigmavault-boot-deadline.timer sigmavault-boot-deadline.service";

/// Time between two checks.
const PAUSE: Duration = Duration::from_secs(2);

/// A boot that is bad or cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum BootCheckError {
    /// This is not an installed system.
    #[error("this system runs from a live medium: there is no boot to check; try: sigmavault status")]
    Live,
    /// The boot is bad.
    #[error("this boot is bad: {reason}\n{next}")]
    Bad {
        /// What is wrong.
        reason: String,
        /// What happens next, and what to do.
        next: String,
    },
    /// The machine restarts to try the other slot again.
    #[error("{0}")]
    TryAgain(String),
    /// A record could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Checks this boot until it is good or the time is up, and acts on the result.
pub fn check(machine: &Machine<'_>) -> Result<String, BootCheckError> {
    let files = machine.files;
    if slots::is_live(files) {
        return Err(BootCheckError::Live);
    }
    let (settings, notes) = Settings::load(files);
    for note in &notes {
        (machine.note)(note);
    }
    let slot = slots::running(files);
    let chain = chain::of(files, machine.run);
    let mut earlier = history::earlier(files, &[]);
    if let Err(error) = before(machine, &mut earlier) {
        (machine.note)(&format!("earlier failures are not collected: {error}"));
    }
    if let Some(next) = tried::settle(machine, chain.as_ref(), &earlier, settings.notice()) {
        return Err(BootCheckError::TryAgain(next));
    }
    let problems = wait(machine, &settings);
    if problems.is_empty() {
        return good(machine, chain.as_ref(), slot);
    }
    Err(bad(machine, slot, &problems.join("; "), settings.notice()))
}

/// Records the failures of earlier boots.
fn before(machine: &Machine<'_>, earlier: &mut Earlier) -> Result<(), WriteError> {
    durable::folder(&machine.files.path(BOOT_FOLDER))?;
    *earlier = history::earlier(machine.files, &history::collect(machine.files)?);
    if let Some((boot, failure)) = history::silent_failure(machine.files, machine.run) {
        history::keep_failure(machine.files, &failure)?;
        history::explain(machine.files, &boot)?;
    }
    Ok(())
}

/// The problems that remain when the time is up; returns early once there are none.
fn wait(machine: &Machine<'_>, settings: &Settings) -> Vec<String> {
    let start = (machine.monotonic)();
    loop {
        let problems = health::problems(machine.files, settings, machine.run, machine.alive);
        if problems.is_empty() || (machine.monotonic)().saturating_sub(start) >= settings.patience() {
            return problems;
        }
        (machine.sleep)(PAUSE);
    }
}

fn good(machine: &Machine<'_>, chain: &dyn BootChain, slot: Option<Slot>) -> Result<String, BootCheckError> {
    let files = machine.files;
    if let Err(error) = chain.good() {
        (machine.note)(&format!(
            "this boot is good, but the boot chain did not take that down: {error}"
        ));
    }
    history::record_pools(files, machine.run)?;
    if let Some(slot) = slot {
        history::record_good(files, &history::this_boot(files, slot, machine.now))?;
    }
    if let Err(error) = history::record_slots(files, chain, slot) {
        (machine.note)(&format!("the slots are not copied for services: {error}"));
    }
    durable::publish(&files.path(history::GOOD_MARK), b"")?;
    let letter = slot.map_or("unknown", Slot::letter);
    Ok(format!("This boot of slot {letter} is good.\n"))
}

/// Records the reason, shows it, and restarts if there is a slot to start.
fn bad(machine: &Machine<'_>, slot: Option<Slot>, reason: &str, notice: Duration) -> BootCheckError {
    let files = machine.files;
    if let Some(slot) = slot {
        let boot = history::this_boot(files, slot, machine.now);
        let failure = BootFailure {
            time: timestamp(machine.now),
            slot,
            reason: reason.to_owned(),
        };
        let kept = history::keep_failure(files, &failure).and_then(|()| history::explain(files, &boot));
        if let Err(error) = kept {
            (machine.note)(&format!("the reason is not recorded: {error}"));
        }
    }
    let chain = chain::of(files, machine.run);
    if let Err(error) = history::record_slots(files, chain.as_ref(), None) {
        (machine.note)(&format!("the slots are not copied for services: {error}"));
    }
    let stays = staying(files, chain.as_ref());
    let next = match stays {
        None => format!(
            "The machine restarts in {} seconds. To stay here: systemctl stop {STOP}",
            notice.as_secs()
        ),
        Some(why) => {
            format!("The machine stays up: {why}. Look with: systemctl --failed; journalctl -b -p err")
        }
    };
    let title = slot.map_or_else(String::new, |slot| format!(" of slot {}", slot.letter()));
    notice::everywhere(
        files,
        machine.run,
        &format!("SigmaVault: this boot{title} is bad.\n  {reason}\n{next}"),
    );
    if stays.is_none() {
        (machine.sleep)(notice);
        if let Err(error) = machine.run.succeed(&host::systemctl::reboot()) {
            (machine.note)(&format!("the machine does not restart: {error}"));
        }
    }
    BootCheckError::Bad {
        reason: reason.to_owned(),
        next,
    }
}

/// Why the machine is not restarted; `None` if it is.
fn staying(files: &Files, chain: &dyn BootChain) -> Option<&'static str> {
    if history::is_good(files) {
        return Some("this boot was good before");
    }
    match chain.bad() {
        AfterBad::Restart => None,
        AfterBad::Stay(Staying::Proven) => Some("this slot has already proved itself"),
        AfterBad::Stay(Staying::Alone) => Some("no other slot can be started"),
    }
}

/// The whole boot took too long: says what is missing and restarts.
pub fn deadline(machine: &Machine<'_>) -> Result<String, BootCheckError> {
    let files = machine.files;
    if history::is_good(files) {
        return Ok("This boot is good.\n".to_owned());
    }
    // Best effort: this folder may be the one that cannot be written.
    let _ = durable::folder(&files.path(BOOT_FOLDER));
    let mut reason = "the boot was not complete in time".to_owned();
    let failed = systemctl::state(machine.run).failed_units;
    let failed: Vec<String> = failed.into_iter().map(|unit| unit.name).collect();
    let jobs = machine
        .run
        .text(&host::systemctl::list_jobs())
        .unwrap_or_default();
    for (what, names) in [("failed", failed), ("still starting", running_jobs(&jobs))] {
        if !names.is_empty() {
            reason = format!("{reason}; {what}: {}", names.join(", "));
        }
    }
    let notice = Settings::load(files).0.notice();
    Err(bad(machine, slots::running(files), &reason, notice))
}

/// Units whose jobs are running, from lines of number, unit, kind and state.
fn running_jobs(jobs: &str) -> Vec<String> {
    let running = jobs.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [_, unit, _, "running"] => Some((*unit).to_owned()),
            _ => None,
        }
    });
    running.take(5).collect()
}

/// Records an orderly shutdown, so that the next boot does not count this one as a failure.
pub fn at_shutdown(machine: &Machine<'_>) -> Result<String, BootCheckError> {
    let files = machine.files;
    if systemctl::state(machine.run).state.as_deref() != Some("stopping") {
        return Ok(String::new());
    }
    durable::folder(&files.path(BOOT_FOLDER))?;
    if let Some(slot) = slots::running(files) {
        let boot = history::this_boot(files, slot, machine.now);
        history::explain(files, &boot)?;
        if chain::of(files, machine.run).tries_next() && tried::is_restart(machine.run) {
            history::hand_over(files, &boot)?;
        }
    }
    // Pools that were exported or destroyed since then are not expected at the next boot. After a bad boot the old list
    // stays: a missing pool is still expected.
    if factory_reset::is_pending(files) {
        history::forget_pools(files)?;
    } else if history::is_good(files) {
        history::record_pools(files, machine.run)?;
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests;
