//! Where answers come from when nobody types them.
//!
//! The first that there is: the kernel command line, a system credential, a file system labelled `SVANSWERS`, the
//! medium, which on a Raspberry Pi is the disk that the image was written to. A source that is named or labelled for it but cannot be read is an error, never passed over: the next one
//! might erase another disk. So are two file systems with one label.
//!
//! [`find`] decides; [`Door`] is what it needs of the machine, and [`volume::Live`] is the machine.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use sigmavault_facts::kernel;

use crate::answers;
use crate::machine::Machine;

pub use door::{Device, Door};

mod door;
pub mod volume;

#[cfg(test)]
mod tests;

/// Word on the kernel command line.
pub const ARGUMENT: &str = "sigmavault.answers";
/// System credential (systemd.exec(5), "Credentials"): from the firmware, the hypervisor or the boot loader.
pub const CREDENTIAL: &str = "/run/credentials/@system/sigmavault.answers";
/// Label of a file system that is there for nothing else.
pub const LABEL: &str = "SVANSWERS";
/// The file on such a file system, on the medium's EFI system partition, and on the first partition of a Raspberry Pi's
/// disk.
pub const FILE: &str = "answers.toml";
/// The file in the medium's ISO 9660 tree.
pub const TREE_FILE: &str = "sigmavault/answers.toml";
/// How long a device named on the kernel command line may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why answers that somebody left cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The word on the kernel command line is invalid. Its text may contain a password.
    #[error(
        "sigmavault.answers= on the kernel command line {0}\n  try: base64:TEXT, LABEL:/path/of/file or /dev/DEVICE:/path/of/file"
    )]
    Argument(String),
    /// The kernel command line holds secrets.
    #[error(
        "the answers on the kernel command line hold {}, which every program of the live system and its journal can \
         read\n  try: a stick with these answers, labelled SVANSWERS, or user.password-hash for the password; use other \
         secrets from now on",
        .keys.join(" and ")
    )]
    Exposed {
        /// Keys of the secrets.
        keys: Vec<String>,
    },
    /// The device is not there.
    #[error(
        "{place}: there is no such device\n  try: look at the label with `lsblk -f`, or plug it in before the start"
    )]
    NoDevice {
        /// Where.
        place: String,
    },
    /// Several devices could be meant.
    #[error(
        "{place}: several have this label: {}\n  try: take out all but one; whose answers hold is not left to chance",
        .devices.iter().map(|device| device.display().to_string()).collect::<Vec<_>>().join(" ")
    )]
    Several {
        /// Where.
        place: String,
        /// The devices.
        devices: Vec<PathBuf>,
    },
    /// The file is not there.
    #[error("{place}: there is no such file\n  try: put it there, or take the volume out to be asked")]
    NoFile {
        /// Where.
        place: String,
    },
    /// It cannot be read.
    #[error("{place}: {error}\n  try: another stick, formatted as FAT, or another way to give answers")]
    Read {
        /// Where.
        place: String,
        /// Why not.
        error: io::Error,
    },
}

/// What the kernel command line says about answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// The answers themselves.
    Inline(String),
    /// The answers are in this file.
    File {
        /// The device.
        device: Device,
        /// The file, relative to the root of its file system.
        path: PathBuf,
    },
}

/// The devices of the medium that may hold answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Medium {
    /// EFI system partition, or the first partition of a Raspberry Pi's disk.
    pub esp: Option<PathBuf>,
    /// What a person calls that partition.
    pub called: &'static str,
    /// Devices that show the ISO 9660 tree, the best first.
    pub tree: Vec<PathBuf>,
}

impl Medium {
    /// The medium that the system was started from.
    pub fn of(machine: &Machine) -> Self {
        let source = &machine.source;
        let esp = Some(&source.esp).filter(|esp| !esp.is_empty()).map(PathBuf::from);
        if machine.setup.is_some() {
            return Self {
                esp,
                called: "the disk's first partition (boot)",
                tree: Vec::new(),
            };
        }
        Self {
            esp,
            called: "the medium's EFI system partition",
            tree: volume::tree_devices(Path::new("/sys/class/block"), &source.verity),
        }
    }
}

/// Answers that somebody left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where, for a person.
    pub place: String,
    /// Their text.
    pub text: String,
    /// The device of the file system that they are on, if they are on one.
    pub volume: Option<PathBuf>,
}

