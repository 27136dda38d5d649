//! Reading the machine: disks by `lsblk`, the medium by the names that the initrd gave it below `/dev/sigmavault`.

mod drivers;
mod error;
mod setup;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sigmavault_facts::counters::is_hardware_disk;
use sigmavault_facts::{Files, kernel, meminfo};
use sigmavault_host::lsblk::{self, Column, Device};
use sigmavault_host::{localectl, timedatectl, udevadm};

use crate::credentials::accounts::Accounts;
use crate::device::verity;
use crate::identity;
use crate::keyboard::KnownLetters;
use crate::machine::{Contents, Disk, InUse, KeyboardLayout, Machine, Source};
use crate::site::Site;

mod contents;
mod holders;

use contents::contents;
pub use contents::{STATE, STATE_UNFINISHED};
pub use error::InventoryError;

/// What is asked about disks.
const COLUMNS: [Column; 17] = [
    Column::Name,
    Column::Path,
    Column::Type,
    Column::Size,
    Column::Model,
    Column::Serial,
    Column::Wwn,
    Column::Tran,
    Column::Rota,
    Column::Ro,
    Column::LogSec,
    Column::Fstype,
    Column::Label,
    Column::Partlabel,
    Column::Parttypename,
    Column::Pttype,
    Column::Mountpoints,
];
/// What is asked to see whether a device is still the same disk.
const MARKS: [Column; 5] = [
    Column::Path,
    Column::Size,
    Column::Model,
    Column::Serial,
    Column::Wwn,
];
/// Seconds that udev is given to look at the disks.
const SETTLE: u32 = 60;

/// Reads the machine.
pub fn read(site: &Site) -> Result<Machine, InventoryError> {
    let (run, files) = (site.run(), site.files());
    // Serial numbers and contents come from udev, which may still be probing. A timeout is not an error.
    let _ = run.succeed(&udevadm::settle_within(SETTLE));
    let source = source(site)?;
    let text = run.text(&lsblk::whole_tree(&COLUMNS))?;
    let medium = [&source.esp, &source.verity].map(|device| parent_disk(site, device));
    let setup = match &medium[1] {
        Some(disk) => setup::read(site, disk)?,
        None => None,
    };
    let mut disks = disks(site, &lsblk::parse(&text)?, &medium);
    if let Some(setup) = &setup {
        refuse_read_only(site, &mut disks, &setup.disk);
    }
    let memory = files
        .parse("/proc/meminfo", meminfo::parse)
        .map_err(|error| InventoryError::Read("/proc/meminfo", error.to_string()))?;
    Ok(Machine {
        memory: memory.total_bytes,
        firmware: setup::firmware(files),
        tpm2: files
            .attribute("/sys/class/tpm/tpm0/tpm_version_major")
            .as_deref()
            == Some("2"),
        unreadable: disks
            .iter()
            .filter(|disk| setup.as_ref().is_none_or(|setup| setup.disk != disk.name))
            .map(|disk| (disk.name.clone(), drivers::missing(site, &disk.name)))
            .filter(|(_, missing)| !missing.is_empty())
            .collect(),
        disks,
        source,
        setup,
        interfaces: interfaces(files),
        locales: localectl::parse(&run.text(&localectl::list_locales()).unwrap_or_default()),
        keyboards: keyboards(
            &files
                .text("/usr/share/X11/xkb/rules/base.lst")
                .unwrap_or_default(),
        ),
        letters: KnownLetters::default(),
        timezones: timedatectl::parse(&run.text(&timedatectl::list_timezones()).unwrap_or_default()),
        accounts: Accounts::of(files),
    })
}

/// What tells whether a device is still the same disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    serial: Option<String>,
    wwn: Option<String>,
    model: String,
    bytes: u64,
}

