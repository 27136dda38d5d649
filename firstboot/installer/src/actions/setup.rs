//! A Raspberry Pi's disk, written from the image and running, gets what the image lacks.
//!
//! A power cut at any point leads to a first start again, or to the system that was set up: the slot that runs is only
//! read, what was begun is made anew, and a single write at the end changes what the next start is.

use sigmavault_types::slots::Slot;

use super::action::{Action, SlotRef, Stage};
use super::parts::{copy, fill, mark, said};
use super::setup_action::SetupAction;
use crate::machine::Present;
use crate::plan::{InstallPlan, Partition, SetupPlan};
use crate::progress::Step;

/// Partitions that no GUID of another card from the same image may have: the firmware and `/boot` find them by it.
const OWN: [&str; 3] = ["boot", "boot-a", "boot-b"];

/// The stages up to the last one.
pub(super) fn stages(plan: &InstallPlan, setup: &SetupPlan) -> Vec<Stage> {
    let disk = || plan.disk.clone();
    let renewed = setup
        .kept
        .iter()
        .filter(|part| OWN.contains(&part.label.as_str()));
    let passphrase = plan.encryption.as_ref().map(|encryption| &encryption.passphrase);
    let partition = vec![
        Action::Setup(SetupAction::OwnTable {
            disk: disk(),
            stale: setup.stale.clone(),
            renewed: renewed.cloned().collect(),
        }),
        Action::Setup(SetupAction::AddPartitions {
            disk: disk(),
            kept: setup.kept.clone(),
            partitions: plan.partitions.clone(),
            passphrase: passphrase.cloned(),
        }),
        Action::FindPartitions { disk: disk() },
    ];
    let count = plan.partitions.len();
    let mut stages = vec![said(
        Step::Partition,
        partition,
        format!("{count} partitions added"),
    )];
    stages.extend(copy(plan, SlotRef::Slot(Slot::B)));
    stages.extend(fill(plan, Slot::B));
    stages.push(bootable(plan, setup));
    stages
}

/// What the firmware loads for slot B, and the records beside it.
fn bootable(plan: &InstallPlan, setup: &SetupPlan) -> Stage {
    let boot = setup.kept.iter().find(|part| part.label == "boot-a");
    let mut actions = vec![
        Action::Setup(SetupAction::WriteSettingsImage),
        Action::Setup(SetupAction::CopyBoot {
            bytes: boot.map_or(0, |part| part.bytes),
        }),
        Action::Setup(SetupAction::LeaveSetup { slot: Slot::B }),
        Action::MountEsp,
        Action::Setup(SetupAction::WriteVersion {
            slot: Slot::B,
            version: plan.source.version.clone(),
        }),
    ];
    actions.extend(mark(plan));
    actions.push(Action::UnmountEsp);
    said(Step::Boot, actions, "both slots")
}

/// The last actions. With its final name the state partition says that only the one after it is missing.
pub(super) fn last(plan: &InstallPlan, setup: &SetupPlan) -> Vec<Action> {
    let kept = setup.kept.iter().map(as_planned);
    let disk = || plan.disk.clone();
    vec![
        Action::RenameState { disk: disk() },
        Action::Compare {
            disk: disk(),
            partitions: kept.chain(plan.partitions.iter().cloned()).collect(),
        },
        Action::Setup(SetupAction::LeaveSetup { slot: Slot::A }),
    ]
}

fn as_planned(part: &Present) -> Partition {
    Partition {
        definition: part.definition(),
        label: part.label.clone(),
        bytes: part.bytes,
    }
}
