//! Which profiles fit a machine, judged by its hardware report.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;
use sigmavault_types::hardware::{self, HardwareReport, Transport};

use super::glob;
use super::hardware_id::HardwareId;
use super::resolved::Profile;
use super::values::{Arch, BootFirmware, Desktop, Tier};

/// A display controller on PCI.
const DISPLAY: &str = "pci:*bc03sc*i*";
/// Vendors of the displays in a server's remote console: ASPEED and Matrox.
const REMOTE_DISPLAYS: [&str; 2] = ["pci:v00001A03", "pci:v0000102B"];

/// How well a profile fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing speaks against it.
    Fits,
    /// It starts, but something speaks against it.
    Poorly,
    /// It does not start.
    Not,
}

/// What a reason does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It speaks for the profile.
    For,
    /// It is to be known.
    Note,
    /// It speaks against the profile.
    Against,
    /// It rules the profile out.
    Excludes,
}

/// One thing about a profile and a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The architecture is one of the profile's.
    #[error("it is built for {0}")]
    Arch(Arch),
    /// The architecture is another.
    #[error("it is not built for {}, only for {}", machine.name(), names(built_for))]
    OtherArch {
        /// The machine's.
        machine: hardware::Arch,
        /// The profile's.
        built_for: Vec<Arch>,
    },
    /// The ISO starts by the machine's firmware.
    #[error("it starts by {0}")]
    Firmware(BootFirmware),
    /// The ISO does not start by the machine's firmware.
    #[error("it does not start by {machine}, only by {}", names(starts_by))]
    OtherFirmware {
        /// The machine's.
        machine: BootFirmware,
        /// The profile's.
        starts_by: Vec<BootFirmware>,
    },
    /// The machine has neither UEFI nor BIOS.
    #[error("the machine has no firmware that starts it; it starts only by {}", names(.0))]
    NoFirmware(Vec<BootFirmware>),
    /// The image is for other models.
    #[error("it starts on {} only, and this is {machine}", names(models))]
    OtherModel {
        /// The machine's.
        machine: String,
        /// The profile's.
        models: Vec<String>,
    },
    /// The report does not say what started the machine.
    #[error("the report does not say what firmware the machine has")]
    FirmwareUnknown,
    /// Devices that the profile names are in the machine.
    #[error("it names {} of the machine's devices: {}", .0.len(), names(.0))]
    Devices(Vec<HardwareId>),
    /// None is.
    #[error("it names {0} devices, and the machine has none of them")]
    NoDevices(usize),
    /// The report lists no devices.
    #[error("the report lists no devices; make it again with a newer `sigmavault-detector --json`")]
    DevicesUnknown,
    /// The profile promises drivers for the machine's disks.
    #[error("it promises drivers for the machine's disks: {}", names(.0))]
    Disks(Vec<String>),
    /// The profile promises no driver for some disks.
    #[error("it promises no driver for {} disks", names(.0))]
    NoDisks(Vec<&'static str>),
    /// The machine has a screen for the desktop.
    #[error("the machine can show its desktop")]
    Screen,
    /// The machine has only the screen of its remote console.
    #[error("the machine shows its desktop on its remote console only")]
    RemoteScreen,
    /// The machine has no screen for the desktop.
    #[error("the machine has nothing to show its desktop on")]
    NoScreen,
    /// The machine's language model is within the profile's bounds.
    #[error("the machine's language model tier is {0}")]
    Tier(Tier),
    /// The machine could run a larger model.
    #[error("the machine could run the tier {machine}, the profile's largest is {largest}")]
    TierAbove {
        /// The machine's.
        machine: Tier,
        /// The profile's.
        largest: Tier,
    },
    /// The machine is too small for the profile's smallest model.
    #[error("the machine runs the tier {machine}, the profile's smallest is {smallest}")]
    TierBelow {
        /// The machine's.
        machine: Tier,
        /// The profile's.
        smallest: Tier,
    },
}

