//! Planning a reset, having it confirmed, and carrying it out.

use std::io::{self, BufRead, Write};

use serde::Serialize;
use sigmavault_facts::terminal::printable_lines;
use sigmavault_facts::{Files, mounts, slots};
use sigmavault_host::run::{Run, RunError};
use sigmavault_host::systemctl;

use super::plan::{Level, Plan};
use super::{pools, request};
use crate::durable::WriteError;

/// Where the initrd mounts the state partition.
const STATE: &str = "/run/initramfs/state";

/// Why a reset does not take place.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// This is not an installed system.
    #[error(
        "this system runs from a live medium and keeps nothing: there is nothing to reset; try: a restart"
    )]
    Live,
    /// The state partition is not mounted.
    #[error(
        "the state partition is not mounted at {STATE}; try: a restart, and journalctl -b -p err when that does not help"
    )]
    NoState,
    /// The typed name is not the host name.
    #[error("nothing was changed: {typed:?} is not the name of this machine, {host}")]
    NotConfirmed {
        /// What was typed.
        typed: String,
        /// The host name.
        host: String,
    },
    /// There is no terminal for the confirmation.
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
    /// The pools could not be listed or destroyed.
    #[error(transparent)]
    Pools(#[from] pools::PoolsError),
    /// The request could not be written or removed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The request is written, but the machine does not restart.
    #[error(
        "the reset waits for the next start, which did not begin: {0}; try: systemctl reboot, or sigmavault factory-reset cancel"
    )]
    Reboot(RunError),
}

/// The outcome of a reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// What is removed and what stays.
    #[serde(flatten)]
    pub plan: Plan,
    /// Whether the reset takes place at the next start.
    pub requested: bool,
    /// Whether the machine is restarting.
    pub restarting: bool,
}

/// Plans a reset; changes nothing.
pub fn plan(files: &Files, level: Level, run: &dyn Run) -> Result<Plan, ResetError> {
    if slots::is_live(files) {
        return Err(ResetError::Live);
    }
    let mounted = files.text("/proc/self/mountinfo").unwrap_or_default();
    if !mounts::parse(&mounted).iter().any(|mount| mount.point == STATE) {
        return Err(ResetError::NoState);
    }
    let pools = match pools::list(run) {
        Ok(pools) => pools,
        // The plan does not depend on pools that stay.
        Err(_) if level != Level::Everything => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(Plan::new(files, level, pools))
}

/// Checks a confirmation from the command line.
pub fn confirmed(plan: &Plan, typed: &str) -> Result<(), ResetError> {
    if typed.trim() == plan.host {
        return Ok(());
    }
    Err(ResetError::NotConfirmed {
        typed: typed.trim().to_owned(),
        host: plan.host.clone(),
    })
}

/// Shows the plan and asks for the name of the machine.
pub fn ask(plan: &Plan, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<(), ResetError> {
    let prompt = format!(
        "{}Type the name of this machine, {}, to go on: ",
        plan.show(),
        plan.host
    );
    output
        .write_all(printable_lines(&prompt).as_bytes())
        .and_then(|()| output.flush())
        .map_err(ResetError::Input)?;
    let mut typed = String::new();
    input.read_line(&mut typed).map_err(ResetError::Input)?;
    confirmed(plan, &typed)
}

/// Destroys the pools, writes the request, and restarts the machine unless that is left to the user.
pub fn carry_out(files: &Files, plan: Plan, restart: bool, run: &dyn Run) -> Result<Outcome, ResetError> {
    // Pools come first: nothing can destroy them once the system disk is erased.
    pools::destroy(&plan.destroyed, run)?;
    request::leave(files, plan.level)?;
    if restart {
        run.succeed(&systemctl::reboot()).map_err(ResetError::Reboot)?;
    }
    Ok(Outcome {
        plan,
        requested: true,
        restarting: restart,
    })
}

/// Removes a request; returns the level of the cancelled reset.
pub fn cancel(files: &Files) -> Result<Option<Level>, ResetError> {
    Ok(request::take_back(files)?)
}
