//! The new system, put together below `/run` while it is filled.

use std::path::{Path, PathBuf};

use sigmavault_types::slots::Slot;

use super::ExecuteError;
use super::disk::{KeyFile, Parts};
use super::real::io;
use crate::answers::Secret;
use crate::run::Run;

/// Where the state file system is mounted.
const STATE: &str = "/run/sigmavault/state";
/// Where the new root is.
const ROOT: &str = "/run/sigmavault/target";
/// Name of the opened state partition.
const MAPPING: &str = "sigmavault-new-state";

/// The state partition, unlocked when it is encrypted. Dropped, it is closed.
pub struct StateDevice<'a> {
    run: &'a dyn Run,
    path: String,
    open: bool,
}

impl<'a> StateDevice<'a> {
    /// Unlocks it.
    pub fn open(
        run: &'a dyn Run,
        partition: &str,
        passphrase: Option<&Secret>,
    ) -> Result<Self, ExecuteError> {
        let Some(passphrase) = passphrase else {
            return Ok(Self {
                run,
                path: partition.to_owned(),
                open: false,
            });
        };
        let key = KeyFile::new(passphrase)?;
        let key = format!("--key-file={}", key.path());
        run.run(
            "cryptsetup",
            &["open", "--type=luks2", &key, partition, MAPPING],
            b"",
        )?;
        Ok(Self {
            run,
            path: format!("/dev/mapper/{MAPPING}"),
            open: true,
        })
    }

    /// The device with the file system.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Locks it again.
    pub fn close(mut self, run: &dyn Run) -> Result<(), ExecuteError> {
        if std::mem::take(&mut self.open) {
            run.run("cryptsetup", &["close", MAPPING], b"")?;
        }
        Ok(())
    }
}

impl Drop for StateDevice<'_> {
    fn drop(&mut self) {
        if self.open {
            let _ = self.run.run("cryptsetup", &["close", MAPPING], b"");
        }
    }
}

/// Slot A's root with a writable `/etc` and `/home` that end up in the state partition's `factory` folder, from
/// where the first boot, and every factory reset, takes them. Dropped, it is unmounted.
pub struct Mounted<'a> {
    run: &'a dyn Run,
    mounts: Vec<PathBuf>,
}

impl<'a> Mounted<'a> {
    /// Mounts everything.
    pub fn assemble(run: &'a dyn Run, parts: &Parts, state: &str) -> Result<Self, ExecuteError> {
        let mut mounted = Self {
            run,
            mounts: Vec::new(),
        };
        mounted.mount(&["--types", "ext4", state], Path::new(STATE))?;
        let state = Path::new(STATE);
        for folder in ["factory/etc", "factory/home", ".work"] {
            let path = state.join(folder);
            std::fs::create_dir_all(&path).map_err(|error| io("make", &path.display().to_string(), error))?;
        }
        let (slot, _) = parts.slot(Slot::A);
        mounted.mount(&["--types", "erofs", "--options", "ro", slot], Path::new(ROOT))?;
        let overlay = format!("lowerdir={ROOT}/etc,upperdir={STATE}/factory/etc,workdir={STATE}/.work");
        mounted.mount(
            &["--types", "overlay", "--options", &overlay, "new-etc"],
            &Self::root().join("etc"),
        )?;
        let home = format!("{STATE}/factory/home");
        mounted.mount(&["--bind", &home], &Self::root().join("home"))?;
        for folder in ["tmp", "run", "var"] {
            mounted.mount(&["--types", "tmpfs", "tmpfs"], &Self::root().join(folder))?;
        }
        mounted.mount(&["--bind", "/dev"], &Self::root().join("dev"))?;
        Ok(mounted)
    }

    /// Root of the new system.
    pub fn root() -> &'static Path {
        Path::new(ROOT)
    }

    fn mount(&mut self, args: &[&str], on: &Path) -> Result<(), ExecuteError> {
        if !on.exists() {
            std::fs::create_dir_all(on).map_err(|error| io("make", &on.display().to_string(), error))?;
        }
        let path = on.display().to_string();
        self.run.run("mount", &[args, &[&path]].concat(), b"")?;
        self.mounts.push(on.to_owned());
        Ok(())
    }

    /// Unmounts everything; what was written is on the disk then.
    pub fn close(mut self, run: &dyn Run) -> Result<(), ExecuteError> {
        while let Some(path) = self.mounts.pop() {
            if path == Path::new(STATE) {
                let work = path.join(".work");
                std::fs::remove_dir_all(&work)
                    .map_err(|error| io("remove", &work.display().to_string(), error))?;
            }
            run.run("umount", &[&path.display().to_string()], b"")?;
        }
        Ok(())
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        while let Some(path) = self.mounts.pop() {
            let _ = self
                .run
                .run("umount", &["--lazy", &path.display().to_string()], b"");
        }
    }
}
