//! The whole plan, made from its parts.

use super::install::{Confirmation, EncryptionPlan, InstallPlan, PoolPlan, Settings};
use super::refusal::Refusal;
use super::{pool, settings, setup, system};
use crate::answers::{Answers, Mode};
use crate::machine::{Disk, Firmware, Machine};

/// The memory that the system needs, for a person, and the least that the kernel shows of it: firmware and kernel
/// reserve a part.
const MEMORY: (&str, u64) = ("2 GiB", 7 << 28);

/// Makes the plan, or gives every reason why it cannot be made.
///
/// When data is kept, the state partition stays as it is: language, keyboard, time zone, network and user of the
/// answers are ignored, and answers that ask for encryption, a pool or a state size are refused.
pub fn build(
    machine: &Machine,
    answers: &Answers,
    confirmation: Confirmation,
) -> Result<InstallPlan, Vec<Refusal>> {
    let mut refusals = Vec::new();
    if machine.firmware == Firmware::Bios {
        refusals.push(Refusal::NoUefi);
    }
    if machine.memory < MEMORY.1 {
        refusals.push(Refusal::Memory {
            found: format!("{} MiB", machine.memory >> 20),
            needed: MEMORY.0.to_owned(),
        });
    }
    let mode = setup::mode(machine, &answers.system, &mut refusals);
    let disk = match mode {
        Mode::Setup => setup::disk(machine, &answers.system, confirmation, &mut refusals),
        Mode::Erase | Mode::KeepData => system::choose(machine, &answers.system, confirmation, &mut refusals),
    };
    let size = answers.system.state_size;
    let present = match (disk, &machine.setup) {
        (Some(disk), Some(found)) => setup::present(disk, found, &mut refusals),
        _ => None,
    };
    if mode == Mode::KeepData {
        system::refuse_what_stays(answers, &mut refusals);
    }
    let partitions = disk.and_then(|disk| match mode {
        Mode::Erase => system::erase(disk, &machine.source, size, &mut refusals),
        Mode::KeepData => system::keep(disk, &machine.source, &mut refusals),
        Mode::Setup => setup::partitions(disk, present.as_ref()?, size, &mut refusals),
    });
    let fresh = match mode {
        Mode::KeepData => Fresh::default(),
        Mode::Erase | Mode::Setup => fresh(machine, answers, disk, confirmation, &mut refusals),
    };
    let plan = disk.zip(partitions).map(|(disk, partitions)| InstallPlan {
        disk: disk.clone(),
        mode,
        source: machine.source.clone(),
        partitions,
        setup: present,
        encryption: fresh.encryption,
        pool: fresh.pool,
        settings: fresh.settings,
        answers: None,
    });
    match plan {
        Some(plan) if refusals.is_empty() => Ok(plan),
        _ => Err(refusals),
    }
}

/// What a system without earlier data gets.
#[derive(Default)]
struct Fresh {
    encryption: Option<EncryptionPlan>,
    pool: Option<PoolPlan>,
    settings: Option<Settings>,
}

fn fresh(
    machine: &Machine,
    answers: &Answers,
    disk: Option<&Disk>,
    confirmation: Confirmation,
    refusals: &mut Vec<Refusal>,
) -> Fresh {
    let encryption = answers
        .encryption
        .as_ref()
        .map(|wanted| system::encryption(wanted, machine, refusals));
    let pool = answers.pool.as_ref().and_then(|wanted| {
        let encrypted = answers.encryption.is_some();
        pool::plan(wanted, machine, disk, encrypted, confirmation, refusals)
    });
    Fresh {
        encryption,
        pool,
        settings: settings::plan(answers, machine, refusals),
    }
}
