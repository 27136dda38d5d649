//! The whole plan, made from its parts.

use super::install::{Confirmation, InstallPlan};
use super::refusal::Refusal;
use super::{pool, settings, system};
use crate::answers::{Answers, Mode};
use crate::machine::{Firmware, Machine};

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
    let disk = system::choose(machine, &answers.system, confirmation, &mut refusals);
    let plan = match answers.system.mode {
        Mode::Erase => {
            let partitions = disk.and_then(|disk| {
                system::erase(disk, &machine.source, answers.system.state_size, &mut refusals)
            });
            let encryption = answers
                .encryption
                .as_ref()
                .map(|wanted| system::encryption(wanted, machine, &mut refusals));
            let pool = answers.pool.as_ref().and_then(|wanted| {
                let encrypted = answers.encryption.is_some();
                pool::plan(wanted, machine, disk, encrypted, confirmation, &mut refusals)
            });
            let settings = settings::plan(answers, machine, &mut refusals);
            disk.zip(partitions)
                .zip(settings)
                .map(|((disk, partitions), settings)| InstallPlan {
                    disk: disk.clone(),
                    mode: Mode::Erase,
                    source: machine.source.clone(),
                    partitions,
                    encryption,
                    pool,
                    settings: Some(settings),
                    answers: None,
                })
        }
        Mode::KeepData => {
            system::refuse_what_stays(answers, &mut refusals);
            let partitions = disk.and_then(|disk| system::keep(disk, &machine.source, &mut refusals));
            disk.zip(partitions).map(|(disk, partitions)| InstallPlan {
                disk: disk.clone(),
                mode: Mode::KeepData,
                source: machine.source.clone(),
                partitions,
                encryption: None,
                pool: None,
                settings: None,
                answers: None,
            })
        }
    };
    match plan {
        Some(plan) if refusals.is_empty() => Ok(plan),
        _ => Err(refusals),
    }
}
