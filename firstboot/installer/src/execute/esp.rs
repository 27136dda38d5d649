//! The EFI system partition: loader, one kernel image a slot, and boot entries that count their tries (Boot Loader
//! Specification, type 1; systemd's Automatic Boot Assessment).

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use sigmavault_facts::kernel;
use sigmavault_facts::slots::entry::{Entry, FIRST, NEWEST, Name};
use sigmavault_host::bootctl::{self, Variables};
use sigmavault_host::mount;
use sigmavault_types::slots::Slot;
use sigmavault_verity::kernel_image;

use super::error::{ExecuteError, io};
use super::files;
use super::keymap::Keymap;
use crate::machine::Source;
use crate::once::Mark;
use crate::site::Site;

/// Where the ESP of the system disk is mounted.
const ESP: &str = "/run/sigmavault/new-esp";
/// Where that of the medium is.
const MEDIUM: &str = "/run/sigmavault/medium-esp";
/// Kernel images of the medium.
const MEDIUM_KERNELS: &str = "EFI/Linux";
/// Where boot entries are.
const ENTRIES: &str = "loader/entries";
/// The keymap, for the initrds of both slots (systemd-stub(7)).
const KEYMAP: &str = "loader/credentials/sigmavault.keymap.cred";
/// Which answers have installed the disk.
const ANSWERS: &str = "sigmavault/answers";
/// Bytes of that file at most.
const LARGEST: u64 = 4096;
/// Tries of a new slot.
const TRIES: u32 = 3;
/// Where the loader is: the place that the firmware's list names, and the one where firmware looks without it.
const LOADERS: [&str; 2] = ["EFI/systemd", "EFI/BOOT"];
/// Settings of the loader. With its editor, whoever sits at the machine could start a shell in the place of the system. Without the entry
/// for the firmware's own screens, a loader that has nothing to start goes back to the firmware, which tries the next disk.
const LOADER: &[u8] = b"timeout 3\neditor no\nauto-firmware no\n";
/// What the firmware's list of boot options calls the loader.
const DESCRIPTION: &str = "SigmaVault NAS OS";

/// A mounted EFI system partition. Dropped, it is unmounted.
#[derive(Debug)]
pub struct Esp {
    site: Site,
    folder: PathBuf,
    mounted: bool,
}

impl Esp {
    /// Mounts it.
    pub fn mount(site: &Site, device: &str) -> Result<Self, ExecuteError> {
        Self::mount_with(site, device, "umask=0077")
    }

    /// Mounts it to be read only.
    pub fn mount_to_read(site: &Site, device: &str) -> Result<Self, ExecuteError> {
        Self::mount_with(site, device, "ro")
    }

    fn mount_with(site: &Site, device: &str, options: &str) -> Result<Self, ExecuteError> {
        files::make_folder(site, ESP)?;
        site.run()
            .succeed(&mount::device("vfat", Some(options), device, Path::new(ESP)))?;
        Ok(Self {
            site: site.clone(),
            folder: PathBuf::from(ESP),
            mounted: true,
        })
    }

    /// Installs systemd-boot and adds it to the firmware's list. A refusal by the firmware is only a note: the loader is
    /// also at the fallback path, where every firmware looks.
    pub fn install_loader(&self) -> Result<Option<String>, ExecuteError> {
        let install = |variables| {
            self.site
                .run()
                .succeed(&bootctl::install(&self.folder, DESCRIPTION, variables))
        };
        // Before the loader, which without its settings starts the firmware's own screens when nothing else can be started yet.
        files::make_folder(&self.site, self.folder.join("loader"))?;
        self.put("loader/loader.conf", LOADER)?;
        self.sync("")?;
        let old = self.loaders();
        let note = match install(Variables::Write) {
            Ok(_) => None,
            Err(error) => {
                install(Variables::Keep)?;
                let error = ExecuteError::from(error);
                Some(format!(
                    "the firmware did not accept a boot entry ({error}); if the machine does not start from the disk, choose it in the firmware's boot menu"
                ))
            }
        };
        LOADERS.iter().try_for_each(|folder| self.sync(folder))?;
        drop(old);
        Ok(note)
    }

