//! The boot partitions of a Raspberry Pi, one for each slot: what the firmware loads.

use std::path::{Path, PathBuf};

use sigmavault_host::mount;

use super::command_line;
use super::copies::{self, Told};
use super::error::ExecuteError;
use super::files;
use super::keymap::Keymap;
use super::settings_image;
use crate::site::Site;

/// Where one of them is mounted.
const POINT: &str = "/run/sigmavault/boot-slot";
/// The kernel command line.
const COMMAND_LINE: &str = "cmdline.txt";
/// What the initrd gets beside itself.
const SETTINGS: &str = "settings.img";

/// A boot partition while it is mounted. Dropped, it is unmounted.
struct Mounted<'a> {
    site: &'a Site,
    mounted: bool,
}

impl<'a> Mounted<'a> {
    fn new(site: &'a Site, device: &str, options: &str) -> Result<Self, ExecuteError> {
        files::make_folder(site, POINT)?;
        site.run()
            .succeed(&mount::device("vfat", Some(options), device, Path::new(POINT)))?;
        Ok(Self { site, mounted: true })
    }

    fn path(name: &str) -> PathBuf {
        Path::new(POINT).join(name)
    }

    /// Unmounts it; everything is on the disk then.
    fn close(mut self) -> Result<(), ExecuteError> {
        self.mounted = false;
        self.site.run().succeed(&mount::unmount(Path::new(POINT)))?;
        Ok(())
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        if self.mounted {
            let _ = self.site.run().succeed(&mount::unmount(Path::new(POINT)));
        }
    }
}

/// The command line on a boot partition that is mounted, and what it becomes.
fn command_lines(site: &Site, device: &str, root_hash: &str) -> Result<(Vec<u8>, Vec<u8>), ExecuteError> {
    let old = files::read(site, &Mounted::path(COMMAND_LINE))?;
    match command_line::installed(&old, root_hash) {
        Ok(new) => Ok((old, new)),
        Err(unfit) => Err(ExecuteError::CommandLine {
            device: device.to_owned(),
            unfit,
        }),
    }
}

/// Checks that the command line on a boot partition is the running system's and can be changed. Nothing is written.
pub fn check(site: &Site, device: &str, root_hash: &str) -> Result<(), ExecuteError> {
    let mounted = Mounted::new(site, device, "ro")?;
    command_lines(site, device, root_hash)?;
    mounted.close()
}

/// Takes the words of the first start from the command line on a boot partition, and reads it back.
pub fn leave_setup(site: &Site, device: &str, root_hash: &str) -> Result<(), ExecuteError> {
    let mounted = Mounted::new(site, device, OPTIONS)?;
    let (old, new) = command_lines(site, device, root_hash)?;
    let file = Mounted::path(COMMAND_LINE);
    if old != new {
        files::overwrite(site, &file, &new)?;
        files::read_back(site, &file, &new)?;
    }
    mounted.close()
}

/// Writes what the initrd gets beside itself, and reads it back. The file keeps its place and its length: the firmware starts nothing
/// when it is not there, and a power cut must not take it away.
pub fn write_settings(site: &Site, device: &str, keymap: Option<&Keymap>) -> Result<(), ExecuteError> {
    let mounted = Mounted::new(site, device, OPTIONS)?;
    let file = Mounted::path(SETTINGS);
    let mut archive = settings_image::archive(keymap.map(Keymap::text));
    let old = files::read(site, &file)?;
    if archive.len() <= old.len() {
        archive.resize(old.len(), 0);
        if archive != old {
            files::overwrite(site, &file, &archive)?;
        }
    } else {
        files::replace(site, &file, &archive)?;
    }
    files::read_back(site, &file, &archive)?;
    mounted.close()
}

/// Options of a boot partition that is written.
const OPTIONS: &str = "umask=0077";

/// Copies a whole boot partition to another one, and compares them.
pub fn copy(site: &Site, from: &str, to: &str, bytes: u64, told: Told<'_>) -> Result<(), ExecuteError> {
    copies::device(site, from, to, bytes, told)?;
    copies::compare(site, from, to, bytes, told)
}
