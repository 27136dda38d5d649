//! `sigmavault factory-reset`: back to how the installer left the machine, in three levels.
//!
//! What is to be undone is in use while the system runs. So the command only leaves a request on the state partition,
//! and the initrd carries it out at the next start, before anything of it is mounted. Pools are the exception: the
//! initrd does not know them, so they are destroyed here, before the request is made.
//!
//! - [`plan`]: what goes and what stays
//! - [`pools`]: listing and destroying pools

mod plan;
mod pools;

use std::io::{self, BufRead, Write};

use serde::Serialize;
use sigmavault_facts::{Files, mounts, slots};

use crate::durable::{self, WriteError};
use crate::program::Run;

pub use plan::{Level, Plan, pending};

/// The initrd's word for what to reset: the name of a level on one line.
const REQUEST: &str = "/run/initramfs/state/factory-reset";

/// Where the initrd mounts the state partition.
const STATE: &str = "/run/initramfs/state";

/// A reset that does not take place.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// No installed system.
    #[error(
        "this system runs from a live medium and keeps nothing: there is nothing to reset; try: a restart"
    )]
    Live,
    /// No state partition.
    #[error(
        "the state partition is not mounted at {STATE}; try: a restart, and journalctl -b -p err when that does not help"
    )]
    NoState,
    /// Another word than the host name.
    #[error("nothing was changed: {typed:?} is not the name of this machine, {host}")]
    NotConfirmed {
        /// What was typed.
        typed: String,
        /// What should have been.
        host: String,
    },
    /// Nobody there who could type.
    #[error("nothing was changed: no confirmation; try: --confirm {host}, or --dry-run to see what would go")]
    NobodyThere {
        /// The name that confirms.
        host: String,
    },
    /// The confirmation could not be read.
    #[error(
        "nothing was changed: cannot read the confirmation: {0}; try: --confirm with the name of this machine"
    )]
    Input(io::Error),
    /// The pools stand in the way.
    #[error(transparent)]
    Pools(#[from] pools::PoolsError),
    /// The request could not be written or taken back.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The request is made, but the machine does not start again.
    #[error(
        "the reset waits for the next start, which did not begin: {0}; try: systemctl reboot, or sigmavault factory-reset cancel"
    )]
    Reboot(String),
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// What goes and what stays.
    #[serde(flatten)]
    pub plan: Plan,
    /// Whether the reset takes place at the next start.
    pub requested: bool,
    /// Whether that start has begun.
    pub restarting: bool,
}

/// What is reset, with everything that can be known before; changes nothing.
pub fn plan(files: &Files, level: Level, run: Run<'_>) -> Result<Plan, ResetError> {
    if slots::is_live(files) {
        return Err(ResetError::Live);
    }
    let mounted = files.text("/proc/self/mountinfo").unwrap_or_default();
    if !mounts::parse(&mounted).iter().any(|mount| mount.point == STATE) {
        return Err(ResetError::NoState);
    }
    let pools = match pools::list(run) {
        Ok(pools) => pools,
        // Pools that stay need not be known.
        Err(_) if level != Level::Everything => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(Plan::new(files, level, pools))
}

/// Checks a confirmation that was given on the command line.
pub fn confirmed(plan: &Plan, typed: &str) -> Result<(), ResetError> {
    if typed.trim() == plan.host {
        return Ok(());
    }
    Err(ResetError::NotConfirmed {
        typed: typed.trim().to_owned(),
        host: plan.host.clone(),
    })
}

/// Shows the plan and has the name of the machine typed.
pub fn ask(plan: &Plan, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<(), ResetError> {
    let prompt = format!(
        "{}Type the name of this machine, {}, to go on: ",
        plan.show(),
        plan.host
    );
    output
        .write_all(prompt.as_bytes())
        .and_then(|()| output.flush())
        .map_err(ResetError::Input)?;
    let mut typed = String::new();
    input.read_line(&mut typed).map_err(ResetError::Input)?;
    confirmed(plan, &typed)
}

/// Destroys the pools that go, leaves the request, and starts the machine again unless that is left to the user.
pub fn carry_out(files: &Files, plan: Plan, restart: bool, run: Run<'_>) -> Result<Outcome, ResetError> {
    // The pools first: once the system disk is erased nobody is there to do it.
    pools::destroy(&plan.destroyed, run)?;
    let line = format!("{}\n", plan.level.name());
    durable::replace(&files.path(REQUEST), line.as_bytes())?;
    if restart {
        run(&["systemctl", "reboot"]).map_err(ResetError::Reboot)?;
    }
    Ok(Outcome {
        plan,
        requested: true,
        restarting: restart,
    })
}

/// Takes a request back; the level of the reset that does not take place.
pub fn cancel(files: &Files) -> Result<Option<Level>, ResetError> {
    let level = pending(files);
    durable::remove(&files.path(REQUEST))?;
    Ok(level)
}

/// Whether a reset waits for the next start.
pub fn is_pending(files: &Files) -> bool {
    files.exists(REQUEST)
}

#[cfg(test)]
mod tests;
