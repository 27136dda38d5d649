//! What every boot chain does.

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use sigmavault_facts::FactError;
use sigmavault_facts::slots::{TRIES, tryboot};
use sigmavault_host::run::RunError;
use sigmavault_types::slots::{Slot, Slots};

use crate::durable::WriteError;

/// What chooses the slot that starts, and how it is told to choose another one.
pub trait BootChain {
    /// The slots as they are now; reads the boot partition.
    fn list(&self) -> Result<Slots, SlotsError>;

    /// Has a slot start from the next start on.
    fn prefer(&self, slot: Slot) -> Result<Switched, ChainError>;

    /// Has a slot start at the next start only.
    fn once(&self, slot: Slot) -> Result<Switched, ChainError>;

    /// How a try went that ended before this start; `None` if there was none, or if it was settled before. Changes nothing.
    fn earlier_try(&self, earlier: &Earlier) -> Result<Option<EarlierTry>, ChainError>;

    /// Writes down how a try went, and orders the next one if it [goes on](EarlierTry::goes_on).
    fn settle(&self, earlier: &EarlierTry) -> Result<(), ChainError>;

    /// This start was good.
    fn good(&self) -> Result<(), ChainError>;

    /// This start was bad: what happens now.
    fn bad(&self) -> AfterBad;

    /// Whether a restart tries another slot than the preferred one. Does not read the boot partition, which cannot be
    /// mounted while the machine stops.
    fn tries_next(&self) -> bool;
}

/// What records tell about starts before this one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Earlier {
    /// The slot of the start before this one, if it got as far as mounting the state.
    pub previous: Option<Slot>,
    /// Whether that start was good.
    pub good: bool,
    /// Whether it ended with a restart that was to try the slot that is not preferred.
    pub handed_over: bool,
    /// Slots whose failures the initrd saved since the last check.
    pub failed: Vec<Slot>,
}

/// A try that ended before this start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierTry {
    /// The slot that was tried.
    pub slot: Slot,
    /// Whether it was to start only once.
    pub once: bool,
    /// How it went.
    pub went: Went,
}

/// How a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// It was good, and something kept it from becoming the preferred slot.
    Good,
    /// It failed.
    Failed {
        /// Starts that are left.
        left: u32,
        /// What shows that it was tried.
        seen: Seen,
    },
    /// Nothing shows that it was tried: the power went off before the restart, for example.
    NotTried {
        /// Starts that are left.
        left: u32,
    },
}

/// What shows that a slot was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its initrd or its system kept a record.
    Records,
    /// This system restarted into it, and that is all.
    Nothing,
}

impl EarlierTry {
    /// Whether the slot is tried again by a restart.
    pub const fn goes_on(&self) -> bool {
        let left = match self.went {
            Went::Good => 0,
            Went::Failed { left, .. } | Went::NotTried { left } => left,
        };
        !self.once && left > 0
    }

    /// Whether the slot is given up now.
    pub const fn given_up(&self) -> bool {
        !self.once && matches!(self.went, Went::Failed { left: 0, .. })
    }
}

/// What follows a bad start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterBad {
    /// A restart leads to another start of this slot that is counted, or to the other slot.
    Restart,
    /// The machine stays up.
    Stay(Staying),
}

/// Why a machine stays up after a bad start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staying {
    /// The slot has proved itself.
    Proven,
    /// There is no other slot: restarts would never end.
    Alone,
}

/// Why the slots are unknown.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// This is not an installed system.
    #[error(
        "this system runs from a live medium and has no slots; try: sigmavault-installer, then start from the disk"
    )]
    Live,
    /// The boot partition is unreadable.
    #[error("{0}; try: sudo sigmavault slots, or look why it is not mounted: systemctl status boot.mount")]
    Unreadable(#[from] FactError),
    /// There is no entry of a slot.
    #[error(
        "no slot is in /boot/loader/entries; try: systemctl status boot.mount, and when it is mounted, reinstall from the stick, which keeps the data"
    )]
    None,
    /// No boot partition of a Raspberry Pi has a kernel.
    #[error("neither boot partition of this Raspberry Pi holds a system; try: ls -l /dev/sigmavault")]
    NoKernel,
    /// The file that tells the firmware what to start was changed by hand.
    #[error(
        "{error}; what the firmware of this Raspberry Pi starts is unclear; try: give the file these lines, with which slot {} starts: \
         {lines}",
        running.letter(),
        lines = tryboot::autoboot::text(*running).trim_end().replace('\n', ", ")
    )]
    Autoboot {
        /// What is wrong with the file.
        error: FactError,
        /// The slot that runs.
        running: Slot,
    },
}

