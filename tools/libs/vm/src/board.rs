//! The boards of machines: what QEMU calls them, what they need, and which devices they have in place of a PC's.

use std::path::Path;

/// A kind of machine that QEMU has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    /// A PC with an AMD64 processor.
    Q35,
    /// QEMU's own ARM64 machine, started by UEFI.
    Virt,
    /// A Raspberry Pi 4 without its firmware, which QEMU does not have: it is given a kernel. Of its devices QEMU emulates the SD card
    /// and the serial ports, no PCI.
    RaspberryPi4,
}

impl Board {
    /// The program that emulates it.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Q35 => "qemu-system-x86_64",
            Self::Virt | Self::RaspberryPi4 => "qemu-system-aarch64",
        }
    }

    /// QEMU's name of the machine.
    pub(crate) const fn machine(self) -> &'static str {
        match self {
            Self::Q35 => "q35",
            Self::Virt => "virt,gic-version=max",
            Self::RaspberryPi4 => "raspi4b",
        }
    }

    /// How many processors it has.
    pub(crate) const fn cpus(self) -> u32 {
        match self {
            Self::Q35 | Self::Virt => 2,
            Self::RaspberryPi4 => 4,
        }
    }

    /// Whether it has a PCI bus, which all devices but its own need.
    pub(crate) const fn has_pci(self) -> bool {
        !matches!(self, Self::RaspberryPi4)
    }

    /// The processor model for the one that was asked for. Pointer authentication by the architecture's own cipher makes the
    /// emulation of ARM64 several times slower; another one, which the architecture allows too, does not.
    pub(crate) fn cpu(self, asked: &str, emulated: bool) -> String {
        match (self, asked, emulated) {
            (Self::Virt, "max", true) => "max,pauth-impdef=on".to_owned(),
            // Its own, and no other.
            (Self::RaspberryPi4, ..) => "cortex-a72".to_owned(),
            _ => asked.to_owned(),
        }
    }

    /// Whether KVM can run it on a host of this architecture, as Rust names that.
    pub fn is_like(self, host: &str) -> bool {
        match self {
            Self::Q35 => host == "x86_64",
            Self::Virt => host == "aarch64",
            Self::RaspberryPi4 => false,
        }
    }

    /// UEFI firmware in the tools tree: its code, and the variable store that belongs to it.
    pub(crate) fn firmware(self) -> Option<(&'static Path, &'static Path)> {
        let (code, variables) = match self {
            Self::Q35 => ("usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"),
            Self::Virt => ("usr/share/AAVMF/AAVMF_CODE.fd", "usr/share/AAVMF/AAVMF_VARS.fd"),
            Self::RaspberryPi4 => return None,
        };
        Some((Path::new(code), Path::new(variables)))
    }

    /// Its screen.
    pub(crate) const fn screen(self) -> Option<&'static str> {
        match self {
            Self::Q35 => Some("VGA"),
            Self::Virt => Some("virtio-gpu-pci"),
            Self::RaspberryPi4 => None,
        }
    }

    /// Its keyboard, at the USB controller; a PC has one without being asked.
    pub(crate) const fn keyboard(self) -> Option<&'static str> {
        match self {
            Self::Q35 | Self::RaspberryPi4 => None,
            Self::Virt => Some("usb-kbd,bus=xhci.0"),
        }
    }

    /// The option that makes its first serial port of the character device `serial`.
    pub(crate) const fn serial(self) -> (&'static str, &'static str) {
        match self {
            Self::Q35 => ("-device", "isa-serial,chardev=serial"),
            Self::Virt | Self::RaspberryPi4 => ("-serial", "chardev:serial"),
        }
    }

    /// The CD drive for the block node `medium`, with the controller that it needs.
    pub(crate) const fn cd(self) -> &'static [&'static str] {
        match self {
            // Port 0 of the controller that every such machine has.
            Self::Q35 => &["ide-cd,bus=ide.0,drive=medium,bootindex=0"],
            Self::Virt => &[
                "virtio-scsi-pci,id=cd",
                "scsi-cd,bus=cd.0,drive=medium,bootindex=0",
            ],
            Self::RaspberryPi4 => &[],
        }
    }

    /// The TPM for the emulator `tpm0`.
    pub(crate) const fn tpm(self) -> &'static str {
        match self {
            Self::Q35 => "tpm-crb,tpmdev=tpm0",
            Self::Virt | Self::RaspberryPi4 => "tpm-tis-device,tpmdev=tpm0",
        }
    }
}
