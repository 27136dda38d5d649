//! A resolved profile as plain data.

use serde::{Deserialize, Serialize};

use super::error::ProfileError;
use super::hardware_id::HardwareId;
use super::values::{Arch, BootFirmware, Desktop, KernelSource, Medium, Tier};

/// One resolved profile: its file with every parent merged in, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Profile {
    /// File name without `.toml`.
    #[serde(skip_deserializing)]
    pub name: String,
    /// This profile and its parents, nearest first.
    #[serde(skip_deserializing)]
    pub lineage: Vec<String>,
    /// One line for people.
    pub description: String,
    /// Only a base for others; not buildable.
    #[serde(rename = "abstract", default)]
    pub is_abstract: bool,
    /// Architectures it is built for.
    pub arch: Vec<Arch>,
    /// Kernel and its command line.
    pub kernel: Kernel,
    /// The root file system.
    pub system: System,
    /// Firmware packages.
    #[serde(default)]
    pub firmware: Firmware,
    /// Promised drivers.
    #[serde(default)]
    pub drivers: Drivers,
    /// Devices that it drives.
    #[serde(default)]
    pub hardware: Hardware,
    /// How the ISO starts.
    pub boot: Boot,
    /// Bounds of the model tier.
    pub model: Model,
    /// Largest sizes allowed.
    #[serde(default)]
    pub budget: Budget,
    /// Hints for the VM test.
    #[serde(default)]
    pub vm: Vm,
}

/// `[kernel]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kernel {
    /// Where the kernel comes from.
    pub source: KernelSource,
    /// Arguments, in order.
    #[serde(default)]
    pub command_line: Vec<String>,
    /// What `console=serial` stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_console: Option<String>,
    /// Module names or path patterns left out of the image.
    #[serde(default)]
    pub modules_exclude: Vec<String>,
}

/// `[system]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct System {
    /// Desktop or none.
    pub desktop: Desktop,
    /// Host name of the live session.
    pub hostname: String,
    /// Debian packages, `name` or `name/suite`.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Packages left out, even if a parent profile lists them.
    #[serde(default)]
    pub packages_remove: Vec<String>,
    /// Absolute paths or globs deleted from the tree.
    #[serde(default)]
    pub remove_files: Vec<String>,
}

/// `[firmware]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Firmware {
    /// Debian packages with firmware files.
    pub packages: Vec<String>,
}

/// `[drivers]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drivers {
    /// Kernel modules that must be in the image with their firmware.
    pub required: Vec<String>,
}

/// `[hardware]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardware {
    /// Devices that the image must have a driver and firmware for.
    pub ids: Vec<HardwareId>,
    /// Names of the only machines that it starts on; empty for any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

/// `[boot]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Boot {
    /// What the image boots from.
    pub media: Vec<Medium>,
    /// Firmware that starts it.
    pub firmware: Vec<BootFirmware>,
    /// Debian packages whose files the boot partition gets; they are not installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// Files of these packages, by absolute path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Device trees of the kernel, as `FILE`, or `FILE=NAME` where the firmware knows it by another name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_trees: Vec<String>,
    /// Lines of `config.txt`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<String>,
}

/// `[model]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Model {
    /// Smallest tier this class of machine gets.
    pub min_tier: Tier,
    /// Largest tier this class of machine gets.
    pub max_tier: Tier,
}

/// `[budget]`, in MiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Budget {
    /// Largest ISO, or compressed disk image; only an abstract profile may leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iso_mib: Option<u64>,
    /// Largest root file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_mib: Option<u64>,
}

/// `[vm]`: the machine the smoke test gives this profile unless told otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// Memory, like `4G`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// QEMU CPU model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
}

impl Profile {
    /// Every package to install, firmware included, less those taken out again.
    pub fn packages(&self) -> Vec<&str> {
        let removed = &self.system.packages_remove;
        let all = self.system.packages.iter().chain(&self.firmware.packages);
        all.filter(|package| {
            let name = package.split('/').next().unwrap_or(package);
            !removed.iter().any(|gone| gone == name)
        })
        .map(String::as_str)
        .collect()
    }

    /// The kernel command line as one string; `console=serial` is the serial port that the profile names, or the architecture's first.
    pub fn command_line(&self, arch: Arch) -> String {
        let words = self.kernel.command_line.iter().map(|word| match word.as_str() {
            "console=serial" => {
                let named = self.kernel.serial_console.as_deref();
                format!("console={}", named.unwrap_or_else(|| arch.serial_console()))
            }
            word => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Whether it can be built for this architecture.
    pub fn supports(&self, arch: Arch) -> bool {
        self.arch.contains(&arch)
    }

    /// Firmware kinds on this architecture: BIOS exists on amd64 only, Raspberry Pis are ARM.
    pub fn boot_firmware(&self, arch: Arch) -> Vec<BootFirmware> {
        let kinds = self.boot.firmware.iter().copied();
        kinds.filter(|kind| kind.is_for(arch)).collect()
    }

    /// Whether the image is that of a disk, which the Raspberry Pi's firmware starts, and not an ISO.
    pub fn is_disk_image(&self) -> bool {
        self.boot.firmware.contains(&BootFirmware::RaspberryPi)
    }

    /// Largest ISO in bytes.
    pub fn iso_budget(&self) -> Option<u64> {
        self.budget.iso_mib.map(|mib| mib << 20)
    }

    /// Largest root file system in bytes.
    pub fn root_budget(&self) -> Option<u64> {
        self.budget.root_mib.map(|mib| mib << 20)
    }

    /// The profile as a TOML file that resolves to the same data without any parent.
    pub fn to_toml(&self) -> Result<String, ProfileError> {
        let mut table = toml::Table::try_from(self)?;
        table.remove("name");
        table.remove("lineage");
        let text = toml::to_string_pretty(&table)?;
        Ok(format!("# {}\n{text}", self.lineage.join(" < ")))
    }
}
