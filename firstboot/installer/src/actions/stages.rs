//! The actions of a plan.

use sigmavault_facts::slots::entry;
use sigmavault_types::slots::Slot;

use super::action::{Action, Heading, SlotRef, Stage};
use super::settings;
use crate::answers::Mode;
use crate::machine::{Disk, Holder};
use crate::once::Mark;
use crate::plan::InstallPlan;
use crate::progress::Step;

/// The stages of a plan, in order.
pub fn stages(plan: &InstallPlan) -> Vec<Stage> {
    let pool = plan.pool.iter().flat_map(|pool| &pool.disks);
    let disks: Vec<Disk> = std::iter::once(&plan.disk).chain(pool).cloned().collect();
    let stops = holders(&disks).into_iter().map(|holder| Action::Stop { holder });
    let stops: Vec<Action> = stops.collect();
    let check = Action::CheckDisks { disks };
    let readings = plan.settings.iter().flat_map(settings::readings);
    let readings: Vec<Action> = readings.chain(keymap(plan)).collect();
    let mut stages = vec![stage(Step::Check, [vec![check], readings, stops].concat())];
    stages.extend(match plan.mode {
        Mode::Erase => erase(plan),
        Mode::KeepData => keep_data(plan),
    });
    let compare = Action::Compare {
        disk: plan.disk.clone(),
        partitions: plan.partitions.clone(),
    };
    stages.push(said(Step::Finish, vec![compare], "the disk is as planned"));
    stages
}

/// What runs on these disks, each once, in the order of stopping.
fn holders(disks: &[Disk]) -> Vec<Holder> {
    let mut found: Vec<Holder> = Vec::new();
    for holder in disks.iter().flat_map(|disk| &disk.holders) {
        if !found.iter().any(|known| known.path == holder.path) {
            found.push(holder.clone());
        }
    }
    found
}

/// The keymap of the prompt for the passphrase, tried before anything is written. Without encryption nothing is typed
/// before the system has loaded its own.
fn keymap(plan: &InstallPlan) -> Option<Action> {
    let (settings, encryption) = (plan.settings.as_ref()?, plan.encryption.as_ref()?);
    Some(Action::MakeKeymap {
        keyboard: settings.keyboard.clone(),
        passphrase: encryption.passphrase.clone(),
        tpm_pin: encryption.tpm_pin.clone(),
    })
}

fn stage(step: Step, actions: Vec<Action>) -> Stage {
    said(step, actions, "")
}

fn said(step: Step, actions: Vec<Action>, said: impl Into<String>) -> Stage {
    Stage {
        heading: Heading::Step(step),
        actions,
        said: said.into(),
    }
}

fn quiet(actions: Vec<Action>) -> Stage {
    Stage {
        heading: Heading::Quiet,
        actions,
        said: String::new(),
    }
}

/// A new system on a disk that loses everything.
fn erase(plan: &InstallPlan) -> Vec<Stage> {
    let disk = || plan.disk.clone();
    let passphrase = plan.encryption.as_ref().map(|encryption| &encryption.passphrase);
    let partition = vec![
        Action::WipeDisk { disk: disk() },
        Action::Partition {
            disk: disk(),
            partitions: plan.partitions.clone(),
            passphrase: passphrase.cloned(),
        },
        Action::FindPartitions { disk: disk() },
    ];
    let mut stages = vec![said(
        Step::Partition,
        partition,
        format!("{} partitions", plan.partitions.len()),
    )];
    stages.extend(
        [Slot::A, Slot::B]
            .into_iter()
            .flat_map(|slot| copy(plan, SlotRef::Slot(slot))),
    );
    if let Some(encryption) = &plan.encryption {
        let passphrase = || encryption.passphrase.clone();
        let tpm = encryption.tpm_pin.clone().map(|pin| Action::EnrolTpm {
            passphrase: passphrase(),
            pin,
        });
        let recovery_key = encryption.recovery_key.then(|| Action::MakeRecoveryKey {
            passphrase: passphrase(),
        });
        stages.push(stage(Step::Keys, tpm.into_iter().chain(recovery_key).collect()));
    }
    let open = passphrase.map(|passphrase| Action::OpenState {
        passphrase: passphrase.clone(),
    });
    let close = passphrase.map(|_| Action::CloseState);
    stages.push(quiet(open.into_iter().chain([Action::MountTarget]).collect()));
    if let Some(settings) = &plan.settings {
        let actions = settings::actions(settings);
        stages.push(said(Step::Settings, actions, settings.network.hostname.clone()));
    }
    if let Some(pool) = &plan.pool {
        let key = pool.encrypted.then(|| Action::MakePoolKey {
            pool: pool.name.clone(),
        });
        let wipe = |disk: &Disk| Action::WipeDisk { disk: disk.clone() };
        let wipes = pool.disks.iter().map(wipe);
        let mut actions: Vec<Action> = key.into_iter().chain(wipes).collect();
        actions.push(Action::CreatePool { pool: pool.clone() });
        let made = format!("{} on {} disks", pool.name, pool.disks.len());
        stages.push(said(Step::Pool, actions, made));
    }
    stages.push(quiet([Action::UnmountTarget].into_iter().chain(close).collect()));
    stages.push(bootable(plan));
    stages
}