    /// The loaders that are there, held open. FAT frees the bytes of a replaced file when nobody holds it any more; of
    /// both loaders, that must not reach the disk before the entries of the new ones do.
    fn loaders(&self) -> Vec<File> {
        let folders = LOADERS
            .iter()
            .map(|folder| self.site.path(self.folder.join(folder)));
        let files = folders
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten()
            .flatten();
        files.filter_map(|file| File::open(file.path()).ok()).collect()
    }

    /// Copies the medium's kernel image to a slot and reads it back.
    pub fn write_kernel(&self, slot: Slot, source: &Source) -> Result<(), ExecuteError> {
        let medium = Path::new(MEDIUM);
        files::make_folder(&self.site, medium)?;
        self.site
            .run()
            .succeed(&mount::device("vfat", Some("ro"), &source.esp, medium))?;
        let copied = self.copy_kernel(slot, medium, &source.root_hash);
        self.site.run().succeed(&mount::unmount(medium))?;
        copied
    }

    fn copy_kernel(&self, slot: Slot, medium: &Path, root_hash: &str) -> Result<(), ExecuteError> {
        let bytes = self.kernel_for(medium, root_hash)?;
        let file = self
            .folder
            .join(format!("EFI/sigmavault/slot-{}.efi", slot.name()));
        files::replace(&self.site, &file, &bytes)?;
        files::read_back(&self.site, &file, &bytes)
    }

    /// The medium's kernel image that starts the system with this root hash. Nothing verifies the medium's EFI system
    /// partition, so that any other file may lie there.
    fn kernel_for(&self, medium: &Path, root_hash: &str) -> Result<Vec<u8>, ExecuteError> {
        let folder = medium.join(MEDIUM_KERNELS);
        let images = fs::read_dir(self.site.path(&folder)).map_err(|error| io("list", &folder, error))?;
        let mut files: Vec<PathBuf> = images
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .map(|entry| folder.join(entry.file_name()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "efi"))
            .collect();
        files.sort();
        let mut fitting: Option<Vec<u8>> = None;
        let mut others = Vec::new();
        for file in files {
            let bytes = files::read(&self.site, &file)?;
            match root_hash_of(&bytes) {
                Err(reason) => others.push(format!("{}: {reason}", file.display())),
                Ok(found) if !found.eq_ignore_ascii_case(root_hash) => {
                    others.push(format!("{} starts root hash {found}", file.display()));
                }
                Ok(_) => match &fitting {
                    None => fitting = Some(bytes),
                    Some(first) if *first == bytes => {}
                    Some(_) => {
                        return Err(ExecuteError::TwoKernels {
                            folder: MEDIUM_KERNELS,
                            root_hash: root_hash.to_owned(),
                        });
                    }
                },
            }
        }
        fitting.ok_or_else(|| ExecuteError::NoKernel {
            folder: MEDIUM_KERNELS,
            root_hash: root_hash.to_owned(),
            others: others.join("; "),
        })
    }

    /// Writes a slot's boot entry, with all its tries.
    pub fn write_entry(&self, slot: Slot, version: &str, sort_key: &str) -> Result<(), ExecuteError> {
        let text = format!(
            "title SigmaVault NAS OS {version} (slot {})\nversion {version}\nsort-key {sort_key}\nefi /EFI/sigmavault/slot-{}.efi\n",
            slot.letter(),
            slot.name()
        );
        let file = Name::new(slot, Some(TRIES)).file();
        self.put(&format!("{ENTRIES}/{file}"), text.as_bytes())?;
        for old in self.entries(slot) {
            if old.file != file {
                self.remove(&old)?;
            }
        }
        self.sync(ENTRIES)
    }

