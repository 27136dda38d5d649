//! Installing by an answer file: plan and progress as lines, then one [`Report`].

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::answers::{Action, Answers};
use crate::execute::{Execute, ExecuteError};
use crate::installation::{Installation, Message};
use crate::machine::Machine;
use crate::plan::{self, Confirmation, InstallPlan};
use crate::progress::{Event, Outcome};
use crate::report::{Report, Verdict};
use crate::show;

/// Time between two lines about the progress of a step.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Makes the plan, shows it, carries it out, and prints the report. Returns the report and the action that the answers
/// want next.
pub fn install(
    machine: &Machine,
    answers: &Answers,
    execute: &Arc<dyn Execute>,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> io::Result<(Report, Action)> {
    let report = match plan::build(machine, answers, Confirmation::Required) {
        Err(refusals) => {
            for refusal in &refusals {
                writeln!(out, "refused: {refusal}")?;
            }
            Report::refused(&refusals)
        }
        Ok(plan) => {
            for line in show::plan(machine, &plan) {
                writeln!(out, "{line}")?;
            }
            writeln!(out)?;
            let began = Instant::now();
            let result = carry_out(execute, &plan, stop, out)?;
            if let Err(error) = &result {
                writeln!(out, "error: {error}")?;
            }
            for note in result.iter().flat_map(|outcome| &outcome.notes) {
                writeln!(out, "note: {note}")?;
            }
            Report::ended(&plan, began.elapsed(), &result)
        }
    };
    print(&report, out)?;
    let action = if report.result == Verdict::Installed {
        answers.finish.action
    } else {
        answers.finish.on_failure
    };
    Ok((report, action))
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
