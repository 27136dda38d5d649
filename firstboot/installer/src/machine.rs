//! What the installer knows about the machine it runs on. Plain data, so that plans are made and tested, and
//! screens shown, without a machine; [`crate::inventory`] reads a real one.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::credentials::accounts::Accounts;
use crate::keyboard::KnownLetters;

/// The machine and the medium it was started from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Machine {
    /// Memory in bytes, as the kernel sees it.
    pub memory: u64,
    /// How it was started.
    pub firmware: Firmware,
    /// Whether it has a TPM 2.0 that Linux can use.
    pub tpm2: bool,
    /// Whole disks, the medium included, sorted by name.
    pub disks: Vec<Disk>,
    /// Disks that the installed system could not read, by kernel name, with the drivers that its initrd lacks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, Vec<String>>,
    /// The system on the medium, or in the slot that runs.
    pub source: Source,
    /// What the first start of a disk that was written from an image has found on it; none on an installation medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<Setup>,
    /// Network interfaces that can be given an address, by name.
    pub interfaces: Vec<String>,
    /// Locales that the image has.
    pub locales: Vec<String>,
    /// XKB layouts with their descriptions.
    pub keyboards: Vec<KeyboardLayout>,
    /// Which letters those layouts type that were asked about.
    #[serde(default, skip_serializing_if = "KnownLetters::is_empty")]
    pub letters: KnownLetters,
    /// Time zones.
    pub timezones: Vec<String>,
    /// Users and groups that the image has.
    pub accounts: Accounts,
}

/// How a machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// By UEFI.
    Uefi,
    /// By BIOS, or UEFI's imitation of it (CSM).
    Bios,
    /// By the firmware of a Raspberry Pi, which has neither.
    RaspberryPi,
}

/// A Raspberry Pi's disk at its first start: it was written from an image, this system runs from slot A on it, and it is
/// the only disk that can be the system disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Setup {
    /// Kernel name of the disk.
    pub disk: String,
    /// Model of the machine, such as `Raspberry Pi 5 Model B Rev 1.0`.
    pub model: String,
    /// Partitions of the disk, by number.
    pub partitions: Vec<Present>,
}

/// A partition that is on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Present {
    /// Its number.
    pub number: u32,
    /// GPT name.
    pub label: String,
    /// GPT partition type, a GUID.
    pub kind: String,
    /// Bytes of the disk before it.
    pub start: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Present {
    /// What a definition of it is called (repart.d(5)), without `.conf`; it sorts before those of the image.
    pub fn definition(&self) -> String {
        format!("{:02}-{}", self.number, self.label)
    }
}

impl Setup {
    /// GPT name of the partition that marks the disk as set up.
    pub const STATE: &'static str = "state";
    /// Its name until then.
    pub const STATE_UNFINISHED: &'static str = "state-new";

    /// Whether the disk was set up before: its state partition has its final name, which it gets when nothing but the
    /// kernel command line is left to be changed.
    pub fn is_done(&self) -> bool {
        self.partitions.iter().any(|part| part.label == Self::STATE)
    }
}

/// An XKB layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyboardLayout {
    /// Name, such as `de`.
    pub name: String,
    /// Description, such as `German`.
    pub description: String,
    /// Variants: name and description.
    pub variants: Vec<(String, String)>,
}

/// The system on the medium: what is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Source {
    /// Version of the image.
    pub version: String,
    /// Root hash, 64 hexadecimal digits.
    pub root_hash: String,
    /// Device of the root file system, below the verity device.
    pub root: String,
    /// Its bytes.
    pub root_bytes: u64,
    /// Device of the verity tree.
    pub verity: String,
    /// Its bytes.
    pub verity_bytes: u64,
    /// Device of the EFI system partition.
    pub esp: String,
}

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Disk {
    /// Kernel name, such as `sda`.
    pub name: String,
    /// Device, such as `/dev/sda`.
    pub path: String,
    /// Other names of the device below `/dev/disk`; the first is the most telling one.
    pub links: Vec<String>,
    /// Further devices that lead to the same disk, such as those of a second cable.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Model, or what else names it; may be empty.
    pub model: String,
    /// Serial number.
    pub serial: Option<String>,
    /// World-wide name.
    pub wwn: Option<String>,
    /// Name of the `NVMe` subsystem that it is a namespace of (NVM Express Base Specification, NQN). Namespaces of one
    /// subsystem are parts of one drive.
    #[serde(default)]
    pub subsystem: Option<String>,
    /// Bus, as lsblk names it: `sata`, `nvme`, `usb`, `virtio`; may be empty.
    pub bus: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether it is rotational.
    pub rotational: bool,
    /// Bytes of a logical sector.
    pub sector: u32,
    /// Why it cannot be written.
    pub in_use: Option<InUse>,
    /// What runs on it and can be stopped so that it can be written, in the order of stopping.
    #[serde(default)]
    pub holders: Vec<Holder>,
    /// What is on it.
    pub contents: Contents,
}

