//! The system slots of an installed machine.
//!
//! The boot loader's own files are on the boot partition, which only root can read and which is mounted on demand.
//! The boot check copies their contents to [`BOOT_FOLDER`]; services read that copy, not the partition.
//!
//! - [`entry`]: entries of the boot loader and their counters
//! - [`records`]: lists of failed starts and of boots
//! - [`efi`]: variables that the boot loader sets
//! - [`tryboot`]: the firmware of a Raspberry Pi, which has neither entries nor variables

pub mod efi;
pub mod entry;
pub mod records;
pub mod tryboot;

use std::cmp::Reverse;

use sigmavault_types::slots::{
    BOOT_FOLDER, BOOT_INFO_PATH, BootFailure, BootInfo, Chain, FallBack, Slot, SlotState, Slots,
};

use crate::error::FactError;
use crate::files::Files;
use crate::slots::entry::Entry;

/// Folder of the boot loader's entries.
pub const ENTRIES: &str = "/boot/loader/entries";

/// Failed starts that the initrd recorded, on the boot partition.
pub const ESP_FAILURES: &str = "/boot/sigmavault/failures.tsv";

/// Starts in which a slot must prove itself.
pub const TRIES: u32 = 3;

/// Number of failed starts reported.
const TOLD: usize = 20;

/// Path of a record in [`BOOT_FOLDER`].
pub fn record(name: &str) -> String {
    format!("{BOOT_FOLDER}/{name}")
}

/// Whether this system runs from a live medium.
pub fn is_live(files: &Files) -> bool {
    let cmdline = files.text("/proc/cmdline").unwrap_or_default();
    cmdline
        .split_whitespace()
        .any(|word| word == "sigmavault.live" || word.starts_with("sigmavault.live="))
}

/// The initrd's record of this boot; `None` if it is missing or unreadable.
pub fn boot_info(files: &Files) -> Option<BootInfo> {
    serde_json::from_slice(&files.bytes(BOOT_INFO_PATH).ok()?).ok()
}

/// What chose the slot that runs.
pub fn chain(files: &Files) -> Chain {
    boot_info(files).map(|info| info.chain).unwrap_or_default()
}

/// The running slot, from the initrd's record or else from the boot loader.
pub fn running(files: &Files) -> Option<Slot> {
    let by_initrd = boot_info(files).map(|info| info.slot);
    by_initrd.or_else(|| entry::Name::parse(&efi::selected_entry(files)?).map(|name| name.slot))
}

/// The current slots of systemd-boot; reads the boot partition.
pub fn current(files: &Files) -> Result<Slots, FactError> {
    let (running, entries) = (running(files), entries(files)?);
    Ok(with_failures(files, running, states(running, &entries)))
}

/// These slots with the starts that failed, those that only the boot partition has among them.
pub fn with_failures(files: &Files, running: Option<Slot>, slots: Vec<SlotState>) -> Slots {
    let mut failures = failures(files, &record("failures.tsv"));
    failures.extend(self::failures(files, ESP_FAILURES));
    judge(chain(files), running, slots, failures)
}

/// The slots as recorded by the last boot check or switch; `None` if this is not an installed system.
pub fn recorded(files: &Files) -> Option<Slots> {
    if is_live(files) {
        return None;
    }
    let running = running(files)?;
    let snapshot = files.bytes(record("slots.json")).ok();
    let mut slots: Vec<SlotState> = snapshot
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    for state in &mut slots {
        state.running = state.slot == running;
        // A restart used the order up.
        state.armed &= !state.running;
    }
    let failures = failures(files, &record("failures.tsv"));
    Some(judge(chain(files), Some(running), slots, failures))
}

/// Every entry of a slot on the boot partition, by slot, in the boot loader's order.
pub fn entries(files: &Files) -> Result<Vec<Entry>, FactError> {
    let mut entries = Vec::new();
    for file in files.names(ENTRIES)? {
        if let Some(name) = entry::Name::parse(&file) {
            let text = files.text(format!("{ENTRIES}/{file}"))?;
            let mut entry = Entry::parse(name, file, text);
            entry.bytes = entry.image.as_deref().and_then(|image| image_bytes(files, image));
            entries.push(entry);
        }
    }
    entries.sort_by_key(|entry| {
        let id = (entry.name.slot, entry.name.is_bad());
        (id, entry.sort_key.clone(), Reverse(entry.name.tries_left))
    });
    Ok(entries)
}

/// Failed starts in a file; empty if it does not exist.
pub fn failures(files: &Files, path: &str) -> Vec<BootFailure> {
    records::failures(&files.text(path).unwrap_or_default())
}

/// Size of a file that an entry names, relative to the boot partition.
fn image_bytes(files: &Files, image: &str) -> Option<u64> {
    let inside = image
        .split('/')
        .all(|part| part != "..")
        .then(|| image.trim_start_matches('/'))?;
    let about = files.path(format!("/boot/{inside}")).metadata().ok()?;
    (about.is_file() && about.len() > 0).then_some(about.len())
}

fn states(running: Option<Slot>, entries: &[Entry]) -> Vec<SlotState> {
    let preferred = preferred(entries);
    let mut slots: Vec<SlotState> = Vec::new();
    for entry in entries {
        let slot = entry.name.slot;
        if slots.last().is_some_and(|last| last.slot == slot) {
            continue;
        }
        slots.push(SlotState {
            slot,
            version: entry.version.clone(),
            preferred: preferred == Some(slot),
            running: running == Some(slot),
            tries_left: entry.name.tries_left,
            tries_done: entry.name.tries_done,
            bad: entry.name.is_bad(),
            bytes: entry.bytes,
            armed: false,
        });
    }
    slots
}

/// The slot that the boot loader starts first if none is bad: smallest sort key, then largest version, then last
/// name, as systemd-boot sorts. An entry without a key comes after those with one.
fn preferred(entries: &[Entry]) -> Option<Slot> {
    let first = entries.iter().min_by(|a, b| {
        let key = |entry: &Entry| (entry.sort_key.is_none(), entry.sort_key.clone());
        key(a)
            .cmp(&key(b))
            .then_with(|| b.version.cmp(&a.version))
            .then_with(|| b.name.slot.cmp(&a.name.slot))
    });
    first.map(|entry| entry.name.slot)
}

/// Adds whether the system fell back from a slot, and keeps only the last failed starts.
fn judge(
    chain: Chain,
    running: Option<Slot>,
    slots: Vec<SlotState>,
    mut failures: Vec<BootFailure>,
) -> Slots {
    // A slot that is tried becomes the preferred one only when it is good.
    let wanted = |state: &SlotState| state.preferred || chain == Chain::Tryboot;
    let given_up = slots
        .iter()
        .find(|state| wanted(state) && state.bad && running.is_some_and(|slot| slot != state.slot));
    let fell_back = given_up.map(|state| {
        let last = failures.iter().rfind(|failure| failure.slot == state.slot);
        FallBack {
            from: state.slot,
            time: last.map(|failure| failure.time.clone()),
            reason: last.map_or_else(
                || "no reason was kept".to_owned(),
                |failure| failure.reason.clone(),
            ),
        }
    });
    failures.drain(..failures.len().saturating_sub(TOLD));
    Slots {
        running,
        slots,
        fell_back,
        failures,
    }
}

#[cfg(test)]
mod tests;
