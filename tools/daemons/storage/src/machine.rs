//! The machine: ZFS, or a simulated one.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sigmavault_facts::Files;
use sigmavault_host::run::Patient;
use sigmavault_storage_core::simulator::{SimulatorFile, SimulatorFileError};
use sigmavault_storage_core::zfs::{Surface, Zfs};
use sigmavault_storage_core::{Engine, EngineError, Secret};
use sigmavault_types::storage::{Action, World};

use crate::config::Config;

/// Gives engines of one machine: one to read, one to change.
#[derive(Clone)]
pub enum Machine {
    /// This machine.
    Zfs(Files, Config),
    /// A simulated one.
    Simulated(Arc<Mutex<SimulatorFile>>),
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zfs(..) => "Zfs",
            Self::Simulated(_) => "Simulated",
        })
    }
}

impl Machine {
    /// The machine in a file.
    pub fn simulated(file: &Path) -> Result<Self, SimulatorFileError> {
        Ok(Self::Simulated(Arc::new(Mutex::new(SimulatorFile::open(
            file, now,
        )?))))
    }

    /// Whether it is a simulated one.
    pub const fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulated(_))
    }

    /// An engine.
    pub fn engine(&self) -> Box<dyn Engine + Send> {
        match self {
            Self::Zfs(files, config) => Box::new(Zfs::new(Surface {
                reader: Box::new(Patient {
                    limit: Duration::from_secs(config.read_seconds),
                }),
                writer: Box::new(Patient {
                    limit: Duration::from_secs(config.change_seconds),
                }),
                files: files.clone(),
                state: config.state.clone(),
                now,
                new_key,
            })),
            Self::Simulated(file) => Box::new(Shared(Arc::clone(file))),
        }
    }
}

/// A simulator for several engines.
struct Shared(Arc<Mutex<SimulatorFile>>);

impl Engine for Shared {
    fn world(&mut self) -> Result<World, EngineError> {
        // An action that panics has changed nothing: it works on a copy.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).world()
    }

    fn perform(&mut self, action: &Action, secret: Option<&Secret>) -> Result<(), EngineError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .perform(action, secret)
    }
}

/// Seconds since 1970 (UTC).
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// 256 bits of the kernel's random numbers.
fn new_key() -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}
