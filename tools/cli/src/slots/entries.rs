//! The slots as they are on the boot partition.

use sigmavault_facts::{FactError, Files, slots};
use sigmavault_types::slots::{BOOT_FOLDER, SlotState, Slots};

use crate::durable::{self, WriteError};

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
}

/// The slots as they are on the boot partition.
pub fn get(files: &Files) -> Result<Slots, SlotsError> {
    if slots::is_live(files) {
        return Err(SlotsError::Live);
    }
    let found = slots::current(files)?;
    if found.slots.is_empty() {
        return Err(SlotsError::None);
    }
    Ok(found)
}

/// Writes a copy of the slots for services, which cannot read the boot partition.
pub fn record(files: &Files, slots: &[SlotState]) -> Result<(), WriteError> {
    durable::folder(&files.path(BOOT_FOLDER))?;
    // A list of plain fields is always JSON.
    let text = serde_json::to_vec(slots).unwrap_or_default();
    durable::publish(&files.path(slots::record("slots.json")), &text)
}
