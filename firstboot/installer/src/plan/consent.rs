//! What must have been agreed to before a disk is erased: each disk by a name that no other disk has.

use super::install::Confirmation;
use super::refusal::Refusal;
use crate::identity;
use crate::machine::{Disk, Machine};

/// Why the system disk is not confirmed, unless it is.
pub(super) fn to_install(
    machine: &Machine,
    disk: &Disk,
    given: Option<&str>,
    confirmation: Confirmation,
) -> Option<Refusal> {
    let named = confirmation.named();
    let confirmed = || given.is_some_and(|given| identity::accepts(given, disk, &machine.disks, named));
    if confirmation == Confirmation::Later || confirmed() {
        return None;
    }
    let Some(expected) = identity::ask_for(disk, &machine.disks, named) else {
        return Some(Refusal::Nameless {
            disk: disk.describe(),
        });
    };
    Some(Refusal::Unconfirmed {
        disk: disk.describe(),
        given: given.map_or_else(|| "missing".to_owned(), |given| format!("\"{given}\"")),
        expected: expected.to_owned(),
    })
}

/// Why the contents of a pool's disk may not be lost, unless it is named among those that may be erased.
pub(super) fn to_erase(
    machine: &Machine,
    disk: &Disk,
    contents: &str,
    erase: &[String],
    confirmation: Confirmation,
) -> Option<Refusal> {
    let named = confirmation.named();
    if erase
        .iter()
        .any(|name| identity::accepts(name, disk, &machine.disks, named))
    {
        return None;
    }
    let Some(expected) = identity::ask_for(disk, &machine.disks, named) else {
        return Some(Refusal::Nameless {
            disk: disk.describe(),
        });
    };
    let shared: Vec<&str> = identity::same_serial(disk, &machine.disks)
        .map(|other| other.name.as_str())
        .collect();
    let why = if shared.is_empty() {
        String::new()
    } else {
        format!("its serial number is also that of {}: ", shared.join(" "))
    };
    Some(Refusal::HoldsData {
        disk: disk.describe(),
        contents: contents.to_owned(),
        hint: format!("{why}add \"{expected}\" to pool.erase if that may be lost"),
    })
}
