//! Records of boots, in `/var/lib/sigmavault/boot`:
//!
//! | file | what | written by |
//! | --- | --- | --- |
//! | `current.tsv`, `previous.tsv` | this boot and the one before | the initrd |
//! | `good.tsv` | boots that were good, the last 100 | a good check |
//! | `explained.tsv` | the last boot whose end is explained: an orderly shutdown, or a recorded failure | shutdown, a bad check |
//! | `failures.tsv` | starts that failed, and why | every check, from the boot partition and from its own results |
//! | `pools` | pools that were imported | a good check, and the shutdown after it |
//! | `slots.json` | the boot loader's slots | every check and every switch |
//! | `handed-over.tsv` | the last boot that ended with a restart that was to try the slot that is not preferred | shutdown |

use std::fmt::Write as _;

use sigmavault_facts::Files;
use sigmavault_facts::slots::{self, ESP_FAILURES, record, records};
use sigmavault_facts::time::timestamp;
use sigmavault_host::journalctl;
use sigmavault_host::run::Run;
use sigmavault_types::slots::{BootFailure, BootRecord, Slot, SlotState};

use super::health::{self, POOLS};
use crate::chain::{self, BootChain, Earlier};
use crate::durable::{self, WriteError};

/// How many good boots are kept.
const KEPT: usize = 100;

/// Exists once this boot is good, until shutdown.
pub const GOOD_MARK: &str = "/run/sigmavault/boot-good";

/// The record of this boot.
pub fn this_boot(files: &Files, slot: Slot, now: std::time::SystemTime) -> BootRecord {
    BootRecord {
        time: timestamp(now),
        slot,
        boot_id: files
            .attribute("/proc/sys/kernel/random/boot_id")
            .unwrap_or_default(),
    }
}

/// Records a failed start on the state file system, or, if that is not writable, on the boot partition, from which the
/// next boot collects it.
pub fn keep_failure(files: &Files, failure: &BootFailure) -> Result<(), WriteError> {
    let line = records::failure_line(failure);
    durable::append(&files.path(record("failures.tsv")), &line)
        .or_else(|_| durable::append(&files.path(ESP_FAILURES), &line))
}

/// Moves the failures that the initrd recorded on the boot partition to the state file system; returns them.
pub fn collect(files: &Files) -> Result<Vec<BootFailure>, WriteError> {
    let found = slots::failures(files, ESP_FAILURES);
    if found.is_empty() {
        return Ok(found);
    }
    // After a power cut between the two steps they are in both places.
    let kept = slots::failures(files, &record("failures.tsv"));
    let new: String = found
        .iter()
        .filter(|failure| !kept.contains(failure))
        .map(records::failure_line)
        .collect();
    if !new.is_empty() {
        durable::append(&files.path(record("failures.tsv")), &new)?;
    }
    durable::replace(&files.path(ESP_FAILURES), b"")?;
    Ok(found)
}

/// What the records tell about earlier boots; `failed` are the failures that were collected just now.
pub fn earlier(files: &Files, failed: &[BootFailure]) -> Earlier {
    let failed = failed.iter().map(|failure| failure.slot).collect();
    let boots = |name| records::boots(&files.text(record(name)).unwrap_or_default());
    let Some(previous) = boots("previous.tsv").pop() else {
        return Earlier {
            failed,
            ..Earlier::default()
        };
    };
    let is_in = |name| boots(name).iter().any(|boot| same_boot(boot, &previous));
    Earlier {
        previous: Some(previous.slot),
        good: is_in("good.tsv"),
        handed_over: is_in("handed-over.tsv"),
        failed,
    }
}

/// Whether a failure of this slot is recorded that is not older than the boot before this one.
pub fn is_told(files: &Files, slot: Slot) -> bool {
    let previous = records::boots(&files.text(record("previous.tsv")).unwrap_or_default()).pop();
    let since = previous.map(|boot| boot.time).unwrap_or_default();
    let known = slots::failures(files, &record("failures.tsv"));
    known
        .iter()
        .any(|failure| failure.slot == slot && failure.time >= since)
}

/// Records that this boot ends with a restart that is to try the other slot.
pub fn hand_over(files: &Files, boot: &BootRecord) -> Result<(), WriteError> {
    durable::publish(
        &files.path(record("handed-over.tsv")),
        records::boot_line(boot).as_bytes(),
    )
}

/// The previous boot, if it was neither good nor shut down in order and its end is not explained.
pub fn silent_failure(files: &Files, run: &dyn Run) -> Option<(BootRecord, BootFailure)> {
    let boots = |name| records::boots(&files.text(record(name)).unwrap_or_default());
    let previous = boots("previous.tsv").pop()?;
    let is_known = |name| boots(name).iter().any(|boot| same_boot(boot, &previous));
    if is_known("good.tsv") || is_known("explained.tsv") {
        return None;
    }
    let mut reason = "stopped without a shutdown before it was known to be good; ".to_owned();
    let boot = previous.boot_id.replace('-', "");
    let journal = run.text(&journalctl::last_errors(&boot, 5));
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

/// Records that the end of a boot is explained.
pub fn explain(files: &Files, boot: &BootRecord) -> Result<(), WriteError> {
    durable::publish(
        &files.path(record("explained.tsv")),
        records::boot_line(boot).as_bytes(),
    )
}

/// Records that this boot is good.
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

/// Records the names of the imported pools. Without an answer from ZFS the old list stays.
pub fn record_pools(files: &Files, run: &dyn Run) -> Result<(), WriteError> {
    let Ok(pools) = health::imported(run) else {
        return Ok(());
    };
    let text: String = pools.iter().map(|name| format!("{name}\n")).collect();
    durable::publish(&files.path(record(POOLS)), text.as_bytes())
}

/// Expects no pool at the next boot: a reset of the settings removes the list of pools to import.
pub fn forget_pools(files: &Files) -> Result<(), WriteError> {
    durable::publish(&files.path(record(POOLS)), b"")
}

/// Copies the boot loader's slots for services. A good slot loses its counter right after the check.
pub fn record_slots(files: &Files, chain: &dyn BootChain, good: Option<Slot>) -> Result<(), String> {
    let mut slots = chain.list().map_err(|error| error.to_string())?.slots;
    let proven = |state: &&mut SlotState| Some(state.slot) == good;
    for state in slots.iter_mut().filter(proven) {
        (state.tries_left, state.tries_done, state.bad) = (None, None, false);
    }
    chain::record(files, &slots).map_err(|error| error.to_string())
}
