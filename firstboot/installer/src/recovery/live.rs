//! The running machine as a [`Keeper`].

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{Keeper, NoPlace, Place, Sheet, try_folder};
use crate::answers::Action;

/// Where files are gone when the machine is switched off.
const MEMORY: &str = "/run/sigmavault";
/// `MS_NOSYMFOLLOW` (mount(2)): a link on a foreign volume does not lead into this system.
const NO_LINKS: MsFlags = MsFlags::from_bits_retain(256);

/// For answers that somebody left: on their volume, or in memory as long as the machine stays on.
#[derive(Debug)]
pub struct Left {
    volume: Option<PathBuf>,
    /// Whether that volume is on the disk that the keys open.
    same_disk: bool,
    memory: PathBuf,
}

impl Left {
    /// For answers from this volume, or from none.
    pub fn new(volume: Option<PathBuf>) -> Self {
        Self {
            volume,
            same_disk: false,
            memory: PathBuf::from(MEMORY),
        }
    }

    /// For answers on the first partition of the disk that the keys open.
    #[must_use]
    pub fn on_same_disk(self, same_disk: bool) -> Self {
        Self { same_disk, ..self }
    }

    fn memory(&self) -> io::Result<&Path> {
        fs::create_dir_all(&self.memory)?;
        Ok(&self.memory)
    }
}

impl Keeper for Left {
    fn choose(&self, after: Action) -> Result<Place, NoPlace> {
        let refused = match &self.volume {
            None => NoPlace::NoVolume,
            Some(device) => match on(device, try_folder) {
                Ok(()) => return Ok(Place::Volume),
                Err(error) => NoPlace::Unwritable(error),
            },
        };
        match after {
            Action::Wait => {
                let tried = self.memory().and_then(try_folder);
                tried.map(|()| Place::Memory).map_err(NoPlace::Unwritable)
            }
            Action::Reboot | Action::Poweroff => Err(refused),
        }
    }

    fn keep(&self, place: &Place, sheet: &Sheet) -> io::Result<String> {
        match (place, &self.volume) {
            (Place::Volume, Some(device)) => {
                let name = on(device, |folder| sheet.write_into(folder))?;
                let name = name.display();
                Ok(if self.same_disk {
                    format!(
                        "{name} on the first partition of the disk that it opens: move it away from there, where everybody \
                         can read it (/boot on the installed system)"
                    )
                } else {
                    format!("{name} on the answers' volume")
                })
            }
            _ => {
                let folder = self.memory()?;
                let name = sheet.write_into(folder)?;
                Ok(format!(
                    "{}, which is gone when this machine is switched off: copy it now",
                    folder.join(name).display()
                ))
            }
        }
    }
}

/// For a person who began the installation on a terminal, and sees it.
#[derive(Debug)]
pub struct OnTerminal;

impl Keeper for OnTerminal {
    fn choose(&self, _: Action) -> Result<Place, NoPlace> {
        Ok(Place::Terminal)
    }

    fn keep(&self, _: &Place, sheet: &Sheet) -> io::Result<String> {
        writeln!(io::stdout(), "\n{}", sheet.text())?;
        Ok("nowhere but above: write it down now".to_owned())
    }
}

/// For a demonstration, which makes no key that opens anything.
#[derive(Debug)]
pub struct Demonstration;

impl Keeper for Demonstration {
    fn choose(&self, _: Action) -> Result<Place, NoPlace> {
        Ok(Place::Demonstration)
    }

    fn keep(&self, _: &Place, _: &Sheet) -> io::Result<String> {
        Ok("nowhere: this is a demonstration".to_owned())
    }
}

/// Does something in the root of a volume's file system, which is FAT, and unmounts it.
fn on<T>(device: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let point = PathBuf::from(format!("/run/sigmavault-recovery.{}", std::process::id()));
    fs::create_dir_all(&point)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | NO_LINKS;
    let done = mount(Some(device), &point, Some("vfat"), flags, Some("umask=0077"))
        .map_err(|error| io::Error::other(format!("cannot mount {} for writing: {error}", device.display())))
        .and_then(|()| {
            let done = work(&point);
            // What was written is on the volume only once this works.
            let gone = umount2(&point, MntFlags::empty());
            if gone.is_err() {
                let _ = umount2(&point, MntFlags::MNT_DETACH);
            }
            gone.map_err(io::Error::from).and(done)
        });
    fs::remove_dir(&point)?;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_volume_only_a_machine_that_stays_on_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let left = Left {
            volume: None,
            same_disk: false,
            memory: folder.path().join("memory"),
        };
        for after in [Action::Reboot, Action::Poweroff] {
            assert!(matches!(left.choose(after), Err(NoPlace::NoVolume)));
        }
        assert_eq!(left.choose(Action::Wait).unwrap(), Place::Memory);
        let sheet = Sheet {
            name: "S".to_owned(),
            text: "key\n".to_owned(),
        };
        let place = left.keep(&Place::Memory, &sheet).unwrap();
        assert!(place.contains("recovery-key-S.txt, which is gone"), "{place}");
        let written = folder.path().join("memory/recovery-key-S.txt");
        assert_eq!(fs::read_to_string(written).unwrap(), "key\n");
    }

    #[test]
    fn a_volume_that_cannot_be_written_to_refuses_before_anything_is_written() {
        let left = Left {
            volume: Some(PathBuf::from("/dev/sigmavault-no-such-device")),
            same_disk: false,
            memory: tempfile::tempdir().unwrap().path().join("memory"),
        };
        let error = left.choose(Action::Poweroff).unwrap_err().to_string();
        assert!(
            error.contains("cannot mount /dev/sigmavault-no-such-device")
                && error.contains("\n  try: give the answers on a FAT volume labelled SVANSWERS"),
            "{error}"
        );
    }
}
