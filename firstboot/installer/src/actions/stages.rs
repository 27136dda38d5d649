//! The actions of a plan.

use sigmavault_facts::slots::entry;
use sigmavault_types::slots::Slot;

use super::action::{Action, SlotRef, Stage};
use super::parts::{copy, fill, keymap, mark, quiet, said, stage};
use super::setup_action::SetupAction;
use super::{settings, setup};
use crate::answers::Mode;
use crate::machine::{Disk, Holder};
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
    let boot = plan.setup.as_ref().map(|_| {
        Action::Setup(SetupAction::CheckBoot {
            disk: plan.disk.clone(),
            root_hash: plan.source.root_hash.clone(),
        })
    });
    let boot: Vec<Action> = boot.into_iter().collect();
    let mut stages = vec![stage(Step::Check, [vec![check], boot, readings, stops].concat())];
    stages.extend(match (plan.mode, &plan.setup) {
        (_, Some(setup)) => setup::stages(plan, setup),
        (Mode::KeepData, None) => keep_data(plan),
        (Mode::Erase | Mode::Setup, None) => erase(plan),
    });
    let last = match &plan.setup {
        Some(setup) => setup::last(plan, setup),
        None => vec![Action::Compare {
            disk: plan.disk.clone(),
            partitions: plan.partitions.clone(),
        }],
    };
    stages.push(said(Step::Finish, last, "the disk is as planned"));
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
    stages.extend(fill(plan, Slot::A));
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

fn entry(plan: &InstallPlan, slot: SlotRef, sort_key: &'static str) -> Action {
    Action::WriteEntry {
        slot,
        version: plan.source.version.clone(),
        sort_key,
    }
}
