//! The system disk: its choice, its partitions, and the encryption of its state partition.

use super::consent;
use super::install::{Confirmation, EncryptionPlan, Partition};
use super::refusal::{Refusal, apart};
use crate::answers::{Answers, Encryption, System};
use crate::machine::{Contents, Disk, Installed, Machine, Source};
use crate::size::Size;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// The EFI system partition.
const ESP: u64 = GIB;
/// Both partition tables and the alignment of what lies between them.
const OVERHEAD: u64 = 4 * MIB;
/// The smallest state partition.
pub(super) const STATE_MIN: u64 = 2 * GIB;
/// The default size of the state partition, and the least space that is left free.
const STATE_USUAL: u64 = 64 * GIB;
/// The most bytes of a passphrase: what cryptsetup(8) takes from a terminal.
const PASSPHRASE_MAX: usize = 512;
/// The least number of characters of a passphrase.
const PASSPHRASE_MIN: usize = 8;
/// The least number of characters of a PIN, whose guesses the TPM limits.
const PIN_MIN: usize = 6;

/// The system disk, if the selector names one. Refusals are added to the list.
pub(super) fn choose<'a>(
    machine: &'a Machine,
    wanted: &System,
    confirmation: Confirmation,
    refusals: &mut Vec<Refusal>,
) -> Option<&'a Disk> {
    let disk = wanted
        .disk
        .choose(&machine.candidates())
        .map_err(|error| {
            refusals.push(Refusal::Disk {
                what: "system.disk".to_owned(),
                error,
            });
        })
        .ok()?;
    if let Some(reason) = &disk.in_use {
        refusals.push(Refusal::InUse {
            disk: disk.describe(),
            reason: reason.clone(),
        });
    }
    if let Some(drivers) = machine.unreadable.get(&disk.name) {
        refusals.push(Refusal::Unreadable {
            disk: disk.describe(),
            drivers: drivers.join(", "),
        });
    }
    if ![512, 4096].contains(&disk.sector) {
        refusals.push(Refusal::answer(
            "system.disk",
            format!(
                "{} has sectors of {} bytes; the system needs 512 or 4096",
                disk.describe(),
                disk.sector
            ),
        ));
    }
    refusals.extend(consent::to_install(
        machine,
        disk,
        wanted.confirm.as_deref(),
        confirmation,
    ));
    Some(disk)
}

/// Bytes of a root slot and of its verity slot: twice what is copied now, so that later versions fit.
fn slots(source: &Source) -> (u64, u64) {
    let twice = |bytes: u64, unit: u64| bytes.saturating_mul(2).div_ceil(unit).saturating_mul(unit);
    let root = twice(source.root_bytes, 64 * MIB);
    // A hash tree of SHA-256 over blocks of 4 KiB takes about 1/127 of its data.
    let verity = (root / 64)
        .next_multiple_of(4 * MIB)
        .max(twice(source.verity_bytes, 4 * MIB));
    (root, verity)
}

/// Whether a state partition can have this size on some disk.
pub(super) fn check_state_size(size: Size) -> Result<(), String> {
    if size.0 < STATE_MIN || !size.0.is_multiple_of(MIB) {
        return Err(format!("{size} will not do: give at least 2G, in whole MiB"));
    }
    Ok(())
}

/// The partitions of a disk that is erased.
pub(super) fn erase(
    disk: &Disk,
    source: &Source,
    state_size: Option<Size>,
    refusals: &mut Vec<Refusal>,
) -> Option<Vec<Partition>> {
    let (root, verity) = slots(source);
    let fixed = root
        .saturating_add(verity)
        .saturating_mul(2)
        .saturating_add(ESP + OVERHEAD);
    if let Err(reason) = state_size.map_or(Ok(()), check_state_size) {
        refusals.push(Refusal::answer("system.state-size", reason));
        return None;
    }
    let least = fixed.saturating_add(STATE_MIN);
    if least > disk.bytes {
        refusals.push(Refusal::too_small(disk, least));
        return None;
    }
    let rest = (disk.bytes - fixed) / MIB * MIB;
    if let Some(size) = state_size.filter(|size| size.0 > rest) {
        refusals.push(state_too_large(disk, size, rest));
        return None;
    }
    let state = match state_size {
        Some(size) => size.0,
        None if rest - rest.min(STATE_USUAL) < STATE_USUAL => rest,
        None => STATE_USUAL,
    };
    Some(partitions(ESP, root, verity, state))
}

/// The refusal of a state partition that does not fit.
pub(super) fn state_too_large(disk: &Disk, size: Size, most: u64) -> Refusal {
    Refusal::answer(
        "system.state-size",
        format!(
            "{size} is more than {} has beside the system: give at most {}",
            disk.describe(),
            Size(most)
        ),
    )
}

/// The partitions of a disk whose data is kept: those that are there.
pub(super) fn keep(disk: &Disk, source: &Source, refusals: &mut Vec<Refusal>) -> Option<Vec<Partition>> {
    let reason = match &disk.contents {
        Contents::SigmaVault(found) => match unfit(found, source) {
            None => {
                return Some(partitions(
                    ESP,
                    found.slot_bytes,
                    found.verity_bytes,
                    found.state_bytes,
                ));
            }
            Some(reason) => reason,
        },
        Contents::Empty => "the disk is empty".to_owned(),
        Contents::Foreign(text) => format!("it holds no SigmaVault system but {text}"),
    };
    refusals.push(Refusal::CannotKeep {
        disk: disk.describe(),
        reason: format!("{reason}\n  try: system.mode = \"erase\", which loses what is on the disk"),
    });
    None
}

