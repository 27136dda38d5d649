//! The hardware report: what `sigmavault-detector` found on this boot.

use serde::{Deserialize, Serialize};

use crate::tier::TierChoice;

/// Where the detector leaves the report.
pub const REPORT_PATH: &str = "/run/sigmavault/hardware.json";

/// Version of the report's shape; raised when a field changes its meaning or goes away.
pub const REPORT_VERSION: u32 = 1;

/// Everything the detector found, and the model tier it chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HardwareReport {
    /// [`REPORT_VERSION`] of the program that wrote it.
    pub version: u32,
    /// When it was written (RFC 3339, UTC).
    pub detected_at: String,
    /// The machine as its firmware names it.
    pub machine: Machine,
    /// Hypervisor and container around this system.
    pub virtualisation: Virtualisation,
    /// Memory.
    pub memory: Memory,
    /// Processor.
    pub cpu: Cpu,
    /// Measured memory bandwidth; absent when the probe did not run.
    pub bandwidth: Option<Bandwidth>,
    /// Whole disks with a medium, by name.
    pub disks: Vec<Disk>,
    /// Temperature, fan and power sensors.
    pub sensors: Vec<Sensor>,
    /// What started the system; absent where that is not known, and in reports of older programs.
    #[serde(default)]
    pub firmware: Option<Firmware>,
    /// The devices' names for the kernel (modaliases), sorted, each once; empty in reports of older programs.
    #[serde(default)]
    pub devices: Vec<String>,
    /// The model tier and the reason for it.
    pub model: TierChoice,
    /// What could not be read, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The machine as its firmware (SMBIOS or device tree) names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Machine {
    /// Maker of the system.
    pub vendor: Option<String>,
    /// Product or model name.
    pub product: Option<String>,
    /// Maker and name of the main board.
    pub board: Option<String>,
}

/// Firmware that started the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// UEFI.
    Uefi,
    /// PC BIOS, or UEFI's imitation of it.
    Bios,
    /// Neither: what a board's own loader says is in a device tree.
    DeviceTree,
}

impl Firmware {
    /// Name as in the JSON report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uefi => "uefi",
            Self::Bios => "bios",
            Self::DeviceTree => "device-tree",
        }
    }
}

/// Hypervisor and container around this system; both absent on bare metal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Virtualisation {
    /// The hypervisor (`kvm`, `qemu`, `vmware`, `hyper-v`, `xen`, `virtualbox`, ...), or `unknown` when there is one
    /// that does not say which.
    pub hypervisor: Option<String>,
    /// The container runtime (`docker`, `podman`, `systemd-nspawn`, `lxc`, ...).
    pub container: Option<String>,
}

/// How the installed memory was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MemorySource {
    /// Sum of the memory modules in the firmware's SMBIOS table (type 17).
    SmbiosModules,
    /// Sum of the mapped ranges in the firmware's SMBIOS table (type 19).
    SmbiosRanges,
    /// Memory nodes of the device tree.
    DeviceTree,
    /// What the kernel reports, rounded up to the next whole 2 GiB because that was within 6 %.
    KernelRounded,
    /// What the kernel reports, as it is.
    Kernel,
    /// The memory limit of the container this system runs in.
    CgroupLimit,
}

/// Memory, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Memory {
    /// What the machine has: the figure that the tier is chosen by.
    pub installed_bytes: u64,
    /// `MemTotal`: what the kernel left after firmware, graphics and itself.
    pub seen_bytes: u64,
    /// Limit of the container this system runs in, where there is one.
    pub limit_bytes: Option<u64>,
    /// Where `installed_bytes` comes from.
    pub source: MemorySource,
    /// The same in one sentence.
    pub how: String,
    /// Memory modules, where the firmware lists them.
    #[serde(default)]
    pub modules: Vec<MemoryModule>,
}

/// One memory module (SMBIOS type 17) that is present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemoryModule {
    /// Slot as printed on the board, such as `DIMM A1`.
    pub slot: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Kind, such as `DDR5`.
    pub kind: Option<String>,
    /// Configured speed in mega-transfers per second.
    pub speed_mts: Option<u32>,
}

/// Processor architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// AMD64 / Intel 64.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// Anything else.
    Other,
}

impl Arch {
    /// Name as in `uname -m`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Other => "other",
        }
    }
}

/// Instruction set extensions that the model kernels use, or could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IsaFlag {
    /// x86: 256-bit floating point.
    Avx,
    /// x86: 256-bit integers.
    Avx2,
    /// x86: 8-bit dot products, 256-bit encoding.
    AvxVnni,
    /// x86: AVX-512 foundation.
    Avx512f,
    /// x86: AVX-512 on bytes and words.
    Avx512bw,
    /// x86: 8-bit dot products, 512-bit encoding.
    Avx512Vnni,
    /// ARM: Advanced SIMD (`asimd`).
    Neon,
    /// ARM: 8-bit dot products (`asimddp`).
    Dotprod,
    /// ARM: 8-bit matrix products.
    I8mm,
    /// ARM: vectors of a length that the processor chooses.
    Sve,
}

