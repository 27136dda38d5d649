//! Installing by an answer file: plan and progress as lines, then one [`Report`].

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::answers::{Action, Answers, Mode};
use crate::execute::{Execute, ExecuteError};
use crate::installation::{Installation, Message};
use crate::machine::{Disk, Machine, Setup};
use crate::once::{self, Decision, Given, Order};
use crate::plan::{self, Confirmation, InstallPlan};
use crate::pool_key;
use crate::progress::{Event, Outcome};
use crate::recovery::{Keeper, NoPlace, Place, Sheet};
use crate::report::{Report, Verdict};
use crate::show;

/// Said where the passphrase may lie beside what it opens.
const ANSWERS_ON_THE_DISK: &str = "answers that are on the first partition of this disk show the passphrase to whoever has \
                                   it: remove /boot/answers.toml on the installed system";

/// Time between two lines about the progress of a step.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// What an installed disk says about its answers cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "a system is on {disk}, and whether these answers have installed it already cannot be told: {}\n  \
     try: sudo sigmavault-installer on this machine, which asks, or take the answers out",
    first_line(.error)
)]
struct MarkUnread {
    disk: String,
    error: ExecuteError,
}

/// An error without its own advice.
fn first_line(error: &ExecuteError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Makes the plan, shows it, carries it out, and prints the report; does nothing when answers that were left for the
/// machine have installed the disk already. Returns the report and what the machine does next.
pub fn install(
    machine: &Machine,
    answers: &Answers,
    order: &Order,
    execute: &Arc<dyn Execute>,
    stop: &AtomicBool,
    keeper: &dyn Keeper,
    out: &mut dyn Write,
) -> io::Result<(Report, Action)> {
    match already_installed(machine, answers, order, execute) {
        Ok(None) => {}
        Ok(Some((disk, report))) => {
            for line in show::already_installed(disk) {
                writeln!(out, "{line}")?;
            }
            print(&report, out)?;
            // A restart would lead to this medium again.
            return Ok((report, Action::Wait));
        }
        Err(error) => {
            writeln!(out, "refused: {error}")?;
            let report = Report::unreadable(&error);
            print(&report, out)?;
            return Ok((report, answers.finish.on_failure));
        }
    }
    let mut after = Action::default();
    let report = match plan::build(machine, answers, Confirmation::Required) {
        Err(refusals) => {
            for refusal in &refusals {
                writeln!(out, "refused: {refusal}")?;
            }
            Report::refused(&refusals)
        }
        Ok(plan) => {
            let plan = plan.by(order.answers.clone());
            after = answers.finish.after(plan.mode);
            for line in show::plan(machine, &plan) {
                writeln!(out, "{line}")?;
            }
            writeln!(out)?;
            match place(&plan, after, keeper) {
                Ok(place) => carried_out(execute, &plan, stop, keeper, place.as_ref(), out)?,
                Err(error) => {
                    writeln!(out, "refused: {error}")?;
                    Report::unreadable(&error)
                }
            }
        }
    };
    print(&report, out)?;
    let action = if report.result == Verdict::Installed {
        after
    } else {
        answers.finish.on_failure
    };
    Ok((report, action))
}

/// Takes the last step of a setup that a power cut kept from it; does nothing on any other machine. Returns the report and
/// what the machine does next.
pub fn end_setup(
    machine: &Machine,
    execute: &dyn Execute,
    out: &mut dyn Write,
) -> io::Result<Option<(Report, Action)>> {
    let done = machine.setup.as_ref().is_some_and(Setup::is_done);
    let Some(disk) = machine.setup_disk().filter(|_| done) else {
        return Ok(None);
    };
    writeln!(
        out,
        "{} was set up, and only the change of its kernel command line is missing",
        disk.describe()
    )?;
    let result = execute.end_setup(disk, &machine.source.root_hash);
    if let Err(error) = &result {
        writeln!(out, "error: {error}")?;
    } else {
        writeln!(
            out,
            "note: a recovery key that was asked for and is not beside the answers was lost; make another one: sudo systemd-cryptenroll \
             --recovery-key /dev/sigmavault/state"
        )?;
    }
    let report = Report::setup_ended(disk, &machine.source, &result);
    print(&report, out)?;
    let action = if result.is_ok() {
        Action::Reboot
    } else {
        Action::Wait
    };
    Ok(Some((report, action)))
}

/// The disk that these answers have installed already, with the report that says so.
fn already_installed<'a>(
    machine: &'a Machine,
    answers: &Answers,
    order: &Order,
    execute: &Arc<dyn Execute>,
) -> Result<Option<(&'a Disk, Report)>, MarkUnread> {
    if order.given == Given::Named {
        return Ok(None);
    }
    let Some(disk) = once::installed(machine, answers) else {
        return Ok(None);
    };
    let mark = execute.mark(disk).map_err(|error| MarkUnread {
        disk: disk.describe(),
        error,
    })?;
    Ok(match once::decide(order, mark) {
        Decision::Install => None,
        Decision::Done(mark) => Some((disk, Report::already_installed(disk, &mark))),
    })
}

