//! A board with its boot loader, and one start of it.

use std::io::{Read, Seek};

use crate::board::Board;
use crate::choice::{self, Fallback, Rules};
use crate::failure::Failure;
use crate::filter::Facts;
use crate::flag::Reset;
use crate::load::{self, Loaded};
use crate::note::Note;
use crate::settings::Settings;
use crate::tree::{self, Told, TreeError};

/// How the boot loader reaches the disk: the number that stands in `BOOT_ORDER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootMode {
    /// An SD card, or the eMMC of a compute module.
    SdCard = 1,
    /// A USB disk.
    Usb = 4,
    /// An `NVMe` drive.
    Nvme = 6,
}

/// The boot loader in the EEPROM, as far as its age and its settings matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootloader {
    /// `PARTITION` of its settings; 0 is none.
    pub partition: u32,
    /// Whether it knows `[tryboot]` and `tryboot_a_b`.
    pub tryboot_a_b: bool,
    /// What it does with a partition that is not bootable.
    pub fallback: Fallback,
}

impl Bootloader {
    /// One of 2025-08 or later.
    pub const NEW: Self = Self {
        partition: 0,
        tryboot_a_b: true,
        fallback: Fallback::Walk,
    };
    /// One of 2022-10 or later.
    pub const SINCE_2022: Self = Self {
        partition: 0,
        tryboot_a_b: true,
        fallback: Fallback::First,
    };
    /// One before 2022-10, which reads `tryboot.txt` in a try (raspberrypi/rpi-eeprom#504).
    pub const OLD: Self = Self {
        partition: 0,
        tryboot_a_b: false,
        fallback: Fallback::None,
    };
}

/// A board that starts from one disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Firmware {
    /// The board.
    pub board: Board,
    /// Its boot loader.
    pub bootloader: Bootloader,
    /// How it reaches the disk.
    pub boot_mode: BootMode,
    /// Its serial number, for filters.
    pub serial: u32,
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The partition that it comes from.
    pub partition: u32,
    /// Whether the tryboot flag was set. It says nothing about the partition: one that is not bootable is passed over.
    pub tryboot: bool,
    /// How the disk was reached.
    pub boot_mode: BootMode,
    /// The partitions that were passed over.
    pub passed_over: Vec<u32>,
    /// The kernel.
    pub kernel: Loaded,
    /// The initrds one behind the other, if there are any.
    pub initrd: Option<Vec<u8>>,
    /// The device tree as it stands on the disk; [`Boot::finished_tree`] is what the kernel gets.
    pub tree: Loaded,
    /// The kernel's command line as it stands on the disk.
    pub command_line: String,
    /// What `config.txt` says.
    pub settings: Settings,
    /// What the start relied on without a document behind it.
    pub notes: Vec<Note>,
}

impl Firmware {
    /// A board with a new boot loader.
    pub const fn new(board: Board, boot_mode: BootMode) -> Self {
        Self {
            board,
            bootloader: Bootloader::NEW,
            boot_mode,
            serial: 0,
        }
    }

    /// Starts the board: what it starts from the disk, or why it starts nothing.
    pub fn start(&self, disk: &mut (impl Read + Seek), reset: Reset) -> Result<Boot, Failure> {
        let facts = Facts {
            board: self.board,
            serial: self.serial,
            tryboot: reset.tryboot,
            partition: reset.partition,
            boot_partition: 0,
        };
        let rules = Rules {
            facts: &facts,
            partition: self.bootloader.partition,
            tryboot_a_b: self.bootloader.tryboot_a_b,
            fallback: self.bootloader.fallback,
        };
        let choice = choice::choose(disk, &rules)?;
        let facts = Facts {
            boot_partition: choice.partition.number,
            ..facts
        };
        let contents = load::load(disk, choice.partition, choice.config, &facts)?;
        let mut notes = choice.autoboot.notes;
        notes.extend(contents.notes);
        Ok(Boot {
            partition: choice.partition.number,
            tryboot: reset.tryboot,
            boot_mode: self.boot_mode,
            passed_over: choice.tried.0.into_iter().map(|(number, _)| number).collect(),
            kernel: contents.kernel,
            initrd: contents.initrd,
            tree: contents.tree,
            command_line: contents.command_line,
            settings: contents.settings,
            notes,
        })
    }
}

impl Boot {
    /// What the firmware tells the kernel in the device tree.
    pub fn told(&self) -> Told<'_> {
        Told {
            partition: self.partition,
            tryboot: self.tryboot,
            boot_mode: self.boot_mode as u32,
            command_line: &self.command_line,
        }
    }

    /// The device tree with what the firmware adds to it.
    pub fn finished_tree(&self) -> Result<Vec<u8>, TreeError> {
        tree::tell(&self.tree.bytes, &self.told())
    }
}