/// The answers that somebody left, and where they were.
pub fn find(door: &dyn Door, medium: &Medium) -> Result<Option<Found>, SourceError> {
    let cmdline = door.text(Path::new("/proc/cmdline")).map_err(unread(CMDLINE))?;
    let cmdline = cmdline.unwrap_or_default();
    if let Some(found) = on_command_line(door, &cmdline)? {
        return Ok(Some(found));
    }
    let place = "the system credential sigmavault.answers".to_owned();
    if let Some(text) = door.text(Path::new(CREDENTIAL)).map_err(unread(&place))? {
        if sets_credential(&cmdline) {
            refuse_secrets(&text)?;
        }
        return Ok(Some(Found {
            place,
            text,
            volume: None,
        }));
    }
    let place = format!("{FILE} on the file system labelled {LABEL}");
    if let Some(device) = device(door, &Device::Label(LABEL.to_owned()), Duration::ZERO, &place)? {
        return read(door, &device, Path::new(FILE), place).map(Some);
    }
    if let Some(esp) = &medium.esp {
        let place = format!("{FILE} on {}", medium.called);
        if let Some(text) = door.text_on(esp, Path::new(FILE)).map_err(unread(&place))? {
            return Ok(Some(Found {
                place,
                text,
                volume: Some(esp.clone()),
            }));
        }
    }
    on_tree(door, &medium.tree)
}

/// The place of answers that stand there themselves.
const CMDLINE: &str = "the kernel command line";

fn on_command_line(door: &dyn Door, cmdline: &str) -> Result<Option<Found>, SourceError> {
    let Some(value) = kernel::argument(cmdline, ARGUMENT) else {
        return Ok(None);
    };
    match argument(&value).map_err(SourceError::Argument)? {
        Argument::Inline(text) => {
            refuse_secrets(&text)?;
            Ok(Some(Found {
                place: CMDLINE.to_owned(),
                text,
                volume: None,
            }))
        }
        Argument::File { device, path } => {
            let place = format!("{value} ({CMDLINE})");
            match self::device(door, &device, PATIENCE, &place)? {
                Some(node) => read(door, &node, &path, place).map(Some),
                None => Err(SourceError::NoDevice { place }),
            }
        }
    }
}

/// Refuses answers that everybody can read.
fn refuse_secrets(text: &str) -> Result<(), SourceError> {
    let keys = answers::typed_secrets(text);
    if keys.is_empty() {
        Ok(())
    } else {
        Err(SourceError::Exposed { keys })
    }
}

/// Whether the credential stands on the kernel command line (systemd(1), "Kernel Command Line").
fn sets_credential(cmdline: &str) -> bool {
    ["systemd.set_credential=", "systemd.set_credential_binary="]
        .iter()
        .any(|word| cmdline.contains(&format!("{word}sigmavault.answers:")))
}

/// The one device that is meant, if it has appeared in this time.
fn device(
    door: &dyn Door,
    device: &Device,
    patience: Duration,
    place: &str,
) -> Result<Option<PathBuf>, SourceError> {
    let mut devices = door.devices(device, patience).map_err(unread(place))?;
    if devices.len() > 1 {
        return Err(SourceError::Several {
            place: place.to_owned(),
            devices,
        });
    }
    Ok(devices.pop())
}

/// The first device of the tree that can be read decides: a whole disk is busy while its partitions are in use.
fn on_tree(door: &dyn Door, devices: &[PathBuf]) -> Result<Option<Found>, SourceError> {
    let place = format!("{TREE_FILE} on the medium");
    let mut failed = None;
    for device in devices {
        match door.text_on(device, Path::new(TREE_FILE)) {
            Ok(text) => {
                return Ok(text.map(|text| Found {
                    place,
                    text,
                    volume: Some(device.clone()),
                }));
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(None), |error| Err(SourceError::Read { place, error }))
}

fn read(door: &dyn Door, device: &Path, file: &Path, place: String) -> Result<Found, SourceError> {
    match door.text_on(device, file).map_err(unread(&place))? {
        Some(text) => Ok(Found {
            place,
            text,
            volume: Some(device.to_owned()),
        }),
        None => Err(SourceError::NoFile { place }),
    }
}

fn unread(place: &str) -> impl FnOnce(io::Error) -> SourceError {
    let place = place.to_owned();
    move |error| SourceError::Read { place, error }
}

/// Reads the value of `sigmavault.answers=`, or says what is wrong without repeating it.
pub fn argument(value: &str) -> Result<Argument, String> {
    if let Some(coded) = value.strip_prefix("base64:") {
        let bytes = STANDARD_PAD_INDIFFERENT
            .decode(coded)
            .map_err(|_| "is cut off or not base64".to_owned())?;
        return String::from_utf8(bytes)
            .map(Argument::Inline)
            .map_err(|_| "is base64 of something that is not UTF-8 text".to_owned());
    }
    // Names below /dev/disk/by-path have colons too, but none before a slash.
    let Some((device, path)) = value.split_once(":/").filter(|(device, _)| !device.is_empty()) else {
        return Err("names no device and file".to_owned());
    };
    let path = PathBuf::from(path);
    let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    if path.as_os_str().is_empty() || !plain(&path) {
        return Err("names no file, or one with '..' in its path".to_owned());
    }
    let device = match device.strip_prefix("/dev/") {
        Some(name) if !name.is_empty() && plain(Path::new(name)) => Device::Path(PathBuf::from(device)),
        None if !device.contains('/') => Device::Label(device.to_owned()),
        _ => return Err("names a device that is not below /dev".to_owned()),
    };
    Ok(Argument::File { device, path })
}