/// A place for the keys, where some will be made.
fn place(plan: &InstallPlan, after: Action, keeper: &dyn Keeper) -> Result<Option<Place>, NoPlace> {
    let recovery_key = plan.encryption.as_ref().is_some_and(|wanted| wanted.recovery_key);
    let pool_key = plan.pool.as_ref().is_some_and(|pool| pool.encrypted);
    (recovery_key || pool_key)
        .then(|| keeper.choose(after))
        .transpose()
}

/// Carries a plan out, keeps its keys, and tells how it went.
fn carried_out(
    execute: &Arc<dyn Execute>,
    plan: &InstallPlan,
    stop: &AtomicBool,
    keeper: &dyn Keeper,
    place: Option<&Place>,
    out: &mut dyn Write,
) -> io::Result<Report> {
    let began = Instant::now();
    let result = carry_out(execute, plan, stop, out)?;
    let mut report = Report::ended(plan, began.elapsed(), &result);
    match &result {
        Err(error) => writeln!(out, "error: {error}")?,
        Ok(outcome) => {
            for note in &outcome.notes {
                writeln!(out, "note: {note}")?;
            }
            if plan.mode == Mode::Setup && plan.encryption.is_some() {
                writeln!(out, "note: {ANSWERS_ON_THE_DISK}")?;
            }
            if let (Some(place), Some(sheet)) = (place, Sheet::of(plan, outcome)) {
                match keeper.keep(place, &sheet) {
                    Ok(kept) => {
                        writeln!(out, "recovery key: {kept}")?;
                        report.recovery_key_kept = Some(kept);
                    }
                    Err(error) => not_kept(outcome, &error, out)?,
                }
            }
        }
    }
    Ok(report)
}

/// Says how to come by the keys of a sheet that could not be written. The passphrase opens the disk, and nobody has seen
/// the recovery key; that of the pool is on the disk.
fn not_kept(outcome: &Outcome, error: &io::Error, out: &mut dyn Write) -> io::Result<()> {
    if outcome.recovery_key.is_some() {
        writeln!(
            out,
            "note: the recovery key could not be kept ({error}) and is lost\n  \
             try: make another one on the installed system with `systemd-cryptenroll --recovery-key`"
        )?;
    }
    if let Some(key) = &outcome.pool_key {
        writeln!(
            out,
            "note: the key of the pool {} could not be kept ({error}) and is on the system disk only\n  \
             try: write down what `sudo cat /{}` shows on the installed system",
            key.pool,
            pool_key::file(&key.pool).display()
        )?;
    }
    Ok(())
}

/// Prints the report's line.
pub fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", report.line()?)?;
    out.flush()
}

/// Carries a plan out and writes a line at the beginning and end of each step, and now and then between.
pub fn carry_out(
    execute: &Arc<dyn Execute>,
    plan: &InstallPlan,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> io::Result<Result<Outcome, ExecuteError>> {
    let installation = Installation::begin(execute, plan.clone())?;
    let mut told = Instant::now();
    loop {
        if stop.load(Ordering::Relaxed) {
            installation.stop();
        }
        let line = match installation.next(Duration::from_millis(500)) {
            None => continue,
            Some(Message::Ended(result)) => return Ok(result),
            Some(Message::Event(event @ Event::Bytes { .. })) => {
                if told.elapsed() < TELL_EVERY {
                    continue;
                }
                show::bytes(&event)
            }
            Some(Message::Event(event)) => show::event(&event),
        };
        told = Instant::now();
        if let Some(line) = line {
            // The reader may be gone; the installation continues.
            drop(writeln!(out, "{line}").and_then(|()| out.flush()));
        }
    }
}

#[cfg(test)]
#[path = "unattended_tests.rs"]
mod tests;
