//! Carrying a plan out on a machine: its stages, one after the other, each told as it begins and ends.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use sigmavault_types::slots::Slot;

use super::boot_partition;
use super::disk;
use super::error::ExecuteError;
use super::esp::Esp;
use super::executor::Execute;
use super::work::Work;
use crate::actions::{Heading, Stage, stages};
use crate::machine::Disk;
use crate::once::Mark;
use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Step, Stop};
use crate::site::Site;

/// Time between two events about bytes.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// On a machine, by its programs.
#[derive(Debug, Clone)]
pub struct Real(pub Site);

impl Execute for Real {
    fn mark(&self, disk: &Disk) -> Result<Option<Mark>, ExecuteError> {
        let parts = disk::parts(self.0.run(), disk)?;
        let esp = Esp::mount_to_read(&self.0, &parts.esp)?;
        let mark = esp.mark();
        esp.close()?;
        mark
    }

    fn end_setup(&self, disk: &Disk, root_hash: &str) -> Result<(), ExecuteError> {
        let parts = disk::parts(self.0.run(), disk)?;
        boot_partition::leave_setup(&self.0, parts.boot(Slot::A)?, root_hash)
    }

    fn execute(
        &self,
        plan: &InstallPlan,
        stop: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError> {
        let mut work = Work::new(&self.0);
        let report = Report { stop, tell };
        for stage in stages(plan) {
            match step(&work, stage.heading)? {
                Some(known) => report.perform(&mut work, &stage, known)?,
                None => perform(&mut work, &stage, &|_| true)?,
            }
        }
        Ok(work.outcome())
    }
}

/// The step of a stage and its bytes.
fn step(work: &Work<'_>, heading: Heading) -> Result<Option<(Step, Option<u64>)>, ExecuteError> {
    Ok(match heading {
        Heading::Quiet => None,
        Heading::Step(step) => Some((step, None)),
        Heading::Copy(slot, bytes) => Some(match work.slot(slot)? {
            Slot::A => (Step::CopyA, Some(bytes)),
            Slot::B => (Step::CopyB, Some(bytes)),
        }),
        Heading::Verify(slot, bytes) => Some(match work.slot(slot)? {
            Slot::A => (Step::VerifyA, Some(bytes)),
            Slot::B => (Step::VerifyB, Some(bytes)),
        }),
    })
}

fn perform(
    work: &mut Work<'_>,
    stage: &Stage,
    told: &(dyn Fn(u64) -> bool + Sync),
) -> Result<(), ExecuteError> {
    stage
        .actions
        .iter()
        .try_for_each(|action| work.perform(action, told))
}

/// Reports the stages, and hears of a request to stop.
struct Report<'a> {
    stop: &'a Stop,
    tell: &'a (dyn Fn(Event) + Sync),
}

impl Report<'_> {
    /// Performs a stage that is a step, of so many bytes where they are known, and reports its begin, its bytes and its
    /// end. Stops before it when asked to.
    fn perform(
        &self,
        work: &mut Work<'_>,
        stage: &Stage,
        (step, bytes): (Step, Option<u64>),
    ) -> Result<(), ExecuteError> {
        if self.stop.asked() {
            return Err(ExecuteError::Stopped);
        }
        let began = Instant::now();
        (self.tell)(Event::Began { step, bytes });
        let last = Mutex::new(began);
        perform(work, stage, &|done| {
            if let (Some(total), Ok(mut last)) = (bytes, last.lock())
                && last.elapsed() >= TELL_EVERY
            {
                *last = Instant::now();
                (self.tell)(Event::Bytes {
                    step,
                    done,
                    total,
                    elapsed: began.elapsed(),
                });
            }
            !self.stop.asked()
        })?;
        (self.tell)(Event::Done {
            step,
            elapsed: began.elapsed(),
            said: stage.said.clone(),
        });
        Ok(())
    }
}
