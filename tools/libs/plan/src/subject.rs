//! What an action is about.

use sigmavault_types::storage::{Action, Guid, Resource, World};

/// A pool as a resource, by its name when it is known.
pub(crate) fn pool_resource(world: &World, pool: Guid) -> Resource {
    Resource::Pool(
        world
            .pool(pool)
            .map_or_else(|| pool.to_string(), |pool| pool.name.clone()),
    )
}

/// What an action is about. A pool that is not known has its number for a name.
pub fn subject(action: &Action, world: &World) -> Resource {
    match action {
        Action::EraseDisk { disk } => Resource::Disk(disk.clone()),
        Action::CreatePool { name, .. } => Resource::Pool(name.clone()),
        Action::ImportPool { pool, .. }
        | Action::ExportPool { pool }
        | Action::DestroyPool { pool }
        | Action::AddVdevs { pool, .. }
        | Action::RemoveVdev { pool, .. }
        | Action::ExpandRaidz { pool, .. }
        | Action::AttachDisk { pool, .. }
        | Action::DetachDevice { pool, .. }
        | Action::ReplaceDevice { pool, .. }
        | Action::OfflineDevice { pool, .. }
        | Action::OnlineDevice { pool, .. }
        | Action::ClearErrors { pool }
        | Action::ScrubPool { pool, .. }
        | Action::TrimPool { pool, .. }
        | Action::UpgradePool { pool }
        | Action::SetPoolProperties { pool, .. } => pool_resource(world, *pool),
        Action::SetCare { care } => pool_resource(world, care.pool),
        Action::CreateDataset { name, .. }
        | Action::RenameDataset { name, .. }
        | Action::DestroyDataset { name }
        | Action::SetProperties { name, .. }
        | Action::InheritProperty { name, .. }
        | Action::SetOwnerQuota { name, .. }
        | Action::LoadKey { name, .. }
        | Action::UnloadKey { name }
        | Action::ChangeKey { name, .. }
        | Action::Mount { name }
        | Action::Unmount { name }
        | Action::PromoteDataset { name } => Resource::Dataset(name.clone()),
        Action::CreateSnapshots { datasets, tag, .. } => {
            let dataset = datasets.first().map_or("", String::as_str);
            Resource::Snapshot(format!("{dataset}@{tag}"))
        }
        Action::DestroySnapshots { dataset, .. } => Resource::Dataset(dataset.clone()),
        Action::HoldSnapshot { snapshot, .. }
        | Action::ReleaseSnapshot { snapshot, .. }
        | Action::Rollback { snapshot }
        | Action::CloneSnapshot { snapshot, .. } => Resource::Snapshot(snapshot.clone()),
        Action::SetPolicy { policy } => Resource::Policy(policy.name.clone()),
        Action::RemovePolicy { name } => Resource::Policy(name.clone()),
    }
}
