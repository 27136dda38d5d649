//! The parts of a machine with an agent, for one boot.

use std::path::{Path, PathBuf};

use crate::accel::Accelerator;
use crate::agent;
use crate::board::Board;
use crate::credential::{Credential, write_oem_strings};
use crate::drive::{Bus, Drive, LiveMedium, Medium};
use crate::error::Error;
use crate::firmware::FirmwareFiles;
use crate::image::Image;
use crate::logs::Logs;
use crate::machine::{Machine, OnReset};
use crate::memory::Memory;
use crate::tools::ToolsTree;

/// A machine before it is switched on. Its firmware variables and disks outlive it.
#[derive(Debug, Clone)]
pub struct Rig {
    /// Memory.
    pub memory: Memory,
    /// Whether the firmware is UEFI, with variables in this file; else it is BIOS.
    pub uefi_variables: Option<PathBuf>,
    /// The ISO, when one is attached as a USB stick.
    pub iso: Option<PathBuf>,
    /// Disks.
    pub drives: Vec<Drive>,
    /// Folder with images of disks that may be plugged in while it runs.
    pub pluggable: Option<PathBuf>,
    /// Unix socket of a TPM.
    pub tpm: Option<PathBuf>,
    /// What a reset by the guest does.
    pub on_reset: OnReset,
    /// Credentials besides those of the agent.
    pub credentials: Vec<Credential>,
}

impl Rig {
    /// A UEFI machine without disks.
    pub fn new(uefi_variables: impl Into<PathBuf>) -> Self {
        Self {
            memory: Memory::gib(4),
            uefi_variables: Some(uefi_variables.into()),
            iso: None,
            drives: Vec::new(),
            pluggable: None,
            tpm: None,
            on_reset: OnReset::End,
            credentials: Vec::new(),
        }
    }

    /// With the ISO attached, to boot from.
    #[must_use]
    pub fn iso(mut self, iso: &Path) -> Self {
        self.iso = Some(iso.to_owned());
        self
    }

    /// With one more disk.
    #[must_use]
    pub fn drive(mut self, image: &Image, serial: &str, bus: Bus) -> Self {
        self.drives.push(Drive::new(&image.path, serial, bus));
        self
    }

    /// With one more disk, which it boots from when there is no medium.
    ///
    /// A real machine keeps its list of boot entries. OVMF removes entries without a place in QEMU's boot order whenever
    /// a medium has one, and would start its shell next time.
    #[must_use]
    pub fn boot_drive(self, image: &Image, serial: &str) -> Self {
        self.boot_drive_on(image, serial, Bus::Virtio)
    }

    /// The same, attached in this way.
    #[must_use]
    pub fn boot_drive_on(mut self, image: &Image, serial: &str, bus: Bus) -> Self {
        self.drives.push(Drive {
            boot_index: Some(1),
            ..Drive::new(&image.path, serial, bus)
        });
        self
    }

    /// With the writes to the disk of this serial number logged, in a file that is there.
    #[must_use]
    pub fn logged(mut self, serial: &str, log: &Path) -> Self {
        for drive in self.drives.iter_mut().filter(|drive| drive.serial == serial) {
            drive.log = Some(log.to_owned());
        }
        self
    }

    /// With a folder whose images may be plugged in as disks while it runs.
    #[must_use]
    pub fn pluggable(mut self, folder: &Path) -> Self {
        self.pluggable = Some(folder.to_owned());
        self
    }

    /// With one more credential.
    #[must_use]
    pub fn given(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// Starting again by itself when the guest resets it.
    #[must_use]
    pub fn restarting(mut self) -> Self {
        self.on_reset = OnReset::Restart;
        self
    }

    /// The machine. `sockets` is a folder for its sockets and for what QEMU reads.
    pub fn machine(
        &self,
        board: Board,
        accelerator: Accelerator,
        tools: &ToolsTree,
        sockets: &Path,
        logs: Logs,
    ) -> Result<Machine, Error> {
        let uefi = match &self.uefi_variables {
            Some(variables) => Some(FirmwareFiles::kept(board, &tools.root, variables)?),
            None => None,
        };
        let credentials = [agent::credentials(), self.credentials.clone()].concat();
        Ok(Machine {
            board,
            accelerator,
            cpu: "max".to_owned(),
            memory: self.memory,
            uefi,
            direct: None,
            medium: self.iso.clone().map(|iso| LiveMedium {
                iso,
                kind: Medium::Usb,
            }),
            drives: self.drives.clone(),
            pluggable: self.pluggable.clone(),
            tpm_socket: self.tpm.clone(),
            on_reset: self.on_reset,
            oem_strings: write_oem_strings(&credentials, sockets)?,
            sockets: sockets.to_owned(),
            serial_input: true,
            logs,
        })
    }
}
