//! The disks of a virtual machine, and the medium that it boots from.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use crate::board::Board;

/// How an ISO is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// A USB stick
    Usb,
    /// A disc in a CD drive
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
    /// QEMU's devices for the block node `medium`.
    pub(crate) const fn devices(&self, board: Board) -> &'static [&'static str] {
        match self.kind {
            Medium::Usb => &["usb-storage,bus=xhci.0,drive=medium,removable=on,bootindex=0"],
            Medium::Cd => board.cd(),
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
    /// A disk in the machine's USB dock, which gives every disk in it the dock's serial number.
    Dock,
    /// A namespace of the machine's `NVMe` drive that has several (`nvme0n1`, `nvme0n2`).
    Namespace,
    /// A SAS disk with two ports, each at a controller of its own: two devices (`sda`, `sdb`) are one disk.
    TwoSasPorts,
    /// A SCSI disk that two paravirtual controllers lead to.
    TwoScsiPaths,
    /// An SD card (`mmcblk0`); its serial number is QEMU's.
    Card,
}

impl Bus {
    /// QEMU's controllers for the drives of this kind, of which `first` is the first.
    fn controllers(self, first: &Drive) -> Vec<String> {
        match self {
            // The machine has them, or each drive brings its own.
            Self::Virtio | Self::Sata | Self::Nvme | Self::Usb | Self::Card => Vec::new(),
            Self::Dock => vec![format!("usb-uas,id=dock,bus=xhci.0,serial={}", first.serial)],
            Self::Namespace => vec![format!("nvme,id=shared,serial={}", first.serial)],
            Self::TwoSasPorts => WAYS.map(|way| format!("mptsas1068,id=sas-{way}")).into(),
            Self::TwoScsiPaths => WAYS.map(|way| format!("virtio-scsi-pci,id=scsi-{way}")).into(),
        }
    }
}

/// What tells the controllers apart that lead to one disk.
const WAYS: [&str; 2] = ["a", "b"];
/// World-wide names begin with this, as those of a manufacturer do, and end with the number of the drive.
const WWN: u64 = 0x5000_c500_a1b2_0000;

/// QEMU's controllers for these drives.
pub(crate) fn controllers(drives: &[Drive]) -> Vec<String> {
    let first_of_its_kind =
        |(index, drive): &(usize, &Drive)| !drives[..*index].iter().any(|before| before.bus == drive.bus);
    let firsts = drives.iter().enumerate().filter(first_of_its_kind);
    firsts
        .flat_map(|(_, drive)| drive.bus.controllers(drive))
        .collect()
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

    /// QEMU's devices for a block node: the disk once for every way to it, and what belongs to it alone.
    pub(crate) fn devices(&self, index: usize, node: &str) -> Vec<String> {
        let id = Self::device_id(index);
        let number = WWN + index as u64;
        let boot = self
            .boot_index
            .map_or_else(String::new, |place| format!(",bootindex={place}"));
        let with_serial = |kind: String| format!("{kind},drive={node},serial={}{boot}", self.serial);
        // A place in the boot order is for one device.
        let two_ways = |bus: &str| {
            WAYS.map(|way| {
                let boot = if way == WAYS[0] { boot.as_str() } else { "" };
                format!(
                    "scsi-hd,id={id}-{way},bus={bus}-{way}.0,share-rw=on,wwn={number:#x},drive={node},serial={}{boot}",
                    self.serial
                )
            })
        };
        match self.bus {
            Bus::Virtio => vec![with_serial(format!("virtio-blk-pci,id={id}"))],
            // Port 0 is for the CD.
            Bus::Sata => vec![with_serial(format!("ide-hd,id={id},bus=ide.{}", 1 + index % 5))],
            Bus::Nvme => vec![with_serial(format!("nvme,id={id}"))],
            Bus::Usb => vec![with_serial(format!("usb-storage,id={id},bus=xhci.0"))],
            Bus::Dock => vec![with_serial(format!("scsi-hd,id={id},bus=dock.0,scsi-id=0"))],
            // The serial number is the drive's.
            Bus::Namespace => vec![format!(
                "nvme-ns,id={id},bus=shared,drive={node},eui64={number:#x}{boot}"
            )],
            Bus::TwoSasPorts => two_ways("sas").into(),
            Bus::TwoScsiPaths => two_ways("scsi").into(),
            Bus::Card => vec![
                format!("sdhci-pci,id={id}-reader"),
                format!("sd-card,id={id},drive={node}"),
            ],
        }
    }

    pub(crate) fn is_usb(&self) -> bool {
        matches!(self.bus, Bus::Usb | Bus::Dock)
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
            drive.devices(4, "disk4"),
            ["ide-hd,id=drive4,bus=ide.5,drive=disk4,serial=SV-1,bootindex=1"]
        );
        assert_eq!(Drive::device_id(4), "drive4");
        assert_eq!(controllers(&[drive]), [""; 0]);
    }

    #[test]
    fn drives_that_share_a_controller_and_drives_with_two() {
        let drives = [
            Drive {
                boot_index: Some(1),
                ..Drive::new("/a", "SV-1", Bus::TwoSasPorts)
            },
            Drive::new("/b", "SV-2", Bus::Namespace),
            Drive::new("/c", "SV-2", Bus::Namespace),
            Drive::new("/d", "SV-3", Bus::Dock),
            Drive::new("/e", "SV-3", Bus::Dock),
            Drive::new("/f", "SV-4", Bus::TwoScsiPaths),
            Drive::new("/g", "SV-5", Bus::Card),
        ];
        assert_eq!(
            controllers(&drives),
            [
                "mptsas1068,id=sas-a",
                "mptsas1068,id=sas-b",
                "nvme,id=shared,serial=SV-2",
                "usb-uas,id=dock,bus=xhci.0,serial=SV-3",
                "virtio-scsi-pci,id=scsi-a",
                "virtio-scsi-pci,id=scsi-b",
            ]
        );
        let devices = drives.iter().enumerate();
        let devices: Vec<String> = devices
            .flat_map(|(index, drive)| drive.devices(index, &format!("disk{index}")))
            .collect();
        assert_eq!(
            devices,
            [
                "scsi-hd,id=drive0-a,bus=sas-a.0,share-rw=on,wwn=0x5000c500a1b20000,drive=disk0,serial=SV-1,bootindex=1",
                "scsi-hd,id=drive0-b,bus=sas-b.0,share-rw=on,wwn=0x5000c500a1b20000,drive=disk0,serial=SV-1",
                "nvme-ns,id=drive1,bus=shared,drive=disk1,eui64=0x5000c500a1b20001",
                "nvme-ns,id=drive2,bus=shared,drive=disk2,eui64=0x5000c500a1b20002",
                "scsi-hd,id=drive3,bus=dock.0,scsi-id=0,drive=disk3,serial=SV-3",
                "scsi-hd,id=drive4,bus=dock.0,scsi-id=0,drive=disk4,serial=SV-3",
                "scsi-hd,id=drive5-a,bus=scsi-a.0,share-rw=on,wwn=0x5000c500a1b20005,drive=disk5,serial=SV-4",
                "scsi-hd,id=drive5-b,bus=scsi-b.0,share-rw=on,wwn=0x5000c500a1b20005,drive=disk5,serial=SV-4",
                "sdhci-pci,id=drive6-reader",
                "sd-card,id=drive6,drive=disk6",
            ]
        );
    }

    #[test]
    fn names_of_media() {
        for medium in Medium::value_variants() {
            let name = medium.to_possible_value().unwrap();
            assert_eq!(medium.to_string(), name.get_name());
        }
    }
}
