//! What is kept about boots, in `/var/lib/sigmavault/boot`:
//!
//! | file | what | written by |
//! | --- | --- | --- |
//! | `current.tsv`, `previous.tsv` | this boot and the one before | the initrd |
//! | `good.tsv` | boots that were good, the last 100 | a good check |
//! | `explained.tsv` | the last boot whose end needs no search: shut down in order, or its failure is kept | shutdown, a bad check |
//! | `failures.tsv` | starts that failed, and why | every check, from the boot partition and from its own findings |
//! | `pools` | pools that were imported | a good check, and the shutdown after it |
//! | `slots.json` | the boot loader's slots | every check and every switch |

use std::fmt::Write as _;

use sigmavault_facts::slots::{self, ESP_FAILURES, record, records};
use sigmavault_facts::{Files, status};
use sigmavault_types::slots::{BootFailure, BootRecord, Slot, SlotState};

use super::health::{self, POOLS};
use crate::durable::{self, WriteError};
use crate::program::Run;
use crate::slots as shown;

/// How many good boots are kept.
const KEPT: usize = 100;

/// There once this boot was good; gone with the boot.
pub const GOOD_MARK: &str = "/run/sigmavault/boot-good";

/// This boot.
pub fn this_boot(files: &Files, slot: Slot, now: std::time::SystemTime) -> BootRecord {
    BootRecord {
        time: status::timestamp(now),
        slot,
        boot_id: files
            .attribute("/proc/sys/kernel/random/boot_id")
            .unwrap_or_default(),
    }
}

/// Keeps a failed start: on the state file system, or when that takes no writes, on the boot partition, from where the
/// next boot fetches it.
pub fn keep_failure(files: &Files, failure: &BootFailure) -> Result<(), WriteError> {
    let line = records::failure_line(failure);
    durable::append(&files.path(record("failures.tsv")), &line)
        .or_else(|_| durable::append(&files.path(ESP_FAILURES), &line))
}

/// Moves the failures that the initrd left on the boot partition to the state file system.
pub fn collect(files: &Files) -> Result<(), WriteError> {
    let found = slots::failures(files, ESP_FAILURES);
    if found.is_empty() {
        return Ok(());
    }
    // A power cut after the first step leaves them in both places.
    let kept = slots::failures(files, &record("failures.tsv"));
    let new: String = found
        .iter()
        .filter(|failure| !kept.contains(failure))
        .map(records::failure_line)
        .collect();
    if !new.is_empty() {
        durable::append(&files.path(record("failures.tsv")), &new)?;
    }
    durable::replace(&files.path(ESP_FAILURES), b"")
}

/// The boot before this one, when it was neither good nor shut down in order and nobody said why.
pub fn silent_failure(files: &Files, run: Run<'_>) -> Option<(BootRecord, BootFailure)> {
    let boots = |name| records::boots(&files.text(record(name)).unwrap_or_default());
    let previous = boots("previous.tsv").pop()?;
    let is_known = |name| boots(name).iter().any(|boot| same_boot(boot, &previous));
    if is_known("good.tsv") || is_known("explained.tsv") {
        return None;
    }
    let mut reason = "stopped without a shutdown before it was known to be good; ".to_owned();
    let boot = previous.boot_id.replace('-', "");
    let id = format!("--boot={boot}");
    let journal = run(&[
        "journalctl",
        &id,
        "--priority=err",
        "--lines=5",
        "--output=cat",
        "--no-pager",
        "--quiet",
    ]);
    let lines: Vec<&str> = match &journal {
        Ok(text) => text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect(),
        Err(_) => Vec::new(),
    };
    // Writing to a String cannot fail.
    let _ = match lines.as_slice() {
        [] => write!(reason, "its journal has no errors"),
        lines => write!(reason, "last errors: {}", lines.join("; ")),
    };
    let failure = BootFailure {
        time: previous.time.clone(),
        slot: previous.slot,
        reason,
    };
    Some((previous, failure))
}

fn same_boot(a: &BootRecord, b: &BootRecord) -> bool {
    a.boot_id.replace('-', "") == b.boot_id.replace('-', "")
}

/// Notes that the end of a boot needs no search.
pub fn explain(files: &Files, boot: &BootRecord) -> Result<(), WriteError> {
    durable::publish(
        &files.path(record("explained.tsv")),
        records::boot_line(boot).as_bytes(),
    )
}

/// Notes that this boot is good.
pub fn record_good(files: &Files, boot: &BootRecord) -> Result<(), WriteError> {
    let mut boots = records::boots(&files.text(record("good.tsv")).unwrap_or_default());
    boots.retain(|known| !same_boot(known, boot));
    boots.push(boot.clone());
    let last = &boots[boots.len().saturating_sub(KEPT)..];
    let text: String = last.iter().map(records::boot_line).collect();
    durable::publish(&files.path(record("good.tsv")), text.as_bytes())
}

/// Whether this boot was found good before.
pub fn is_good(files: &Files) -> bool {
    files.exists(GOOD_MARK)
}

/// Keeps the names of the pools that are imported now. Without an answer the old list stays.
pub fn record_pools(files: &Files, run: Run<'_>) -> Result<(), WriteError> {
    let Ok(pools) = health::imported(run) else {
        return Ok(());
    };
    let text: String = pools.iter().map(|name| format!("{name}\n")).collect();
    durable::publish(&files.path(record(POOLS)), text.as_bytes())
}

/// Misses no pool at the next boot: a reset of the settings takes the list of pools to import with it.
pub fn forget_pools(files: &Files) -> Result<(), WriteError> {
    durable::publish(&files.path(record(POOLS)), b"")
}

/// Copies what the boot loader has, for services. A good slot loses its counter right after the check.
pub fn record_slots(files: &Files, good: Option<Slot>) -> Result<(), String> {
    let mut slots = shown::get(files).map_err(|error| error.to_string())?.slots;
    let proven = |state: &&mut SlotState| Some(state.slot) == good;
    for state in slots.iter_mut().filter(proven) {
        (state.tries_left, state.tries_done, state.bad) = (None, None, false);
    }
    shown::record(files, &slots).map_err(|error| error.to_string())
}