/// Why a disk cannot be written. `Display` says it as part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InUse {
    /// This system was started from it.
    Medium,
    /// It is read-only.
    ReadOnly,
    /// It, or a part of it, is mounted or used for swap.
    Mounted {
        /// Kernel name of the part.
        device: String,
        /// Where; `[SWAP]` for swap.
        at: String,
    },
    /// Something that runs is made of it, such as an array.
    Holder {
        /// Kernel name of what is made of it.
        device: String,
        /// Its kind, as lsblk names it.
        kind: String,
    },
    /// It is part of an imported pool.
    Pool(String),
    /// The kernel says that something has claimed it.
    Claimed,
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Medium => f.write_str("it is the medium that this system was started from"),
            Self::ReadOnly => f.write_str("it is read-only"),
            Self::Mounted { device, at } => write!(f, "{device} is in use as {at}"),
            Self::Holder { device, kind } => write!(f, "{device} ({kind}) is made of it and running"),
            Self::Pool(name) => write!(f, "it is part of the imported pool \"{name}\""),
            Self::Claimed => f.write_str("another part of this system uses it, such as an imported pool"),
        }
    }
}

impl InUse {
    /// What can be done about it.
    pub fn way_out(&self) -> String {
        match self {
            Self::Medium => "another disk".to_owned(),
            Self::ReadOnly => "its write-protection switch, or another disk".to_owned(),
            Self::Mounted { device, at } if at == "[SWAP]" => format!("swapoff /dev/{device}"),
            Self::Mounted { at, .. } => format!("umount {at}"),
            Self::Holder { device, .. } => format!("stop {device}, or take another disk"),
            Self::Pool(name) => format!("zpool export {name}"),
            Self::Claimed => {
                "zpool export POOL, if `zpool status` shows it in a pool; `lsblk` shows what else uses it"
                    .to_owned()
            }
        }
    }
}

/// Something that runs on a disk and has nothing mounted: an array that was assembled by itself, or a logical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Holder {
    /// Its kernel name, or the name of its mapping.
    pub name: String,
    /// Its device.
    pub path: String,
    /// Its kind, as lsblk names it: `raid1`, `lvm`.
    pub kind: String,
    /// What stops it.
    pub stop: StopBy,
    /// Names of all disks that it is made of.
    pub disks: Vec<String>,
    /// What is on it, in words; may be empty.
    pub contents: String,
}

/// What stops a [`Holder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopBy {
    /// It is an array of Linux's software RAID.
    Mdadm,
    /// It is a mapping of the device mapper.
    Dmsetup,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} on {}", self.name, self.kind, self.disks.join(" "))?;
        if !self.contents.is_empty() {
            write!(f, ", holds {}", self.contents)?;
        }
        f.write_str(")")
    }
}

/// What is on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// Nothing that has a signature.
    Empty,
    /// A SigmaVault system.
    SigmaVault(Installed),
    /// Something else, in words: `2 partitions: EFI system (vfat), "data" (ntfs)`.
    Foreign(String),
}

/// A SigmaVault system on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Installed {
    /// Whether its installation was completed.
    pub complete: bool,
    /// Version of the newest slot, when its boot entries tell.
    pub version: Option<String>,
    /// Bytes of each root slot, of each verity slot and of the state partition.
    pub slot_bytes: u64,
    /// Bytes of each verity slot.
    pub verity_bytes: u64,
    /// Bytes of the state partition.
    pub state_bytes: u64,
    /// Whether the state partition is encrypted.
    pub encrypted: bool,
}

impl Machine {
    /// The disk that is set up, at its first start.
    pub fn setup_disk(&self) -> Option<&Disk> {
        let setup = self.setup.as_ref()?;
        self.disks.iter().find(|disk| disk.name == setup.disk)
    }

    /// The disks that something can be installed to: all but the medium.
    pub fn candidates(&self) -> Vec<&Disk> {
        self.disks
            .iter()
            .filter(|disk| disk.in_use != Some(InUse::Medium))
            .collect()
    }
}

impl Disk {
    /// A description in one line.
    pub fn describe(&self) -> String {
        let model = if self.model.is_empty() {
            "no model"
        } else {
            &self.model
        };
        let serial = self.serial.as_deref().unwrap_or("no serial number");
        let bus = if self.bus.is_empty() {
            "unknown bus"
        } else {
            &self.bus
        };
        let line = [&self.name, &self.size(), bus, model, serial].join("  ");
        if self.paths.is_empty() {
            return line;
        }
        let ways = self.paths.len() + 1;
        format!(
            "{line}  (one disk with {ways} paths, also {})",
            self.paths.join(" ")
        )
    }

    /// Size for a person, in the decimal units that are printed on disks.
    pub fn size(&self) -> String {
        decimal(self.bytes)
    }

    /// Whether nothing can ever be installed on it, whatever else is done: it is the medium, cannot be written, or is
    /// smaller than anything that is put on a disk, as boot areas are.
    pub fn is_out_of_question(&self) -> bool {
        const SMALLEST: u64 = 64 << 20;
        matches!(self.in_use, Some(InUse::Medium | InUse::ReadOnly)) || self.bytes < SMALLEST
    }
}

/// Bytes in decimal units, three digits: `500 GB`, `1.00 TB`.
#[allow(clippy::cast_precision_loss)]
pub fn decimal(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}
