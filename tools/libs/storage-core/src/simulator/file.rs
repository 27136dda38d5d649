//! A simulator in a file, for `--simulate`.

use std::io;
use std::path::{Path, PathBuf};

use sigmavault_types::storage::{Action, World};

use super::Simulator;
use crate::engine::{Engine, EngineError, Secret};

/// Why a file is no simulator.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorFileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}; name a file that holds a simulated machine", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{} holds no simulated machine: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// A simulator that is written back to its file after each change. Its time is that of a clock.
#[derive(Debug)]
pub struct SimulatorFile {
    path: PathBuf,
    now: fn() -> i64,
    /// The machine.
    pub simulator: Simulator,
}

impl SimulatorFile {
    /// Reads a file; the clock tells seconds since 1970 (UTC).
    pub fn open(path: &Path, now: fn() -> i64) -> Result<Self, SimulatorFileError> {
        let bytes = std::fs::read(path).map_err(|source| SimulatorFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        let simulator = serde_json::from_slice(&bytes).map_err(|source| SimulatorFileError::Content {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            now,
            simulator,
        })
    }

    fn save(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.simulator)?;
        sigmavault_durable::replace(&self.path, &bytes)
    }
}

impl Engine for SimulatorFile {
    fn world(&mut self) -> Result<World, EngineError> {
        let gone = (self.now)().saturating_sub(self.simulator.world.time);
        // A file that is ahead of the clock stands still.
        self.simulator.advance(u64::try_from(gone).unwrap_or(0));
        self.simulator.world()
    }

    fn perform(&mut self, action: &Action, secret: Option<&Secret>) -> Result<(), EngineError> {
        let before = self.simulator.clone();
        self.simulator.perform(action, secret)?;
        self.save().map_err(|error| {
            self.simulator = before;
            EngineError::Failed(format!("cannot write {}: {error}", self.path.display()))
        })
    }
}
