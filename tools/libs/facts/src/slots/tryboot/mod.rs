//! The slots of a Raspberry Pi. Its firmware starts the slot that `autoboot.txt` prefers; its one-shot flag `tryboot`,
//! which neither a power cut nor a second restart survives, makes one start take the other slot.
//!
//! - [`autoboot`]: the file `autoboot.txt`
//! - [`attempt`]: the slot that has to prove itself, and the one that was given up

pub mod attempt;
pub mod autoboot;

use sigmavault_types::slots::{Slot, SlotState};

use crate::error::FactError;
use crate::files::Files;
use crate::slots::{TRIES, boot_info};
use attempt::Attempt;
use autoboot::Autoboot;

/// The firmware's choice.
pub const AUTOBOOT: &str = "/boot/autoboot.txt";
/// The slot that has to prove itself; see [`Attempt`].
pub const TRY: &str = "/boot/sigmavault/try";
/// The slot that was given up.
pub const BAD: &str = "/boot/sigmavault/bad";
/// The one-shot flag, by the kernel module `sigmavault_tryboot`: what this boot has set it to.
pub const FLAG: &str = "/sys/kernel/sigmavault_tryboot/flag";

/// Words of the kernel command line of the first start, in which the disk is set up from a session that keeps its changes in memory.
/// While the partition table is written anew its copy counts too, and arrays of other systems are not written.
pub const FIRST_START: [&str; 5] = [
    "gpt",
    "md_mod.start_ro=1",
    "systemd.volatile=overlay",
    "sigmavault.live",
    "sigmavault.setup",
];

/// The file with the version of the system in a slot: written last, and removed first, when a slot is written.
pub fn version_path(slot: Slot) -> String {
    format!("/boot/sigmavault/slot-{}.version", slot.name())
}

/// The partition with the kernel of a slot.
pub fn boot_device(slot: Slot) -> String {
    format!("/dev/sigmavault/boot-{}", slot.name())
}

/// What the boot partition, the initrd and the kernel say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tryboot {
    /// `autoboot.txt`.
    pub autoboot: Autoboot,
    /// The slot that runs.
    pub running: Option<Slot>,
    /// Whether this start is a try.
    pub trying: bool,
    /// Whether the next restart takes the slot that is not preferred.
    pub flag: bool,
    /// The slot that has to prove itself.
    pub attempt: Option<Attempt>,
    /// The slot that was given up.
    pub bad: Option<Slot>,
}

impl Tryboot {
    /// Reads the boot partition.
    pub fn read(files: &Files) -> Result<Self, FactError> {
        let info = boot_info(files);
        Ok(Self {
            autoboot: files.parse(AUTOBOOT, Autoboot::parse)?,
            running: info.as_ref().map(|info| info.slot),
            trying: info.is_some_and(|info| info.trying),
            flag: flag(files),
            attempt: Attempt::parse(&files.text(TRY).unwrap_or_default()),
            bad: attempt::bad(&files.text(BAD).unwrap_or_default()),
        })
    }

    /// The slot that starts first.
    pub fn preferred(&self) -> Slot {
        self.autoboot.preferred
    }

    /// A slot, with its version and the size of its kernel.
    pub fn state(&self, slot: Slot, version: Option<String>, bytes: Option<u64>) -> SlotState {
        let running = self.running == Some(slot);
        let attempt = self.attempt.filter(|attempt| attempt.slot == slot);
        // The start that runs is used up.
        let left = attempt
            .filter(|attempt| !attempt.once)
            .map(|attempt| attempt.left.saturating_sub(u32::from(running)));
        let bad = self.bad == Some(slot) && attempt.is_none();
        let armed = slot != self.preferred()
            && match attempt {
                Some(attempt) if !attempt.once && !running => true,
                _ => self.flag,
            };
        SlotState {
            slot,
            version,
            preferred: slot == self.preferred(),
            running,
            tries_left: if bad { Some(0) } else { left },
            tries_done: if bad {
                Some(TRIES)
            } else {
                left.and_then(|left| TRIES.checked_sub(left))
                    .filter(|done| *done > 0)
            },
            bad,
            bytes,
            armed,
        }
    }
}

/// Whether this boot has set the one-shot flag. Reads nothing of the boot partition.
pub fn flag(files: &Files) -> bool {
    files.attribute(FLAG).as_deref() == Some("1")
}
