//! Carrying a plan out on the machine.

use std::time::{Duration, Instant};

use sigmavault_facts::slots::entry;
use sigmavault_types::slots::Slot;

use super::disk::{self, Parts};
use super::error::{ExecuteError, io};
use super::executor::Execute;
use super::slots;
use super::target::{Mounted, StateDevice};
use super::{pool, settings};
use crate::answers::Mode;
use crate::device::copy::{CopyError, copy};
use crate::device::verity::{self, VerityError};
use crate::inventory;
use crate::machine::Disk;
use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Step, Stop};
use crate::site::Site;

/// Between two messages about bytes.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// On a machine, by its programs.
#[derive(Debug, Clone)]
pub struct Real(pub Site);

impl Execute for Real {
    fn execute(
        &self,
        plan: &InstallPlan,
        stop: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError> {
        let work = Work {
            site: &self.0,
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
            disk::compare(work.site.run(), plan)?;
            Ok(((), "the disk is as planned".to_owned()))
        })?;
        Ok(outcome)
    }
}

struct Work<'a> {
    site: &'a Site,
    plan: &'a InstallPlan,
    stop: &'a Stop,
    tell: &'a (dyn Fn(Event) + Sync),
}

impl Work<'_> {
    /// A new system on a disk that loses everything.
    fn erase(&self) -> Result<Outcome, ExecuteError> {
        let mut outcome = Outcome::default();
        let (plan, site) = (self.plan, self.site);
        let parts = self.step(Step::Partition, || {
            disk::wipe(site.run(), &plan.disk)?;
            let parts = disk::partition(site, plan)?;
            Ok((parts, format!("{} partitions", plan.partitions.len())))
        })?;
        self.slot(&parts, Slot::A)?;
        self.slot(&parts, Slot::B)?;
        if let Some(encryption) = &plan.encryption {
            self.step(Step::Keys, || {
                outcome.recovery_key = disk::enrol(site, &parts.state, encryption)?;
                Ok(((), String::new()))
            })?;
        }
        let passphrase = plan.encryption.as_ref().map(|encryption| &encryption.passphrase);
        let state = StateDevice::open(site, &parts.state, passphrase)?;
        let target = Mounted::assemble(site, &parts, state.path())?;
        if let Some(settings) = &plan.settings {
            self.step(Step::Settings, || {
                settings::write(site, Mounted::root(), settings)?;
                Ok(((), settings.network.hostname.clone()))
            })?;
        }
        if let Some(pool) = &plan.pool {
            self.step(Step::Pool, || {
                for disk in &pool.disks {
                    disk::wipe(site.run(), disk)?;
                }
                pool::create(site, pool, Mounted::root())?;
                Ok(((), format!("{} on {} disks", pool.name, pool.disks.len())))
            })?;
        }
        target.close()?;
        state.close()?;
        self.step(Step::Boot, || {
            let esp = slots::Esp::mount(site, &parts.esp)?;
            outcome.notes.extend(esp.install_loader()?);
            for slot in [Slot::A, Slot::B] {
                esp.write_kernel(slot, &plan.source)?;
            }
            // From here on the disk counts as installed; the entries that make it boot come last.
            disk::rename_state(site.run(), &plan.disk)?;
            esp.write_entry(Slot::B, &plan.source.version, entry::SECOND)?;
            esp.write_entry(Slot::A, &plan.source.version, entry::FIRST)?;
            esp.close()?;
            Ok(((), "two entries, three tries each".to_owned()))
        })?;
        Ok(outcome)
    }

    /// A new system beside data that stays: one slot after the other, so that one of them always boots.
    fn keep_data(&self) -> Result<Outcome, ExecuteError> {
        let mut outcome = Outcome::default();
        let (plan, site) = (self.plan, self.site);
        let parts = disk::parts(site.run(), &plan.disk)?;
        let esp = slots::Esp::mount(site, &parts.esp)?;
        let first = esp.less_wanted();
        for (slot, rank) in [(first, entry::NEWEST), (first.other(), entry::FIRST)] {
            esp.remove_entry(slot)?;
            self.slot(&parts, slot)?;
            esp.write_kernel(slot, &plan.source)?;
            esp.write_entry(slot, &plan.source.version, rank)?;
        }
        self.step(Step::Boot, || {
            outcome.notes.extend(esp.install_loader()?);
            esp.write_entry(first, &plan.source.version, entry::SECOND)?;
            esp.close()?;
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
                copy(&self.site.path(from), &self.site.path(to), len, &mut |done| {
                    last = before + done;
                    told(last)
                })
                .map_err(|error| match error {
                    CopyError::Read(error) => io("read", from, error),
                    CopyError::Write(error) => io("write", to, error),
                    CopyError::Stopped => ExecuteError::Stopped,
                })?;
                self.site.note(&format!("copy {len} bytes from {from} to {to}"));
            }
            Ok(((), String::new()))
        })?;
        let root_hash = verity::parse_root_hash(&source.root_hash).ok_or(ExecuteError::RootHash)?;
        self.stepped(reading, Some(source.root_bytes), |told| {
            let (data, hashes) = (self.site.path(root), self.site.path(tree));
            verity::verify(&data, &hashes, &root_hash, told).map_err(|error| match error {
                VerityError::Stopped => ExecuteError::Stopped,
                VerityError::Read(path, error) => io("read", path, error),
                other => ExecuteError::ReadBack {
                    device: root.to_owned(),
                    detail: other.to_string(),
                },
            })?;
            self.site
                .note(&format!("read {root} and {tree} back: the root hash matches"));
            Ok(((), "root hash matches".to_owned()))
        })
    }

    /// The disks once more: minutes may have passed since the plan was made.
    fn check(&self) -> Result<((), String), ExecuteError> {
        let machine = inventory::read(self.site)?;
        let pool = self.plan.pool.iter().flat_map(|pool| &pool.disks);
        for disk in std::iter::once(&self.plan.disk).chain(pool) {
            let now = machine.disks.iter().find(|now| now.path == disk.path);
            let same =
                |now: &&Disk| now.serial == disk.serial && now.bytes == disk.bytes && now.model == disk.model;
            match now.filter(same) {
                None => {
                    return Err(ExecuteError::Gone {
                        disk: disk.describe(),
                    });
                }
                Some(Disk { in_use: Some(by), .. }) => {
                    return Err(ExecuteError::InUse {
                        disk: disk.name.clone(),
                        by: by.clone(),
                    });
                }
                Some(now) if now.contents != disk.contents => {
                    return Err(ExecuteError::OtherContents {
                        disk: disk.name.clone(),
                    });
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