/// Why an installed system cannot be replaced.
fn unfit(found: &Installed, source: &Source) -> Option<String> {
    let slot = |name: &str, has: u64, needed: u64| {
        let (has, needed) = apart(has, needed);
        format!("its {name} slots have {has} each and the new system needs {needed}")
    };
    if !found.complete {
        Some("its installation was not completed, so that there is nothing to keep".to_owned())
    } else if found.state_bytes == 0 {
        Some("it has no state partition".to_owned())
    } else if found.slot_bytes < source.root_bytes {
        Some(slot("root", found.slot_bytes, source.root_bytes))
    } else if found.verity_bytes < source.verity_bytes {
        Some(slot("verity", found.verity_bytes, source.verity_bytes))
    } else {
        None
    }
}

/// Refuses answers that would be ignored silently when data is kept.
pub(super) fn refuse_what_stays(answers: &Answers, refusals: &mut Vec<Refusal>) {
    for (key, given) in [
        ("encryption", answers.encryption.is_some()),
        ("pool", answers.pool.is_some()),
        ("system.state-size", answers.system.state_size.is_some()),
    ] {
        if given {
            refusals.push(Refusal::answer(
                key,
                "cannot be given with system.mode = \"keep-data\", which leaves the state partition and pools as they are",
            ));
        }
    }
}

/// Encryption of the state partition.
pub(super) fn encryption(
    wanted: &Encryption,
    machine: &Machine,
    refusals: &mut Vec<Refusal>,
) -> EncryptionPlan {
    check_keys(wanted, refusals);
    if wanted.tpm2 && !machine.tpm2 {
        refusals.push(Refusal::answer(
            "encryption.tpm2",
            "this machine has no TPM 2.0 that Linux can use: switch it on in the firmware setup, or set tpm2 = false",
        ));
    }
    EncryptionPlan {
        passphrase: wanted.passphrase.clone(),
        recovery_key: wanted.recovery_key,
        tpm_pin: wanted.tpm_pin.clone().filter(|_| wanted.tpm2),
    }
}

/// What stands against the keys of the state partition on any machine.
pub(super) fn check_keys(wanted: &Encryption, refusals: &mut Vec<Refusal>) {
    check_typed(
        "encryption.passphrase",
        &wanted.passphrase.0,
        PASSPHRASE_MIN,
        refusals,
    );
    let pin = wanted.tpm_pin.as_ref();
    if let Some(pin) = pin {
        check_typed("encryption.tpm-pin", &pin.0, PIN_MIN, refusals);
    }
    if pin == Some(&wanted.passphrase) {
        refusals.push(Refusal::answer(
            "encryption.tpm-pin",
            "is the passphrase, so that the TPM would protect nothing: give another one",
        ));
    }
    match (wanted.tpm2, pin) {
        (true, None) => refusals.push(Refusal::answer(
            "encryption.tpm-pin",
            format!(
                "is missing: a TPM without a PIN would open the state partition for anyone who starts the machine: \
                 give at least {PIN_MIN} characters, or set tpm2 = false"
            ),
        )),
        (false, Some(_)) => refusals.push(Refusal::answer(
            "encryption.tpm-pin",
            "has no use without the TPM: set tpm2 = true, or leave it out",
        )),
        (true, Some(_)) | (false, None) => {}
    }
    if wanted.tpm2 && !wanted.recovery_key {
        refusals.push(Refusal::answer(
            "encryption.recovery-key",
            "cannot be false with the TPM: a passphrase that is hardly ever typed is soon forgotten, and a TPM is lost with \
             its main board: set recovery-key = true",
        ));
    }
}

/// What stands against something that is typed at every start.
fn check_typed(key: &str, text: &str, least: usize, refusals: &mut Vec<Refusal>) {
    if text.chars().count() < least {
        refusals.push(Refusal::answer(
            key,
            format!("is too short: give at least {least} characters"),
        ));
    }
    if text.len() > PASSPHRASE_MAX {
        refusals.push(Refusal::answer(
            key,
            format!("is too long to be typed: give at most {PASSPHRASE_MAX} bytes"),
        ));
    }
    // It is typed at boot, and read from a file in which a line end would be part of it.
    if text.contains(char::is_control) {
        refusals.push(Refusal::answer(key, "has a line end or control character"));
    }
}

fn partitions(esp: u64, root: u64, verity: u64, state: u64) -> Vec<Partition> {
    definitions([
        ("10-esp", esp),
        ("20-root-a", root),
        ("21-root-a-verity", verity),
        ("30-root-b", root),
        ("31-root-b-verity", verity),
        ("40-state", state),
    ])
}

/// Partitions by their definitions, with their sizes.
pub(super) fn definitions<const COUNT: usize>(sizes: [(&str, u64); COUNT]) -> Vec<Partition> {
    sizes
        .into_iter()
        .map(|(definition, bytes)| Partition {
            definition: definition.to_owned(),
            label: definition[3..].to_owned(),
            bytes,
        })
        .collect()
}
