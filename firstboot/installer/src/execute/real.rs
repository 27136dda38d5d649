//! Carrying a plan out on the machine.

use std::path::Path;
use std::time::{Duration, Instant};

use sigmavault_facts::slots::entry;
use sigmavault_types::slots::Slot;

use super::copy::{CopyError, copy};
use super::disk::{self, Parts};
use super::slots;
use super::target::{Mounted, StateDevice};
use super::verity::{self, VerityError};
use super::{Execute, ExecuteError, pool, settings};
use crate::answers::Mode;
use crate::inventory;
use crate::machine::Disk;
use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Step, Stop};
use crate::run::Run;

/// Between two messages about bytes.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// On this machine, by its programs.
#[derive(Debug, Clone, Copy)]
pub struct Real<R>(pub R);

impl<R: Run> Execute for Real<R> {
    fn execute(
        &self,
        plan: &InstallPlan,
        stop: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError> {
        let work = Work {
            run: &self.0,
            plan,
            stop,
            tell,
        };
        work.step(Step::Check, || work.check())?;
        let outcome = match plan.mode {
            Mode::Erase => work.erase(),
            Mode::KeepData => work.keep_data(),
        }?;
        work.step(Step::Finish, || {
            disk::compare(work.run, plan)?;
            Ok(((), "the disk is as planned".to_owned()))
        })?;
        Ok(outcome)
    }
}

struct Work<'a> {
    run: &'a dyn Run,
    plan: &'a InstallPlan,
    stop: &'a Stop,
    tell: &'a (dyn Fn(Event) + Sync),
}