impl Reason {
    /// What it does to the verdict.
    pub fn weight(&self) -> Weight {
        match self {
            Self::OtherArch { .. }
            | Self::OtherFirmware { .. }
            | Self::OtherModel { .. }
            | Self::NoFirmware(_) => Weight::Excludes,
            Self::NoDevices(_) | Self::NoDisks(_) | Self::NoScreen | Self::TierBelow { .. } => {
                Weight::Against
            }
            Self::FirmwareUnknown | Self::DevicesUnknown | Self::RemoteScreen | Self::TierAbove { .. } => {
                Weight::Note
            }
            Self::Arch(_)
            | Self::Firmware(_)
            | Self::Devices(_)
            | Self::Disks(_)
            | Self::Screen
            | Self::Tier(_) => Weight::For,
        }
    }
}

fn names<T: ToString>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// A profile and what speaks for and against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// The profile.
    pub profile: Profile,
    /// The reasons, in the order in which they are told.
    pub reasons: Vec<Reason>,
}

impl Fit {
    /// How well the profile fits.
    pub fn verdict(&self) -> Verdict {
        match self.reasons.iter().map(Reason::weight).max() {
            Some(Weight::Excludes) => Verdict::Not,
            Some(Weight::Against) => Verdict::Poorly,
            _ => Verdict::Fits,
        }
    }

    /// How many devices that the profile names are in the machine.
    fn devices(&self) -> usize {
        let count = |reason: &Reason| match reason {
            Reason::Devices(found) => found.len(),
            _ => 0,
        };
        self.reasons.iter().map(count).sum()
    }

    /// Whether it makes use of a screen that is there, or does without.
    fn uses_screen(&self) -> bool {
        self.reasons.contains(&Reason::Screen)
    }
}

/// Every profile that can be built, the best first: by verdict, by the number of devices that it names, with a desktop where
/// there is a screen for it, then the smallest.
pub fn ranked(profiles: impl IntoIterator<Item = Profile>, report: &HardwareReport) -> Vec<Fit> {
    let mut fits: Vec<Fit> = profiles
        .into_iter()
        .filter(|profile| !profile.is_abstract)
        .map(|profile| Fit {
            reasons: reasons(&profile, report),
            profile,
        })
        .collect();
    fits.sort_by_key(|fit| {
        (
            fit.verdict(),
            Reverse(fit.devices()),
            !fit.uses_screen(),
            fit.profile.iso_budget(),
        )
    });
    fits
}

fn reasons(profile: &Profile, report: &HardwareReport) -> Vec<Reason> {
    let arch = match report.cpu.arch {
        hardware::Arch::X86_64 => Some(Arch::Amd64),
        hardware::Arch::Aarch64 => Some(Arch::Arm64),
        hardware::Arch::Other => None,
    };
    let Some(arch) = arch.filter(|arch| profile.supports(*arch)) else {
        return vec![Reason::OtherArch {
            machine: report.cpu.arch,
            built_for: profile.arch.clone(),
        }];
    };
    let mut reasons = vec![Reason::Arch(arch), firmware(profile, arch, report)];
    reasons.extend(model(profile, report));
    reasons.extend(devices(profile, report));
    reasons.extend(disks(profile, report));
    if profile.system.desktop == Desktop::Gnome && !report.devices.is_empty() {
        reasons.push(screen(report));
    }
    reasons.extend(tier(profile, report));
    reasons
}

fn firmware(profile: &Profile, arch: Arch, report: &HardwareReport) -> Reason {
    let starts_by = profile.boot_firmware(arch);
    let machine = match report.firmware {
        None => return Reason::FirmwareUnknown,
        Some(hardware::Firmware::DeviceTree) if is_raspberry_pi(report) => BootFirmware::RaspberryPi,
        Some(hardware::Firmware::DeviceTree) => return Reason::NoFirmware(starts_by),
        Some(hardware::Firmware::Uefi) => BootFirmware::Uefi,
        Some(hardware::Firmware::Bios) => BootFirmware::Bios,
    };
    if starts_by.contains(&machine) {
        Reason::Firmware(machine)
    } else {
        Reason::OtherFirmware { machine, starts_by }
    }
}