impl Marks {
    /// Those of a disk.
    pub fn of(disk: &Disk) -> Self {
        Self {
            serial: disk.serial.clone(),
            wwn: disk.wwn.clone(),
            model: disk.model.clone(),
            bytes: disk.bytes,
        }
    }
}

/// The marks of a device as it is now.
pub fn marks(site: &Site, path: &str) -> Result<Option<Marks>, InventoryError> {
    let text = site.run().text(&lsblk::alone(&MARKS, path))?;
    let devices = lsblk::parse(&text)?;
    let device = devices.iter().find(|device| device.path == path);
    Ok(device.map(|device| marks_of(site, device)))
}

fn marks_of(site: &Site, device: &Device) -> Marks {
    let trimmed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    let name = device.path.rsplit('/').next().unwrap_or_default();
    Marks {
        serial: Some(trimmed(&device.serial)).filter(|serial| !serial.is_empty()),
        wwn: Some(trimmed(&device.wwn))
            .filter(|wwn| !wwn.is_empty())
            .or_else(|| wwid(site.files(), name)),
        model: trimmed(&device.model),
        bytes: device.size,
    }
}

/// The disks among the block devices; `medium` names those that this system was started from.
fn disks(site: &Site, devices: &[Device], medium: &[Option<String>]) -> Vec<Disk> {
    let is_medium = |device: &Device| medium.iter().flatten().any(|name| *name == device.name);
    let mut disks: Vec<Disk> = devices
        .iter()
        .filter(|device| is_disk(device))
        .map(|device| disk(site, device, devices, is_medium(device)))
        .collect();
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    identity::merge_paths(disks)
}

/// An SD card has a switch against writing.
fn refuse_read_only(site: &Site, disks: &mut [Disk], name: &str) {
    let read_only = site
        .files()
        .attribute(format!("/sys/class/block/{name}/ro"))
        .as_deref()
        == Some("1");
    if let Some(disk) = disks
        .iter_mut()
        .find(|disk| disk.name == name)
        .filter(|_| read_only)
    {
        disk.in_use = Some(InUse::ReadOnly);
    }
}

/// The system on the medium.
fn source(site: &Site) -> Result<Source, InventoryError> {
    let files = site.files();
    let cmdline = files
        .text("/proc/cmdline")
        .map_err(|error| InventoryError::Read("/proc/cmdline", error.to_string()))?;
    let root_hash = kernel::argument(&cmdline, "roothash").ok_or(InventoryError::NoMedium("roothash="))?;
    let device = |path: &'static str| {
        site.resolve(path)
            .map(|path| path.display().to_string())
            .map_err(|_| InventoryError::NoMedium(path))
    };
    let verity = device("/dev/sigmavault/root-verity")?;
    let tree = verity::superblock(&site.path(&verity))?;
    Ok(Source {
        version: sigmavault_facts::report::image(files)
            .ok()
            .and_then(|image| image.version)
            .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        root_hash,
        // Reads go through dm-verity: damage on the medium is an error and is not copied.
        root: device("/dev/mapper/root")?,
        root_bytes: tree.data_bytes(),
        verity_bytes: tree.tree_bytes(),
        verity,
        // Without UEFI it is not needed: such a machine is refused.
        esp: device("/dev/sigmavault/esp").unwrap_or_default(),
    })
}

/// The disk that a partition is on.
fn parent_disk(site: &Site, partition: &str) -> Option<String> {
    let name = Path::new(partition).file_name()?;
    let path = site.resolve(Path::new("/sys/class/block").join(name)).ok()?;
    Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
}

/// Whether something can be installed on it: a device with hardware behind it, no area of an eMMC that is meant for
/// firmware, and with a medium in it.
fn is_disk(device: &Device) -> bool {
    device.kind == "disk" && device.size > 0 && is_hardware_disk(&device.name)
}