impl Work<'_> {
    /// A new system on a disk that loses everything.
    fn erase(&self) -> Result<Outcome, ExecuteError> {
        let mut outcome = Outcome::default();
        let (plan, run) = (self.plan, self.run);
        let parts = self.step(Step::Partition, || {
            disk::wipe(run, &plan.disk)?;
            let parts = disk::partition(run, plan)?;
            Ok((parts, format!("{} partitions", plan.partitions.len())))
        })?;
        self.slot(&parts, Slot::A)?;
        self.slot(&parts, Slot::B)?;
        if let Some(encryption) = &plan.encryption {
            self.step(Step::Keys, || {
                outcome.recovery_key = disk::enrol(run, &parts.state, encryption)?;
                Ok(((), String::new()))
            })?;
        }
        let passphrase = plan.encryption.as_ref().map(|encryption| &encryption.passphrase);
        let state = StateDevice::open(run, &parts.state, passphrase)?;
        let target = Mounted::assemble(run, &parts, state.path())?;
        if let Some(settings) = &plan.settings {
            self.step(Step::Settings, || {
                settings::write(run, Mounted::root(), settings)?;
                Ok(((), settings.network.hostname.clone()))
            })?;
        }
        if let Some(pool) = &plan.pool {
            self.step(Step::Pool, || {
                for disk in &pool.disks {
                    disk::wipe(run, disk)?;
                }
                pool::create(run, pool, Mounted::root())?;
                Ok(((), format!("{} on {} disks", pool.name, pool.disks.len())))
            })?;
        }
        target.close(run)?;
        state.close(run)?;
        self.step(Step::Boot, || {
            let esp = slots::Esp::mount(run, &parts.esp)?;
            outcome.notes.extend(esp.install_loader(run)?);
            for slot in [Slot::A, Slot::B] {
                esp.write_kernel(slot, &plan.source)?;
            }
            // From here on the disk counts as installed; the entries that make it boot come last.
            disk::rename_state(run, &plan.disk)?;
            esp.write_entry(Slot::B, &plan.source.version, entry::SECOND)?;
            esp.write_entry(Slot::A, &plan.source.version, entry::FIRST)?;
            esp.close(run)?;
            Ok(((), "two entries, three tries each".to_owned()))
        })?;
        Ok(outcome)
    }

    /// A new system beside data that stays: one slot after the other, so that one of them always boots.
    fn keep_data(&self) -> Result<Outcome, ExecuteError> {
        let mut outcome = Outcome::default();
        let (plan, run) = (self.plan, self.run);
        let parts = disk::parts(run, &plan.disk)?;
        let esp = slots::Esp::mount(run, &parts.esp)?;
        let first = esp.less_wanted();
        for (slot, rank) in [(first, entry::NEWEST), (first.other(), entry::FIRST)] {
            esp.remove_entry(slot)?;
            self.slot(&parts, slot)?;
            esp.write_kernel(slot, &plan.source)?;
            esp.write_entry(slot, &plan.source.version, rank)?;
        }
        self.step(Step::Boot, || {
            outcome.notes.extend(esp.install_loader(run)?);
            esp.write_entry(first, &plan.source.version, entry::SECOND)?;
            esp.close(run)?;
            Ok(((), String::new()))
        })?;
        Ok(outcome)
    }

    /// Copies the system to a slot and reads it back.
    fn slot(&self, parts: &Parts, slot: Slot) -> Result<(), ExecuteError> {
        let source = &self.plan.source;
        let (root, tree) = parts.slot(slot);
        let (copying, reading) = match slot {
            Slot::A => (Step::CopyA, Step::VerifyA),
            Slot::B => (Step::CopyB, Step::VerifyB),
        };
        let total = source.root_bytes + source.verity_bytes;
        self.stepped(copying, Some(total), |told| {
            let mut last = 0;
            for (from, to, len, before) in [
                (&source.root, root, source.root_bytes, 0),
                (&source.verity, tree, source.verity_bytes, source.root_bytes),
            ] {
                copy(Path::new(from), Path::new(to), len, &mut |done| {
                    last = before + done;
                    told(last)
                })
                .map_err(|error| match error {
                    CopyError::Read(error) => io("read", from, error),
                    CopyError::Write(error) => io("write", to, error),
                    CopyError::Stopped => ExecuteError::Stopped,
                })?;
            }
            Ok(((), String::new()))
        })?;
        let root_hash = verity::parse_root_hash(&source.root_hash).ok_or_else(|| {
            ExecuteError::Changed("the medium's root hash is not one of SHA-256".to_owned())
        })?;
        self.stepped(reading, Some(source.root_bytes), |told| {
            verity::verify(Path::new(root), Path::new(tree), &root_hash, told).map_err(
                |error| match error {
                    VerityError::Stopped => ExecuteError::Stopped,
                    VerityError::Read(path, error) => io("read", &path, error),
                    other => ExecuteError::ReadBack {
                        device: root.to_owned(),
                        detail: other.to_string(),
                    },
                },
            )?;
            Ok(((), "root hash matches".to_owned()))
        })
    }

    /// The disks once more: minutes may have passed since the plan was made.
    fn check(&self) -> Result<((), String), ExecuteError> {
        let machine = inventory::read(self.run).map_err(|error| ExecuteError::Changed(error.to_string()))?;
        let pool = self.plan.pool.iter().flat_map(|pool| &pool.disks);
        for disk in std::iter::once(&self.plan.disk).chain(pool) {
            let now = machine.disks.iter().find(|now| now.path == disk.path);
            let same =
                |now: &&Disk| now.serial == disk.serial && now.bytes == disk.bytes && now.model == disk.model;
            match now.filter(same) {
                None => {
                    return Err(ExecuteError::Changed(format!(
                        "{} is no longer there",
                        disk.describe()
                    )));
                }
                Some(now) if now.in_use.is_some() => {
                    return Err(ExecuteError::Changed(format!(
                        "{} is in use now: {}",
                        disk.name,
                        now.in_use.as_deref().unwrap_or_default()
                    )));
                }
                Some(now) if now.contents != disk.contents => {
                    return Err(ExecuteError::Changed(format!(
                        "{} holds something else now",
                        disk.name
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(((), String::new()))
    }

    fn step<T>(
        &self,
        step: Step,
        work: impl FnOnce() -> Result<(T, String), ExecuteError>,
    ) -> Result<T, ExecuteError> {
        self.stepped(step, None, |_| work())
    }

    /// Runs a step, telling of its begin, its bytes and its end; stops before it when asked to.
    fn stepped<T>(
        &self,
        step: Step,
        bytes: Option<u64>,
        work: impl FnOnce(&(dyn Fn(u64) -> bool + Sync)) -> Result<(T, String), ExecuteError>,
    ) -> Result<T, ExecuteError> {
        if self.stop.asked() {
            return Err(ExecuteError::Stopped);
        }
        let began = Instant::now();
        (self.tell)(Event::Began { step, bytes });
        let last = std::sync::Mutex::new(began);
        let told = |done: u64| {
            if let Ok(mut last) = last.lock()
                && last.elapsed() >= TELL_EVERY
            {
                *last = Instant::now();
                (self.tell)(Event::Bytes {
                    step,
                    done,
                    total: bytes.unwrap_or(done),
                    elapsed: began.elapsed(),
                });
            }
            !self.stop.asked()
        };
        let (result, said) = work(&told)?;
        (self.tell)(Event::Done {
            step,
            elapsed: began.elapsed(),
            said,
        });
        Ok(result)
    }
}

/// An error of reading or writing.
pub fn io(action: &'static str, path: &str, error: std::io::Error) -> ExecuteError {
    ExecuteError::Io {
        action,
        path: path.to_owned(),
        error,
    }
}
