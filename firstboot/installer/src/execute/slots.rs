//! The EFI system partition: loader, one kernel image a slot, and boot entries that count their tries (Boot Loader
//! Specification, type 1; systemd's Automatic Boot Assessment).

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::ExecuteError;
use super::real::io;
use crate::machine::Source;
use crate::run::Run;

/// Where the ESP of the system disk is mounted.
const ESP: &str = "/run/sigmavault/new-esp";
/// Where that of the medium is.
const MEDIUM: &str = "/run/sigmavault/medium-esp";
/// Kernel images of the medium.
const MEDIUM_KERNELS: &str = "EFI/Linux";
/// Tries of a new slot.
const TRIES: u32 = 3;

/// Sort key of a slot that is newer than all others, while a disk is written anew.
pub const NEWEST: &str = "sigmavault-0";
/// Sort key of the slot that boots.
pub const FIRST: &str = "sigmavault-1";
/// Sort key of the slot that stands by.
pub const SECOND: &str = "sigmavault-2";

/// A system slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// As it stands in names.
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A mounted EFI system partition. Dropped, it is unmounted.
#[derive(Debug)]
pub struct Esp<'a> {
    run: &'a dyn Run,
    folder: PathBuf,
    mounted: bool,
}

impl<'a> Esp<'a> {
    /// Mounts it.
    pub fn mount(run: &'a dyn Run, device: &str) -> Result<Self, ExecuteError> {
        fs::create_dir_all(ESP).map_err(|error| io("make", ESP, error))?;
        run.run(
            "mount",
            &["--types", "vfat", "--options", "umask=0077", device, ESP],
            b"",
        )?;
        Ok(Self {
            run,
            folder: PathBuf::from(ESP),
            mounted: true,
        })
    }

    /// Puts systemd-boot on it and into the firmware's list. What the firmware refuses is a note: the loader is also
    /// where every firmware looks by itself.
    pub fn install_loader(&self, run: &dyn Run) -> Result<Option<String>, ExecuteError> {
        let path = format!("--esp-path={}", self.folder.display());
        let args = [
            &path,
            "--make-entry-directory=no",
            "--efi-boot-option-description=SigmaVault NAS OS",
            "install",
        ];
        let note = match run.run("bootctl", &args, b"") {
            Ok(_) => None,
            Err(error) => {
                run.run("bootctl", &[&["--no-variables"], &args[..]].concat(), b"")?;
                Some(format!(
                    "the firmware took no boot entry ({error}); if the machine does not start from the disk, choose it in the firmware's boot menu"
                ))
            }
        };
        self.put("loader/loader.conf", b"timeout 3\n")?;
        Ok(note)
    }

    /// Copies the medium's kernel image to a slot.
    pub fn write_kernel(&self, slot: Slot, source: &Source) -> Result<(), ExecuteError> {
        fs::create_dir_all(MEDIUM).map_err(|error| io("make", MEDIUM, error))?;
        self.run.run(
            "mount",
            &["--types", "vfat", "--options", "ro", &source.esp, MEDIUM],
            b"",
        )?;
        let copied = self.copy_kernel(slot, Path::new(MEDIUM));
        self.run.run("umount", &[MEDIUM], b"")?;
        copied
    }

    fn copy_kernel(&self, slot: Slot, medium: &Path) -> Result<(), ExecuteError> {
        let folder = medium.join(MEDIUM_KERNELS);
        let shown = folder.display().to_string();
        let images = fs::read_dir(&folder).map_err(|error| io("list", &shown, error))?;
        let image = images
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "efi"))
            .ok_or_else(|| {
                ExecuteError::Changed(format!("the medium has no kernel image in {MEDIUM_KERNELS}"))
            })?;
        let bytes = fs::read(&image).map_err(|error| io("read", &image.display().to_string(), error))?;
        self.put(&format!("EFI/sigmavault/slot-{}.efi", slot.letter()), &bytes)
    }

    /// Writes a slot's boot entry, with all its tries.
    pub fn write_entry(&self, slot: Slot, version: &str, sort_key: &str) -> Result<(), ExecuteError> {
        let letter = slot.letter();
        let text = format!(
            "title SigmaVault NAS OS {version} (slot {})\nversion {version}\nsort-key {sort_key}\nefi /EFI/sigmavault/slot-{letter}.efi\n",
            letter.to_ascii_uppercase()
        );
        let name = format!("sigmavault-{letter}+{TRIES}.conf");
        self.put(&format!("loader/entries/{name}"), text.as_bytes())?;
        for old in self.entries(slot) {
            if old.file_name().is_some_and(|old| old != name.as_str()) {
                fs::remove_file(&old).map_err(|error| io("remove", &old.display().to_string(), error))?;
            }
        }
        Ok(())
    }

    /// Takes a slot out of the boot menu.
    pub fn remove_entry(&self, slot: Slot) -> Result<(), ExecuteError> {
        for entry in self.entries(slot) {
            fs::remove_file(&entry).map_err(|error| io("remove", &entry.display().to_string(), error))?;
        }
        self.sync("loader/entries")
    }

    fn entries(&self, slot: Slot) -> Vec<PathBuf> {
        let start = format!("sigmavault-{}", slot.letter());
        let is_own = |name: &str| {
            name.strip_prefix(&start)
                .and_then(|rest| rest.strip_suffix(".conf"))
                .is_some_and(|counters| counters.is_empty() || counters.starts_with('+'))
        };
        let entries = fs::read_dir(self.folder.join("loader/entries"))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| {
                path.file_name()
                    .and_then(|name| name.to_str())
                    .is_some_and(is_own)
            })
            .collect()
    }

    /// The slot that can be written first because the other one boots: one without an entry, or one whose tries are
    /// used up, or the one that stands by.
    pub fn less_wanted(&self) -> Slot {
        let worth = |slot: Slot| {
            self.entries(slot)
                .iter()
                .map(|path| {
                    let name = path
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned();
                    let text = fs::read_to_string(path).unwrap_or_default();
                    let rank = [NEWEST, FIRST]
                        .iter()
                        .any(|key| text.contains(&format!("sort-key {key}\n")));
                    match (name.contains("+0"), rank) {
                        (true, _) => 1,
                        (false, false) => 2,
                        (false, true) => 3,
                    }
                })
                .max()
                .unwrap_or(0)
        };
        if worth(Slot::A) < worth(Slot::B) {
            Slot::A
        } else {
            Slot::B
        }
    }

    /// A file whose name stands for a whole one: written beside it, flushed, renamed.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ExecuteError> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        let new = path.with_extension("new");
        let write = || {
            fs::create_dir_all(folder)?;
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| io("write", &path.display().to_string(), error))
    }

    fn sync(&self, name: &str) -> Result<(), ExecuteError> {
        let path = self.folder.join(name);
        match File::open(&path).and_then(|folder| folder.sync_all()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io("write", &path.display().to_string(), error))
            }
            _ => Ok(()),
        }
    }

    /// Unmounts it; everything is on the disk then.
    pub fn close(mut self, run: &dyn Run) -> Result<(), ExecuteError> {
        self.mounted = false;
        run.run("umount", &[&self.folder.display().to_string()], b"")
            .map(drop)
    }
}

impl Drop for Esp<'_> {
    fn drop(&mut self) {
        if self.mounted {
            let _ = self.run.run("umount", &[&self.folder.display().to_string()], b"");
        }
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