/// World-wide name as the kernel knows it (`naa.` or `eui.` and digits), for a disk that udev did not ask.
fn wwid(files: &Files, name: &str) -> Option<String> {
    ["device/wwid", "wwid"].iter().find_map(|attribute| {
        let text = files.attribute(format!("/sys/class/block/{name}/{attribute}"))?;
        ["naa.", "eui."]
            .iter()
            .any(|prefix| text.starts_with(prefix))
            .then_some(text)
    })
}

/// Interfaces with hardware behind them.
fn interfaces(files: &Files) -> Vec<String> {
    let names = files.names("/sys/class/net").unwrap_or_default();
    names
        .into_iter()
        .filter(|name| files.link(format!("/sys/class/net/{name}/device")).is_some())
        .collect()
}

fn disk(site: &Site, device: &Device, all: &[Device], medium: bool) -> Disk {
    let holders = if medium || device.read_only {
        None
    } else {
        holders::of(device, all)
    };
    let in_use = if medium {
        Some(InUse::Medium)
    } else if device.read_only {
        Some(InUse::ReadOnly)
    } else if holders.is_some() {
        None
    } else {
        holders::in_the_way(device).or_else(|| claimed(&site.path(&device.path)))
    };
    let marks = marks_of(site, device);
    Disk {
        name: device.name.clone(),
        path: device.path.clone(),
        links: links(site, &device.path),
        model: marks.model,
        serial: marks.serial,
        wwn: marks.wwn,
        subsystem: site
            .files()
            .attribute(format!("/sys/class/block/{}/device/subsysnqn", device.name)),
        paths: Vec::new(),
        bus: device.transport.clone().unwrap_or_default(),
        bytes: marks.bytes,
        rotational: device.rotational,
        sector: u32::try_from(device.logical_sector).unwrap_or_default(),
        in_use,
        contents: match (contents(device), holders.as_deref()) {
            (Contents::Empty, Some([first, ..])) => Contents::Foreign(format!("a part of {}", first.name)),
            (contents, _) => contents,
        },
        holders: holders.unwrap_or_default(),
    }
}

/// Whether something else has claimed it, such as an imported pool.
fn claimed(path: &Path) -> Option<InUse> {
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_EXCL)
        .open(path);
    match open {
        Err(error) if error.raw_os_error() == Some(nix::libc::EBUSY) => Some(InUse::Claimed),
        _ => None,
    }
}

/// Names below `/dev/disk`, those by id first.
fn links(site: &Site, path: &str) -> Vec<String> {
    let mut links = Vec::new();
    for folder in ["by-id", "by-path"] {
        let folder = Path::new("/dev/disk").join(folder);
        let mut here: Vec<String> = site
            .path(&folder)
            .read_dir()
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| folder.join(entry.file_name()))
            .filter(|link| site.resolve(link).is_ok_and(|target| target == Path::new(path)))
            .map(|link| link.display().to_string())
            .collect();
        here.sort_by_key(|link| (link.contains("/wwn-"), link.contains("/nvme-eui."), link.clone()));
        links.append(&mut here);
    }
    links
}

/// Layouts and variants of `base.lst` (xkeyboard-config).
fn keyboards(text: &str) -> Vec<KeyboardLayout> {
    let mut section = "";
    let mut layouts: Vec<KeyboardLayout> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("! ") {
            section = name.trim();
            continue;
        }
        let Some((name, rest)) = line.trim().split_once(char::is_whitespace) else {
            continue;
        };
        let rest = rest.trim();
        match section {
            "layout" => layouts.push(KeyboardLayout {
                name: name.to_owned(),
                description: rest.to_owned(),
                variants: Vec::new(),
            }),
            "variant" => {
                let Some((layout, description)) = rest.split_once(": ") else {
                    continue;
                };
                if let Some(of) = layouts.iter_mut().find(|known| known.name == layout) {
                    of.variants.push((name.to_owned(), description.to_owned()));
                }
            }
            _ => {}
        }
    }
    layouts.sort_by(|a, b| a.description.cmp(&b.description));
    layouts
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
