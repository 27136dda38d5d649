//! One installation at a time: two that write to the same disks would destroy each other's work.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::execute::{Execute, ExecuteError};
use crate::machine::Disk;
use crate::once::Mark;
use crate::plan::InstallPlan;
use crate::progress::{Event, Outcome, Stop};

/// Held while an installation writes.
pub const PATH: &str = "/run/sigmavault/installer.lock";

/// Carries plans out while it holds the lock.
pub struct Locked {
    execute: Arc<dyn Execute>,
    path: PathBuf,
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Locked {
    /// With the lock in this file.
    pub fn new(execute: Arc<dyn Execute>, path: &Path) -> Self {
        Self {
            execute,
            path: path.to_owned(),
        }
    }

    fn take(&self) -> Result<Flock<File>, ExecuteError> {
        let unwritable = |error: std::io::Error| ExecuteError::Io {
            action: "lock",
            path: self.path.display().to_string(),
            error,
        };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .read(true)
            .open(&self.path)
            .map_err(unwritable)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut held) => {
                held.set_len(0).map_err(unwritable)?;
                writeln!(held, "{}", std::process::id()).map_err(unwritable)?;
                Ok(held)
            }
            Err((_, Errno::EAGAIN)) => {
                let process = fs::read_to_string(&self.path).unwrap_or_default();
                Err(ExecuteError::Locked {
                    process: process.trim().to_owned(),
                })
            }
            Err((_, error)) => Err(unwritable(error.into())),
        }
    }
}

impl Execute for Locked {
    fn mark(&self, disk: &Disk) -> Result<Option<Mark>, ExecuteError> {
        let held = self.take()?;
        let result = self.execute.mark(disk);
        drop(held);
        result
    }

    fn end_setup(&self, disk: &Disk, root_hash: &str) -> Result<(), ExecuteError> {
        let held = self.take()?;
        let result = self.execute.end_setup(disk, root_hash);
        drop(held);
        result
    }

    fn execute(
        &self,
        plan: &InstallPlan,
        stop: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError> {
        let held = self.take()?;
        let result = self.execute.execute(plan, stop, tell);
        drop(held);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::demo::{Demo, Scenario};

    #[test]
    fn a_second_installation_is_refused_while_the_first_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/installer.lock");
        let demo = || Arc::new(Demo::new(Scenario::Empty, Duration::ZERO));
        let first = Locked::new(demo(), &path);
        let second = Locked::new(demo(), &path);
        let held = first.take().unwrap();
        assert_eq!(
            second.take().unwrap_err().to_string(),
            format!(
                "another installation is running on this machine (process {})\n  try: wait until it has ended, or stop it and start again",
                std::process::id()
            )
        );
        drop(held);
        second.take().unwrap();
    }
}