/// From the state partition's last name on the disk counts as installed; the entries that make it boot come last.
fn bootable(plan: &InstallPlan) -> Stage {
    let kernel = |slot| Action::WriteKernel {
        slot: SlotRef::Slot(slot),
        source: plan.source.clone(),
    };
    let mut actions = vec![Action::MountEsp, Action::InstallLoader];
    actions.extend(keymap(plan).map(|_| Action::WriteKeymap));
    actions.extend([
        kernel(Slot::A),
        kernel(Slot::B),
        Action::RenameState {
            disk: plan.disk.clone(),
        },
        entry(plan, SlotRef::Slot(Slot::B), entry::SECOND),
        entry(plan, SlotRef::Slot(Slot::A), entry::FIRST),
    ]);
    actions.extend(mark(plan));
    actions.push(Action::UnmountEsp);
    said(Step::Boot, actions, "two entries, three tries each")
}

/// A new system beside data that stays: one slot after the other, so that one of them always boots.
fn keep_data(plan: &InstallPlan) -> Vec<Stage> {
    let mut stages = vec![quiet(vec![
        Action::FindPartitions {
            disk: plan.disk.clone(),
        },
        Action::MountEsp,
        Action::ChooseSlots,
    ])];
    for (slot, rank) in [
        (SlotRef::Spare, entry::NEWEST),
        (SlotRef::Preferred, entry::FIRST),
    ] {
        stages.push(quiet(vec![Action::RemoveEntry { slot }]));
        stages.extend(copy(plan, slot));
        stages.push(quiet(vec![
            Action::WriteKernel {
                slot,
                source: plan.source.clone(),
            },
            entry(plan, slot, rank),
        ]));
    }
    let mut last = vec![Action::InstallLoader, entry(plan, SlotRef::Spare, entry::SECOND)];
    last.extend(mark(plan));
    last.push(Action::UnmountEsp);
    stages.push(stage(Step::Boot, last));
    stages
}

/// The mark of the answers. It comes last: with it the same answers install the disk no more, whatever its state.
fn mark(plan: &InstallPlan) -> Option<Action> {
    let answers = plan.answers.clone()?;
    let root_hash = plan.source.root_hash.clone();
    Some(Action::WriteMark {
        mark: Mark { answers, root_hash },
    })
}

/// Copies the system to a slot and reads it back.
fn copy(plan: &InstallPlan, slot: SlotRef) -> [Stage; 2] {
    let source = &plan.source;
    let copy = Action::CopySlot {
        slot,
        source: source.clone(),
    };
    let verify = Action::VerifySlot {
        slot,
        root_hash: source.root_hash.clone(),
    };
    [
        Stage {
            heading: Heading::Copy(slot, source.root_bytes + source.verity_bytes),
            actions: vec![copy],
            said: String::new(),
        },
        Stage {
            heading: Heading::Verify(slot, source.root_bytes),
            actions: vec![verify],
            said: "root hash matches".to_owned(),
        },
    ]
}

fn entry(plan: &InstallPlan, slot: SlotRef, sort_key: &'static str) -> Action {
    Action::WriteEntry {
        slot,
        version: plan.source.version.clone(),
        sort_key,
    }
}
