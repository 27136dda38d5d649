//! The first start of a Raspberry Pi from a disk that the image was written to: it gets the partitions that the image
//! lacks. What it runs from stays.

use super::install::{Confirmation, Partition, SetupPlan};
use super::refusal::{Refusal, apart};
use super::system;
use crate::answers::{Mode, System};
use crate::identity;
use crate::machine::{Disk, InUse, Machine, Present, Setup};
use crate::size::Size;

const MIB: u64 = 1 << 20;
/// Partitions of the image, in order. The slot that runs is among them.
const IMAGE: [&str; 5] = ["boot", "boot-a", "boot-b", "root-a", "root-a-verity"];
/// What a setup adds. One that was not completed has left some of them.
const ADDED: [&str; 3] = ["root-b", "root-b-verity", Setup::STATE_UNFINISHED];
/// What lies beside the partitions: alignment before those that are added, and the second partition table.
const OVERHEAD: u64 = 3 * MIB;

/// What happens to the system disk. The machine decides about a setup; refusals say where answers want something else.
pub(super) fn mode(machine: &Machine, wanted: &System, refusals: &mut Vec<Refusal>) -> Mode {
    match (&machine.setup, wanted.mode) {
        (Some(_), None | Some(Mode::Setup)) => Mode::Setup,
        (Some(_), Some(other)) => {
            refusals.push(Refusal::answer(
                "system.mode",
                format!(
                    "cannot be \"{}\" here: this is the first start of a Raspberry Pi from the disk that becomes its system \
                     disk: leave it out, or give \"setup\"",
                    other.name()
                ),
            ));
            Mode::Setup
        }
        (None, Some(Mode::Setup)) => {
            refusals.push(Refusal::answer(
                "system.mode",
                "cannot be \"setup\" here: that is for the first start of a Raspberry Pi, and this machine was started from \
                 an installation medium: give \"erase\" or \"keep-data\", and the disk",
            ));
            Mode::Setup
        }
        (None, other) => other.unwrap_or_default(),
    }
}

/// The disk that is set up. Answers that mean another one are refused.
pub(super) fn disk<'a>(
    machine: &'a Machine,
    wanted: &System,
    confirmation: Confirmation,
    refusals: &mut Vec<Refusal>,
) -> Option<&'a Disk> {
    let setup = machine.setup.as_ref()?;
    let Some(disk) = machine.setup_disk() else {
        refusals.push(Refusal::NotAsWritten {
            disk: setup.disk.clone(),
            reason: "it is not among the disks of this machine".to_owned(),
        });
        return None;
    };
    let only = "which this Raspberry Pi runs from, and which is the only one that can be its system disk: leave it out";
    if !wanted.disk.is_empty() && wanted.disk.choose(&[disk]).is_err() {
        refusals.push(Refusal::answer(
            "system.disk",
            format!("does not match {}, {only}", disk.describe()),
        ));
    }
    if let Some(given) = &wanted.confirm
        && !identity::accepts(given, disk, &machine.disks, confirmation.named())
    {
        refusals.push(Refusal::answer(
            "system.confirm",
            format!("does not name {}, {only}", disk.describe()),
        ));
    }
    if disk.in_use == Some(InUse::ReadOnly) {
        refusals.push(Refusal::InUse {
            disk: disk.describe(),
            reason: InUse::ReadOnly,
        });
    }
    Some(disk)
}

/// What is on the disk and stays, and what a setup that was not completed has left.
pub(super) fn present(disk: &Disk, setup: &Setup, refusals: &mut Vec<Refusal>) -> Option<SetupPlan> {
    if setup.is_done() {
        refusals.push(Refusal::SetUpBefore {
            disk: disk.describe(),
        });
        return None;
    }
    let mut refuse = |reason: String| {
        refusals.push(Refusal::NotAsWritten {
            disk: disk.describe(),
            reason,
        });
        None
    };
    for label in IMAGE {
        match setup.partitions.iter().filter(|part| part.label == label).count() {
            1 => {}
            0 => return refuse(format!("it has no partition {label}")),
            _ => return refuse(format!("it has several partitions named {label}")),
        }
    }
    let (kept, stale): (Vec<Present>, Vec<Present>) = setup
        .partitions
        .iter()
        .cloned()
        .partition(|part| IMAGE.contains(&part.label.as_str()));
    if let Some(other) = stale.iter().find(|part| !ADDED.contains(&part.label.as_str())) {
        return refuse(format!("its partition {} is not of the image", named(other)));
    }
    let bytes = |label: &str| {
        kept.iter()
            .find(|part| part.label == label)
            .map(|part| part.bytes)
    };
    if bytes("boot-a") != bytes("boot-b") {
        return refuse("its partitions boot-a and boot-b differ in size".to_owned());
    }
    let end = end(&kept);
    if let Some(before) = stale.iter().find(|part| part.start < end) {
        return refuse(format!(
            "its partition {} lies before the end of the image",
            named(before)
        ));
    }
    Some(SetupPlan { kept, stale })
}

/// A partition for a person.
fn named(part: &Present) -> String {
    if part.label.is_empty() {
        part.number.to_string()
    } else {
        format!("{} (\"{}\")", part.number, part.label)
    }
}

/// Bytes up to the end of the last of these.
fn end(parts: &[Present]) -> u64 {
    parts
        .iter()
        .map(|part| part.start.saturating_add(part.bytes))
        .max()
        .unwrap_or_default()
}

/// The partitions that are added: a second slot as large as the first, and the state in the rest.
pub(super) fn partitions(
    disk: &Disk,
    setup: &SetupPlan,
    state_size: Option<Size>,
    refusals: &mut Vec<Refusal>,
) -> Option<Vec<Partition>> {
    let size = |label: &str| {
        setup
            .kept
            .iter()
            .find(|part| part.label == label)
            .map_or(0, |part| part.bytes)
    };
    let (root, verity) = (size("root-a"), size("root-a-verity"));
    let fixed = [root, verity, OVERHEAD]
        .into_iter()
        .fold(end(&setup.kept).next_multiple_of(MIB), u64::saturating_add);
    if let Err(reason) = state_size.map_or(Ok(()), system::check_state_size) {
        refusals.push(Refusal::answer("system.state-size", reason));
        return None;
    }
    let least = fixed.saturating_add(system::STATE_MIN);
    if least > disk.bytes {
        let (found, needed) = apart(disk.bytes, least);
        refusals.push(Refusal::NoRoom {
            disk: disk.describe(),
            found,
            needed,
        });
        return None;
    }
    let rest = (disk.bytes - fixed) / MIB * MIB;
    if let Some(size) = state_size.filter(|size| size.0 > rest) {
        refusals.push(system::state_too_large(disk, size, rest));
        return None;
    }
    let state = state_size.map_or(rest, |size| size.0);
    Some(system::definitions([
        ("30-root-b", root),
        ("31-root-b-verity", verity),
        ("40-state", state),
    ]))
}
