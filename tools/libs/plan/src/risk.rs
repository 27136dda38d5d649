//! How much an action can break.

use sigmavault_types::storage::{Action, Risk, World};

use crate::destroyed::destroyed;

/// How much an action can break in a world: the least risk that a step with it may state.
pub fn risk(action: &Action, world: &World) -> Risk {
    if !destroyed(action, world).is_empty() {
        return Risk::Destroys;
    }
    match action {
        Action::ScrubPool { .. }
        | Action::TrimPool { .. }
        | Action::CreateSnapshots { .. }
        | Action::HoldSnapshot { .. }
        | Action::CloneSnapshot { .. }
        | Action::LoadKey { .. }
        | Action::Mount { .. } => Risk::Harmless,
        Action::EraseDisk { .. }
        | Action::OnlineDevice { .. }
        | Action::ClearErrors { .. }
        | Action::SetPoolProperties { .. }
        | Action::SetCare { .. }
        | Action::CreateDataset { .. }
        | Action::RenameDataset { .. }
        | Action::SetProperties { .. }
        | Action::InheritProperty { .. }
        | Action::SetOwnerQuota { .. }
        | Action::UnloadKey { .. }
        | Action::Unmount { .. }
        | Action::ReleaseSnapshot { .. }
        | Action::PromoteDataset { .. }
        | Action::SetPolicy { .. }
        | Action::RemovePolicy { .. } => Risk::Undoable,
        Action::CreatePool { .. }
        | Action::ImportPool { .. }
        | Action::ExportPool { .. }
        | Action::AddVdevs { .. }
        | Action::RemoveVdev { .. }
        | Action::ExpandRaidz { .. }
        | Action::AttachDisk { .. }
        | Action::DetachDevice { .. }
        | Action::ReplaceDevice { .. }
        | Action::OfflineDevice { .. }
        | Action::UpgradePool { .. }
        | Action::ChangeKey { .. } => Risk::Disruptive,
        // What is lost depends on the world; they destroy also where nothing is known to be there.
        Action::DestroyPool { .. }
        | Action::DestroyDataset { .. }
        | Action::DestroySnapshots { .. }
        | Action::Rollback { .. } => Risk::Destroys,
    }
}