    /// Removes a slot from the boot menu.
    pub fn remove_entry(&self, slot: Slot) -> Result<(), ExecuteError> {
        for entry in self.entries(slot) {
            self.remove(&entry)?;
        }
        self.sync(ENTRIES)
    }

    fn remove(&self, entry: &Entry) -> Result<(), ExecuteError> {
        files::remove(&self.site, &self.folder.join(ENTRIES).join(&entry.file))
    }

    fn entries(&self, slot: Slot) -> Vec<Entry> {
        let folder = self.site.path(self.folder.join(ENTRIES));
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        files
            .filter_map(|file| file.file_name().into_string().ok())
            .filter_map(|file| Some((Name::parse(&file)?, file)))
            .filter(|(name, _)| name.slot == slot)
            .map(|(name, file)| {
                let text = fs::read_to_string(folder.join(&file)).unwrap_or_default();
                Entry::parse(name, file, text)
            })
            .collect()
    }

    /// The slot that can be written first because the other one boots: one without an entry, or one whose tries are
    /// used up, or the one that stands by.
    pub fn less_wanted(&self) -> Slot {
        let worth = |slot: Slot| {
            let entries = self.entries(slot);
            let of = |entry: &Entry| match (entry.name.is_bad(), entry.sort_key.as_deref()) {
                (true, _) => 1,
                (false, Some(NEWEST | FIRST)) => 3,
                (false, _) => 2,
            };
            entries.iter().map(of).max().unwrap_or(0)
        };
        if worth(Slot::A) < worth(Slot::B) {
            Slot::A
        } else {
            Slot::B
        }
    }

    /// Writes the keymap of the prompt for the passphrase. The kernel image's stub hands every file there to the initrd.
    pub fn write_keymap(&self, keymap: &Keymap) -> Result<(), ExecuteError> {
        self.put(KEYMAP, keymap.text().as_bytes())
    }

    /// Notes the version of the system in a slot.
    pub fn write_version(&self, slot: Slot, version: &str) -> Result<(), ExecuteError> {
        self.put(
            &format!("sigmavault/slot-{}.version", slot.name()),
            format!("{version}\n").as_bytes(),
        )
    }

    /// Notes which answers have installed the disk, and reads that back.
    pub fn write_mark(&self, mark: &Mark) -> Result<(), ExecuteError> {
        let (file, text) = (self.folder.join(ANSWERS), mark.text());
        files::replace(&self.site, &file, text.as_bytes())?;
        files::read_back(&self.site, &file, text.as_bytes())
    }

    /// Which answers have installed the disk, if any did.
    pub fn mark(&self) -> Result<Option<Mark>, ExecuteError> {
        let path = self.folder.join(ANSWERS);
        let mut bytes = Vec::new();
        let read =
            File::open(self.site.path(&path)).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(Mark::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("read", &path, error)),
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ExecuteError> {
        files::replace(&self.site, &self.folder.join(name), bytes)
    }

    fn sync(&self, name: &str) -> Result<(), ExecuteError> {
        let path = self.folder.join(name);
        match File::open(self.site.path(&path)).and_then(|folder| folder.sync_all()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io("write", &path, error)),
            _ => Ok(()),
        }
    }

    /// Unmounts it; everything is on the disk then.
    pub fn close(mut self) -> Result<(), ExecuteError> {
        self.mounted = false;
        self.site.run().succeed(&mount::unmount(&self.folder))?;
        Ok(())
    }
}

impl Drop for Esp {
    fn drop(&mut self) {
        if self.mounted {
            let _ = self.site.run().succeed(&mount::unmount(&self.folder));
        }
    }
}

/// The root hash on the command line that a kernel image carries, or why there is none.
fn root_hash_of(image: &[u8]) -> Result<String, String> {
    let line = kernel_image::command_line(image).map_err(|error| error.to_string())?;
    kernel::argument(&line, "roothash").ok_or_else(|| "its kernel command line names no root hash".to_owned())
}

#[cfg(test)]
#[path = "esp_tests.rs"]
mod tests;