impl IsaFlag {
    /// Name as in the JSON report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx => "avx",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx_vnni",
            Self::Avx512f => "avx512f",
            Self::Avx512bw => "avx512bw",
            Self::Avx512Vnni => "avx512_vnni",
            Self::Neon => "neon",
            Self::Dotprod => "dotprod",
            Self::I8mm => "i8mm",
            Self::Sve => "sve",
        }
    }
}

/// Processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cpu {
    /// Maker as the processor gives it (`GenuineIntel`, `AuthenticAMD`) or by name on ARM (`Arm`, `Ampere`).
    pub vendor: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// Architecture.
    pub arch: Arch,
    /// Cores, without counting hardware threads; at least 1.
    pub physical_cores: u32,
    /// Hardware threads that the kernel schedules on; at least 1.
    pub logical_cores: u32,
    /// Extensions that every core has, sorted.
    pub isa: Vec<IsaFlag>,
}

impl Cpu {
    /// Whether every core has the extension.
    pub fn has(&self, flag: IsaFlag) -> bool {
        self.isa.contains(&flag)
    }

    /// Whether the processor counts as an AVX-512 machine.
    ///
    /// Foundation alone (Xeon Phi) does not: the model kernels work on bytes, which `avx512bw` brings.
    pub fn has_avx512(&self) -> bool {
        self.has(IsaFlag::Avx512f) && self.has(IsaFlag::Avx512bw)
    }
}

/// Result of the memory bandwidth probe: sequential reads by several threads from a buffer larger than the caches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bandwidth {
    /// Bytes read per second by all threads together.
    pub read_bytes_per_second: u64,
    /// Threads that read.
    pub threads: u32,
    /// Size of all buffers together, in bytes.
    pub buffer_bytes: u64,
    /// How long the reads were timed, in milliseconds.
    pub measured_ms: u64,
}

/// How a disk is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// NVM Express.
    Nvme,
    /// Serial ATA.
    Sata,
    /// Serial attached SCSI.
    Sas,
    /// USB.
    Usb,
    /// SD card or eMMC.
    Mmc,
    /// Virtio (block or SCSI) from a hypervisor.
    Virtio,
    /// Fibre Channel.
    FibreChannel,
    /// iSCSI.
    Iscsi,
    /// Another SCSI host, such as a RAID controller.
    Scsi,
    /// None of the above.
    Other,
}

impl Transport {
    /// Name as in the JSON report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvme => "nvme",
            Self::Sata => "sata",
            Self::Sas => "sas",
            Self::Usb => "usb",
            Self::Mmc => "mmc",
            Self::Virtio => "virtio",
            Self::FibreChannel => "fibre-channel",
            Self::Iscsi => "iscsi",
            Self::Scsi => "scsi",
            Self::Other => "other",
        }
    }
}

/// One whole disk with a medium in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Disk {
    /// Kernel name, such as `sda`; it may be another one on the next boot.
    pub name: String,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Whether it has spinning platters.
    pub rotational: bool,
    /// How it is attached.
    pub transport: Transport,
    /// Whether the medium can be taken out.
    pub removable: bool,
}

/// What a sensor measures; the unit of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SensorKind {
    /// Degrees Celsius.
    Temperature,
    /// Revolutions per minute.
    Fan,
    /// Watt.
    Power,
}

/// One reading of a hardware monitoring chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sensor {
    /// Chip or driver, such as `coretemp`.
    pub chip: String,
    /// What it sits on, such as `Package id 0`; the kernel's name (`temp1`) where there is no label.
    pub label: String,
    /// What it measures, and so the unit of the other fields.
    pub kind: SensorKind,
    /// Value when the report was made.
    pub value: f64,
    /// Value at which the hardware is in danger.
    pub critical: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isa_and_transport_names_are_those_of_the_json() {
        for flag in [
            IsaFlag::Avx,
            IsaFlag::Avx2,
            IsaFlag::AvxVnni,
            IsaFlag::Avx512f,
            IsaFlag::Avx512bw,
            IsaFlag::Avx512Vnni,
            IsaFlag::Neon,
            IsaFlag::Dotprod,
            IsaFlag::I8mm,
            IsaFlag::Sve,
        ] {
            assert_eq!(
                serde_json::to_string(&flag).unwrap(),
                format!("\"{}\"", flag.name())
            );
        }
        for transport in [
            Transport::Nvme,
            Transport::Sata,
            Transport::Sas,
            Transport::Usb,
            Transport::Mmc,
            Transport::Virtio,
            Transport::FibreChannel,
            Transport::Iscsi,
            Transport::Scsi,
            Transport::Other,
        ] {
            assert_eq!(
                serde_json::to_string(&transport).unwrap(),
                format!("\"{}\"", transport.name())
            );
        }
        for firmware in [Firmware::Uefi, Firmware::Bios] {
            assert_eq!(
                serde_json::to_string(&firmware).unwrap(),
                format!("\"{}\"", firmware.name())
            );
        }
        for arch in [Arch::X86_64, Arch::Aarch64, Arch::Other] {
            assert_eq!(
                serde_json::to_string(&arch).unwrap(),
                format!("\"{}\"", arch.name())
            );
        }
    }
}
