//! The disks of a virtual machine, and the medium that it boots from.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

/// How an ISO is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// A USB stick
    Usb,
    /// A disc in a SATA CD drive
    Cd,
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usb => "usb",
            Self::Cd => "cd",
        })
    }
}

/// An ISO, opened read-only, that the machine boots from first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMedium {
    /// The ISO.
    pub iso: PathBuf,
    /// How it is attached.
    pub kind: Medium,
}

impl LiveMedium {
    /// QEMU's device for the block node `medium`.
    pub(crate) const fn device(&self) -> &'static str {
        match self.kind {
            Medium::Usb => "usb-storage,bus=xhci.0,drive=medium,removable=on,bootindex=0",
            // Port 0 of the controller that every q35 machine has.
            Medium::Cd => "ide-cd,bus=ide.0,drive=medium,bootindex=0",
        }
    }

    pub(crate) fn is_usb(&self) -> bool {
        self.kind == Medium::Usb
    }
}

/// How a disk is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// A paravirtual disk (`vda`).
    Virtio,
    /// A SATA disk (`sda`); at most five.
    Sata,
    /// An `NVMe` drive (`nvme0n1`).
    Nvme,
    /// A USB disk (`sda`).
    Usb,
}

/// A disk of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// Its raw image.
    pub path: PathBuf,
    /// Serial number that the guest sees; at most 20 characters.
    pub serial: String,
    /// How it is attached.
    pub bus: Bus,
    /// Whether the guest can only read it.
    pub read_only: bool,
    /// Its place in the boot order, after the medium's 0; `None` leaves that to the firmware.
    pub boot_index: Option<u8>,
    /// Where its writes are logged, a file that is there; see [`crate::WriteLog`].
    pub log: Option<PathBuf>,
}

impl Drive {
    /// A disk that can be written and has no place in the boot order.
    pub fn new(path: impl Into<PathBuf>, serial: impl Into<String>, bus: Bus) -> Self {
        Self {
            path: path.into(),
            serial: serial.into(),
            bus,
            read_only: false,
            boot_index: None,
            log: None,
        }
    }

    /// QEMU's name of the device that is the machine's drive number `index`.
    pub fn device_id(index: usize) -> String {
        format!("drive{index}")
    }

    /// QEMU's device for a block node.
    pub(crate) fn device(&self, index: usize, node: &str) -> String {
        let id = Self::device_id(index);
        let kind = match self.bus {
            Bus::Virtio => format!("virtio-blk-pci,id={id}"),
            // Port 0 is for the CD.
            Bus::Sata => format!("ide-hd,id={id},bus=ide.{}", 1 + index % 5),
            Bus::Nvme => format!("nvme,id={id}"),
            Bus::Usb => format!("usb-storage,id={id},bus=xhci.0"),
        };
        let boot = self
            .boot_index
            .map_or_else(String::new, |place| format!(",bootindex={place}"));
        format!("{kind},drive={node},serial={}{boot}", self.serial)
    }

    pub(crate) fn is_usb(&self) -> bool {
        self.bus == Bus::Usb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        let drive = Drive {
            boot_index: Some(1),
            ..Drive::new("/d", "SV-1", Bus::Sata)
        };
        assert_eq!(
            drive.device(4, "disk4"),
            "ide-hd,id=drive4,bus=ide.5,drive=disk4,serial=SV-1,bootindex=1"
        );
        assert_eq!(Drive::device_id(4), "drive4");
    }

    #[test]
    fn names_of_media() {
        for medium in Medium::value_variants() {
            let name = medium.to_possible_value().unwrap();
            assert_eq!(medium.to_string(), name.get_name());
        }
    }
}
