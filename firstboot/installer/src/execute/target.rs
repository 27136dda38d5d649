//! The new system, put together below `/run` while it is filled.

use std::path::{Path, PathBuf};

use sigmavault_host::run::Invocation;
use sigmavault_host::{cryptsetup, mount};
use sigmavault_types::slots::Slot;

use super::disk::Parts;
use super::error::ExecuteError;
use super::files;
use super::key_file::KeyFile;
use crate::answers::Secret;
use crate::site::Site;

/// Where the state file system is mounted.
const STATE: &str = "/run/sigmavault/state";
/// Where the new root is.
const ROOT: &str = "/run/sigmavault/target";
/// Name of the opened state partition.
const MAPPING: &str = "sigmavault-new-state";

/// The state partition, unlocked. Dropped, it is closed.
#[derive(Debug)]
pub struct StateDevice {
    site: Site,
    path: String,
    open: bool,
}

impl StateDevice {
    /// Unlocks it.
    pub fn open(site: &Site, partition: &str, passphrase: &Secret) -> Result<Self, ExecuteError> {
        let key = KeyFile::new(site, passphrase)?;
        site.run()
            .succeed(&cryptsetup::open(partition, MAPPING, key.path()))?;
        Ok(Self {
            site: site.clone(),
            path: format!("/dev/mapper/{MAPPING}"),
            open: true,
        })
    }

    /// The device with the file system.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Locks it again.
    pub fn close(mut self) -> Result<(), ExecuteError> {
        self.open = false;
        self.site.run().succeed(&cryptsetup::close(MAPPING))?;
        Ok(())
    }
}

impl Drop for StateDevice {
    fn drop(&mut self) {
        if self.open {
            let _ = self.site.run().succeed(&cryptsetup::close(MAPPING));
        }
    }
}

/// A slot's root with a writable `/etc` and `/home` that end up in the state partition's `factory` folder, from
/// where the first boot, and every factory reset, takes them. Dropped, it is unmounted.
#[derive(Debug)]
pub struct Mounted {
    site: Site,
    mounts: Vec<PathBuf>,
}

impl Mounted {
    /// Mounts everything.
    pub fn assemble(site: &Site, parts: &Parts, slot: Slot, state: &str) -> Result<Self, ExecuteError> {
        let mut mounted = Self {
            site: site.clone(),
            mounts: Vec::new(),
        };
        mounted.mount("ext4", None, state, Path::new(STATE))?;
        for folder in ["factory/etc", "factory/home", ".work"] {
            files::make_folder(site, Path::new(STATE).join(folder))?;
        }
        let (root, _) = parts.slot(slot);
        mounted.mount("erofs", Some("ro"), root, Self::root())?;
        let overlay = format!("lowerdir={ROOT}/etc,upperdir={STATE}/factory/etc,workdir={STATE}/.work");
        mounted.mount("overlay", Some(&overlay), "new-etc", &Self::root().join("etc"))?;
        let home = format!("{STATE}/factory/home");
        mounted.bind(&home, &Self::root().join("home"))?;
        for folder in ["tmp", "run", "var"] {
            mounted.mount("tmpfs", None, "tmpfs", &Self::root().join(folder))?;
        }
        mounted.bind("/dev", &Self::root().join("dev"))?;
        Ok(mounted)
    }

    /// Root of the new system.
    pub fn root() -> &'static Path {
        Path::new(ROOT)
    }

    fn mount(
        &mut self,
        kind: &str,
        options: Option<&str>,
        device: &str,
        on: &Path,
    ) -> Result<(), ExecuteError> {
        self.add(&mount::device(kind, options, device, on), on)
    }

    fn bind(&mut self, folder: &str, on: &Path) -> Result<(), ExecuteError> {
        self.add(&mount::bind(Path::new(folder), on), on)
    }

    fn add(&mut self, mount: &Invocation, on: &Path) -> Result<(), ExecuteError> {
        if !self.site.files().exists(on) {
            files::make_folder(&self.site, on)?;
        }
        self.site.run().succeed(mount)?;
        self.mounts.push(on.to_owned());
        Ok(())
    }

    /// Unmounts everything; what was written is on the disk then.
    pub fn close(mut self) -> Result<(), ExecuteError> {
        while let Some(path) = self.mounts.pop() {
            if path == Path::new(STATE) {
                files::remove_folder(&self.site, &path.join(".work"))?;
            }
            self.site.run().succeed(&mount::unmount(&path))?;
        }
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        while let Some(path) = self.mounts.pop() {
            let _ = self.site.run().succeed(&mount::unmount_lazily(&path));
        }
    }
}
