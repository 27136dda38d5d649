//! Stages that several kinds of plans have.

use sigmavault_types::slots::Slot;

use super::action::{Action, Heading, SlotRef, Stage};
use super::settings;
use crate::machine::Disk;
use crate::once::Mark;
use crate::plan::InstallPlan;
use crate::progress::Step;

/// The keymap of the prompt for the passphrase, tried before anything is written. Without encryption nothing is typed
/// before the system has loaded its own.
pub(super) fn keymap(plan: &InstallPlan) -> Option<Action> {
    let (settings, encryption) = (plan.settings.as_ref()?, plan.encryption.as_ref()?);
    Some(Action::MakeKeymap {
        keyboard: settings.keyboard.clone(),
        passphrase: encryption.passphrase.clone(),
        tpm_pin: encryption.tpm_pin.clone(),
    })
}

pub(super) fn stage(step: Step, actions: Vec<Action>) -> Stage {
    said(step, actions, "")
}

pub(super) fn said(step: Step, actions: Vec<Action>, said: impl Into<String>) -> Stage {
    Stage {
        heading: Heading::Step(step),
        actions,
        said: said.into(),
    }
}

pub(super) fn quiet(actions: Vec<Action>) -> Stage {
    Stage {
        heading: Heading::Quiet,
        actions,
        said: String::new(),
    }
}

/// Keys, settings and pool. `slot` holds the system already, and nothing else uses it.
pub(super) fn fill(plan: &InstallPlan, slot: Slot) -> Vec<Stage> {
    let mut stages = Vec::new();
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
    let passphrase = plan.encryption.as_ref().map(|encryption| &encryption.passphrase);
    let open = passphrase.map(|passphrase| Action::OpenState {
        passphrase: passphrase.clone(),
    });
    let close = passphrase.map(|_| Action::CloseState);
    stages.push(quiet(
        open.into_iter().chain([Action::MountTarget { slot }]).collect(),
    ));
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
    stages
}

/// The mark of the answers. It comes last: with it the same answers install the disk no more, whatever its state.
pub(super) fn mark(plan: &InstallPlan) -> Option<Action> {
    let answers = plan.answers.clone()?;
    let root_hash = plan.source.root_hash.clone();
    Some(Action::WriteMark {
        mark: Mark { answers, root_hash },
    })
}

/// Copies the system to a slot and reads it back.
pub(super) fn copy(plan: &InstallPlan, slot: SlotRef) -> [Stage; 2] {
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