/// Another machine than the profile is for.
fn model(profile: &Profile, report: &HardwareReport) -> Option<Reason> {
    let machine = report.machine.product.clone()?;
    let models = &profile.hardware.models;
    let other = !models.is_empty() && !models.iter().any(|model| glob::matches(model, &machine));
    other.then(|| Reason::OtherModel {
        machine,
        models: models.clone(),
    })
}

/// Whether the device tree's model is one of the Raspberry Pis.
fn is_raspberry_pi(report: &HardwareReport) -> bool {
    let product = report.machine.product.as_deref();
    product.is_some_and(|product| product.starts_with("Raspberry Pi"))
}

/// What the profile names, compared with what the machine has; nothing when it names none.
fn devices(profile: &Profile, report: &HardwareReport) -> Option<Reason> {
    let ids = &profile.hardware.ids;
    if ids.is_empty() {
        return None;
    }
    if report.devices.is_empty() {
        return Some(Reason::DevicesUnknown);
    }
    let found: Vec<HardwareId> = ids
        .iter()
        .filter(|id| report.devices.iter().any(|device| id.is(device)))
        .cloned()
        .collect();
    Some(if found.is_empty() {
        Reason::NoDevices(ids.len())
    } else {
        Reason::Devices(found)
    })
}

/// Drivers that disks of this kind need; none where any image has what it takes.
fn drivers(transport: Transport) -> &'static [&'static str] {
    match transport {
        Transport::Nvme => &["nvme"],
        Transport::Sata => &["ahci"],
        Transport::Sas | Transport::Scsi => {
            &["mpt3sas", "mpi3mr", "megaraid_sas", "smartpqi", "hpsa", "aacraid"]
        }
        Transport::Mmc => &[
            "sdhci_pci",
            "sdhci_acpi",
            "rtsx_pci_sdmmc",
            "sdhci_iproc",
            "sdhci_brcmstb",
        ],
        Transport::Virtio => &["virtio_blk", "virtio_scsi"],
        Transport::FibreChannel => &["qla2xxx", "lpfc"],
        Transport::Usb | Transport::Iscsi | Transport::Other => &[],
    }
}

fn disks(profile: &Profile, report: &HardwareReport) -> Vec<Reason> {
    let (mut promised, mut missing) = (BTreeSet::new(), BTreeSet::new());
    for disk in report.disks.iter().filter(|disk| !disk.removable) {
        let all = drivers(disk.transport);
        let required = &profile.drivers.required;
        let driver = all
            .iter()
            .find(|driver| required.iter().any(|module| module.replace('-', "_") == **driver));
        match driver {
            Some(driver) => {
                promised.insert((*driver).to_owned());
            }
            None if !all.is_empty() => {
                missing.insert(disk.transport.name());
            }
            None => {}
        }
    }
    let mut reasons = Vec::new();
    if !promised.is_empty() {
        reasons.push(Reason::Disks(Vec::from_iter(promised)));
    }
    if !missing.is_empty() {
        reasons.push(Reason::NoDisks(Vec::from_iter(missing)));
    }
    reasons
}

fn screen(report: &HardwareReport) -> Reason {
    let displays: Vec<&String> = report
        .devices
        .iter()
        .filter(|device| glob::matches(DISPLAY, device))
        .collect();
    let is_remote = |device: &&String| REMOTE_DISPLAYS.iter().any(|vendor| device.starts_with(vendor));
    if displays.is_empty() {
        Reason::NoScreen
    } else if displays.iter().all(is_remote) {
        Reason::RemoteScreen
    } else {
        Reason::Screen
    }
}

fn tier(profile: &Profile, report: &HardwareReport) -> Option<Reason> {
    let machine = Tier::named(report.model.by_hardware.name())?;
    let (smallest, largest) = (profile.model.min_tier, profile.model.max_tier);
    Some(if machine < smallest {
        Reason::TierBelow { machine, smallest }
    } else if machine > largest {
        Reason::TierAbove { machine, largest }
    } else {
        Reason::Tier(machine)
    })
}