/// Why a boot chain could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The slots are unknown.
    #[error(transparent)]
    Slots(#[from] SlotsError),
    /// The boot partition cannot be read.
    #[error("{0}; try: systemctl status boot.mount")]
    Read(#[from] FactError),
    /// The slot has no entry.
    #[error("slot {} holds no system; try: sigmavault slots, which shows those that do", .0.letter())]
    Empty(Slot),
    /// The kernel image of the slot is missing.
    #[error(
        "slot {} cannot start: {image} is not on the boot partition; try: reinstall from the stick, which keeps the data",
        slot.letter()
    )]
    NoImage {
        /// The slot.
        slot: Slot,
        /// The path in its entry.
        image: String,
    },
    /// A slot of a Raspberry Pi lacks what the firmware reads.
    #[error(
        "slot {} cannot start: {device} has no {file}; slot {} stays; try: mount -o ro {device} /mnt, and look what is there",
        slot.letter(), slot.other().letter()
    )]
    NotBootable {
        /// The slot.
        slot: Slot,
        /// Its boot partition.
        device: String,
        /// The file that is missing.
        file: &'static str,
    },
    /// An entry could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What was written is not what is read.
    #[error(
        "{} does not keep what is written to it; try: replace the card or the disk; until then the slots stay as they are",
        .0.display()
    )]
    NotKept(PathBuf),
    /// The boot loader's variable could not be set.
    #[error("the boot loader could not be informed ({0}); try: sigmavault slots switch without --once")]
    BootLoader(RunError),
    /// With the flag the boot loader would start nothing.
    #[error(
        "the boot loader of this Raspberry Pi is of {built} and cannot try another slot: it starts nothing then; slot {} stays; try: \
         update it to one of October 2022 or later: start Raspberry Pi OS, and there: sudo rpi-eeprom-update -a",
        running.letter()
    )]
    OldBootLoader {
        /// The day on which it was built.
        built: String,
        /// The slot that runs.
        running: Slot,
    },
    /// The one-shot flag of the firmware could not be set.
    #[error(
        "the firmware of this Raspberry Pi could not be told which slot to start ({source}: {}); try: modprobe sigmavault_tryboot, \
         then again",
        path.display()
    )]
    Flag {
        /// The kernel module's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The result of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// The slot that starts first now.
    pub slot: Slot,
    /// Whether it was bad and got new tries.
    pub retried: bool,
    /// Whether this applies to the next start only.
    pub once: bool,
    /// Whether it is tried at the next restart, and starts first once that was good.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tried: bool,
}

impl Switched {
    /// The result, for a person.
    pub fn show(&self) -> String {
        let slot = self.slot.letter();
        let tries = if self.retried {
            format!("It was bad and has {TRIES} new tries.\n")
        } else {
            String::new()
        };
        match (self.tried, self.once) {
            (false, false) => {
                format!("Slot {slot} starts from the next start on. Restart with: systemctl reboot\n{tries}")
            }
            (false, true) => {
                format!("Slot {slot} runs at the next start only. Restart with: systemctl reboot\n")
            }
            (true, false) => format!(
                "Slot {slot} is tried at the next restart, and starts from then on if that start is good. Restart with: systemctl \
                 reboot; switched off, the machine first starts slot {} again\n{tries}",
                self.slot.other().letter()
            ),
            (true, true) => format!(
                "Slot {slot} runs at the next restart only. Restart with: systemctl reboot; switched off, the machine starts slot {} \
                 again\n",
                self.slot.other().letter()
            ),
        }
    }
}
