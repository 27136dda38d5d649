//! The copy of the slots for services, which cannot read the boot partition.

use sigmavault_facts::{Files, slots};
use sigmavault_types::slots::{BOOT_FOLDER, SlotState};

use crate::durable::{self, WriteError};

/// Writes the copy.
pub fn record(files: &Files, slots: &[SlotState]) -> Result<(), WriteError> {
    durable::folder(&files.path(BOOT_FOLDER))?;
    // A list of plain fields is always JSON.
    let text = serde_json::to_vec(slots).unwrap_or_default();
    durable::publish(&files.path(slots::record("slots.json")), &text)
}
