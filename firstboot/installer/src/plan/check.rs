//! What stands against answers on any machine, for a check away from the one that is to be installed.

use sigmavault_storage_core::{layout, names};

use super::refusal::Refusal;
use super::{pool, settings, system};
use crate::answers::{Answers, Mode, Pool, System};
use crate::select::{SelectError, Selector};

/// Sizes of imagined disks, for whether a layout takes so many.
const DISK: u64 = 1 << 40;

/// Everything that stands against answers whatever the machine. What is missing here may still be refused by
/// [`build`](super::build()), which knows disks, interfaces and what the image has.
pub fn check(answers: &Answers) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mode = mode(&answers.system);
    system_disk(&answers.system, mode, &mut refusals);
    match mode {
        Mode::KeepData => system::refuse_what_stays(answers, &mut refusals),
        Mode::Erase | Mode::Setup => {
            if let Some(wanted) = &answers.encryption {
                system::check_keys(wanted, &mut refusals);
            }
            if let Some(wanted) = &answers.pool {
                data_pool(wanted, &answers.system.disk, &mut refusals);
                refusals.extend(pool::key_in_the_open(wanted, answers.encryption.is_some()));
            }
            settings::check(answers, None, &mut refusals);
        }
    }
    refusals
}

/// What the answers are for. Without any about the system disk they are for the first start of a Raspberry Pi.
pub fn mode(wanted: &System) -> Mode {
    let says_nothing = wanted.disk.is_empty() && wanted.confirm.is_none();
    wanted
        .mode
        .unwrap_or(if says_nothing { Mode::Setup } else { Mode::Erase })
}

fn system_disk(wanted: &System, mode: Mode, refusals: &mut Vec<Refusal>) {
    if mode != Mode::Setup || !wanted.disk.is_empty() {
        selector("system.disk", &wanted.disk, refusals);
    }
    if mode != Mode::Setup && wanted.confirm.is_none() {
        refusals.push(Refusal::answer(
            "system.confirm",
            "is missing: give the serial number of the system disk once more; nothing is written without it",
        ));
    }
    if mode != Mode::KeepData
        && let Some(Err(reason)) = wanted.state_size.map(system::check_state_size)
    {
        refusals.push(Refusal::answer("system.state-size", reason));
    }
}

fn data_pool(wanted: &Pool, system: &Selector, refusals: &mut Vec<Refusal>) {
    if let Err(reason) = names::pool(&wanted.name) {
        refusals.push(Refusal::answer("pool.name", reason));
    }
    for (index, disk) in wanted.disks.iter().enumerate() {
        let key = format!("pool.disks[{index}]");
        selector(&key, disk, refusals);
        if disk == system && !system.is_empty() {
            refusals.push(Refusal::answer(&key, "is the system disk"));
        } else if wanted.disks[..index].contains(disk) {
            refusals.push(Refusal::answer(&key, "names the same disk again"));
        }
    }
    if let Some(kind) = wanted.layout.filter(|_| !wanted.disks.is_empty())
        && let Err(reason) = layout::make(kind, &vec![DISK; wanted.disks.len()])
    {
        refusals.push(Refusal::answer("pool.layout", reason));
    }
}

/// A selector that matches no disk, or any.
fn selector(key: &str, wanted: &Selector, refusals: &mut Vec<Refusal>) {
    if wanted.is_empty() {
        refusals.push(Refusal::Disk {
            what: key.to_owned(),
            error: SelectError::Empty,
        });
    }
    if let (Some(least), Some(most)) = (wanted.min_size, wanted.max_size)
        && least.0 > most.0
    {
        refusals.push(Refusal::answer(
            key,
            format!("no disk has at least {least} and at most {most}"),
        ));
    }
}
