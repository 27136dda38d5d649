//! A Raspberry Pi, whose firmware prefers one slot and starts the other one as a try.
//!
//! - [`plan`]: what is written in which order
//! - [`kernel`]: whether a boot partition has what the firmware starts
//! - [`boot_loader`]: whether the boot loader knows tries

mod boot_loader;
mod kernel;
mod plan;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use sigmavault_facts::slots::tryboot::{self as facts, AUTOBOOT, BAD, FLAG, TRY, Tryboot};
use sigmavault_facts::{FactError, Files, slots};
use sigmavault_types::slots::{Slot, SlotState, Slots};

use super::boot_chain::{
    AfterBad, BootChain, ChainError, Earlier, EarlierTry, SlotsError, Staying, Switched,
};
use super::record::record;
use crate::durable;
use kernel::kernel_bytes;
use plan::Step;

/// Exists once the try before this start is settled, until shutdown: a second check must not count it again.
const SETTLED: &str = "/run/sigmavault/try-settled";

/// A Raspberry Pi.
#[derive(Debug)]
pub struct TrybootChain<'a> {
    /// Its files.
    pub files: &'a Files,
}

impl BootChain for TrybootChain<'_> {
    fn list(&self) -> Result<Slots, SlotsError> {
        let files = self.files;
        if slots::is_live(files) {
            return Err(SlotsError::Live);
        }
        let state = self.state()?;
        let found: Vec<SlotState> = Slot::ALL
            .into_iter()
            .filter_map(|slot| {
                let version = files.attribute(facts::version_path(slot));
                let bytes = kernel_bytes(files, slot).ok();
                (version.is_some() || bytes.is_some()).then(|| state.state(slot, version, bytes))
            })
            .collect();
        if found.is_empty() {
            return Err(SlotsError::NoKernel);
        }
        Ok(slots::with_failures(files, state.running, found))
    }

    fn prefer(&self, slot: Slot) -> Result<Switched, ChainError> {
        self.switch(slot, false)
    }

    fn once(&self, slot: Slot) -> Result<Switched, ChainError> {
        self.switch(slot, true)
    }

    fn earlier_try(&self, earlier: &Earlier) -> Result<Option<EarlierTry>, ChainError> {
        if self.files.exists(SETTLED) {
            return Ok(None);
        }
        Ok(plan::earlier(&self.state()?, earlier))
    }

    fn settle(&self, earlier: &EarlierTry) -> Result<(), ChainError> {
        let state = self.state()?;
        durable::publish(&self.files.path(SETTLED), b"")?;
        self.carry_out(&state, &plan::settle(&state, earlier))
    }

    fn good(&self) -> Result<(), ChainError> {
        let state = self.state()?;
        self.carry_out(&state, &plan::good(&state))
    }

    fn bad(&self) -> AfterBad {
        if !slots::boot_info(self.files).is_some_and(|info| info.trying) {
            return AfterBad::Stay(Staying::Proven);
        }
        match self.state() {
            // The firmware calls it a try too when it could not start the other slot, and came back to this one.
            Ok(state) if state.running == Some(state.preferred()) => AfterBad::Stay(Staying::Proven),
            // Nobody counts it: the initrd of the preferred slot ordered this start, because that slot does not start.
            Ok(state) if state.attempt.map(|attempt| attempt.slot) != state.running => {
                AfterBad::Stay(Staying::Alone)
            }
            // The flag is used up: a restart leads to the preferred slot, which counts this try.
            _ => AfterBad::Restart,
        }
    }

    fn tries_next(&self) -> bool {
        facts::flag(self.files)
    }
}

impl TrybootChain<'_> {
    fn state(&self) -> Result<Tryboot, SlotsError> {
        Tryboot::read(self.files).map_err(|error| match error {
            FactError::Malformed { .. } => SlotsError::Autoboot {
                running: slots::boot_info(self.files).map_or(Slot::A, |info| info.slot),
                error,
            },
            error => SlotsError::Unreadable(error),
        })
    }

    fn switch(&self, slot: Slot, once: bool) -> Result<Switched, ChainError> {
        let (files, listed) = (self.files, self.list()?);
        let wanted = listed
            .slots
            .iter()
            .find(|state| state.slot == slot)
            .ok_or(ChainError::Empty(slot))?;
        kernel_bytes(files, slot).map_err(|file| ChainError::NotBootable {
            slot,
            device: facts::boot_device(slot),
            file,
        })?;
        let state = self.state()?;
        let steps = plan::switch(&state, slot, once);
        let tried = steps.contains(&Step::Flag(true));
        if let Some(built) = boot_loader::too_old(files).filter(|_| tried) {
            return Err(ChainError::OldBootLoader {
                built,
                running: state.running.unwrap_or_else(|| slot.other()),
            });
        }
        if tried && !files.exists(FLAG) {
            return Err(flag_error(files, io::ErrorKind::NotFound.into()));
        }
        self.carry_out(&state, &steps).inspect_err(|error| {
            // Without the order there is no try.
            if matches!(error, ChainError::Flag { .. }) {
                let _ = self.carry_out(&state, &[Step::NoAttempt]);
            }
        })?;
        record(files, &self.list()?.slots)?;
        Ok(Switched {
            slot,
            retried: wanted.bad && tried && !once,
            once: once && tried,
            tried,
        })
    }

    fn carry_out(&self, state: &Tryboot, steps: &[Step]) -> Result<(), ChainError> {
        steps.iter().try_for_each(|step| self.write(state, *step))
    }

    fn write(&self, state: &Tryboot, step: Step) -> Result<(), ChainError> {
        let path = |path: &str| self.files.path(path);
        match step {
            Step::Attempt(attempt) => self.keep(TRY, &attempt.line()),
            Step::NoAttempt => Ok(durable::remove(&path(TRY))?),
            Step::Bad(slot) => self.keep(BAD, &format!("{}\n", slot.name())),
            Step::NotBad => Ok(durable::remove(&path(BAD))?),
            Step::Prefer(slot) => {
                let text = state.autoboot.preferring(slot);
                durable::overwrite(&path(AUTOBOOT), text.as_bytes())?;
                match read_back(&path(AUTOBOOT)) {
                    Ok(bytes) if bytes == text.as_bytes() => Ok(()),
                    _ => Err(ChainError::NotKept(AUTOBOOT.into())),
                }
            }
            Step::Flag(set) => {
                let text = if set { b"1\n" } else { b"0\n" };
                let file = OpenOptions::new().write(true).open(path(FLAG));
                file.and_then(|mut file| file.write_all(text))
                    .map_err(|source| flag_error(self.files, source))
            }
        }
    }

    /// Writes a record, in a folder that may not be there yet.
    fn keep(&self, path: &str, line: &str) -> Result<(), ChainError> {
        let path = self.files.path(path);
        durable::parent(&path)?;
        Ok(durable::overwrite(&path, line.as_bytes())?)
    }
}

fn flag_error(files: &Files, source: io::Error) -> ChainError {
    ChainError::Flag {
        path: files.path(FLAG),
        source,
    }
}

/// The bytes of a file as the drive has them, and not as the kernel remembers them.
fn read_back(path: &Path) -> io::Result<Vec<u8>> {
    posix_fadvise(File::open(path)?, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    fs::read(path)
}

#[cfg(test)]
pub mod simulated;
#[cfg(test)]
mod tests;
