//! Looking things up, with the refusal where they are not there.

use sigmavault_types::storage::{Dataset, DeviceState, Guid, Pool, Snapshot, Vdev, World};

use super::refusal::Refusal;

/// An imported pool.
pub(super) fn pool(world: &World, id: Guid) -> Result<&Pool, Refusal> {
    let found = world.pool(id).filter(|pool| pool.imported);
    found.ok_or_else(|| Refusal::missing("imported pool with the id", id))
}

/// An imported pool that can be changed.
pub(super) fn writable(world: &World, id: Guid) -> Result<&Pool, Refusal> {
    let pool = pool(world, id)?;
    can_write(pool)?;
    Ok(pool)
}

fn can_write(pool: &Pool) -> Result<(), Refusal> {
    if pool.state == DeviceState::Suspended {
        let why =
            "it is suspended because too few of its disks work: attach them again, then clear its errors";
        return Err(Refusal::state(&pool.name, why));
    }
    if pool.read_only {
        return Err(Refusal::state(
            &pool.name,
            "it is imported read-only: export it and import it again",
        ));
    }
    Ok(())
}

/// A dataset.
pub(super) fn dataset<'a>(world: &'a World, name: &str) -> Result<&'a Dataset, Refusal> {
    world
        .dataset(name)
        .ok_or_else(|| Refusal::missing("dataset", name))
}

/// A dataset in a pool that can be changed.
pub(super) fn writable_dataset<'a>(world: &'a World, name: &str) -> Result<&'a Dataset, Refusal> {
    let set = dataset(world, name)?;
    writable_by_name(world, set.pool())?;
    Ok(set)
}

/// An imported pool that can be changed, by its name.
pub(super) fn writable_by_name<'a>(world: &'a World, name: &str) -> Result<&'a Pool, Refusal> {
    let pool = world.imported(name);
    let pool = pool.ok_or_else(|| Refusal::missing("imported pool", name))?;
    can_write(pool)?;
    Ok(pool)
}

/// A snapshot in a pool that can be changed.
pub(super) fn snapshot<'a>(world: &'a World, name: &str) -> Result<&'a Snapshot, Refusal> {
    let found = world
        .snapshot(name)
        .ok_or_else(|| Refusal::missing("snapshot", name))?;
    writable_dataset(world, found.dataset())?;
    Ok(found)
}

/// A device of a pool, and the top-level vdev that it is in.
pub(super) fn device(pool: &Pool, id: Guid) -> Result<(&Vdev, &Vdev), Refusal> {
    let missing = || Refusal::missing("device", format!("{id} in {}", pool.name));
    let group = pool
        .vdevs
        .iter()
        .find(|group| group.with_descendants().iter().any(|inner| inner.id == id));
    let group = group.ok_or_else(missing)?;
    let vdev = pool.vdev(id).ok_or_else(missing)?;
    if !vdev.children.is_empty() {
        return Err(Refusal::state(
            &vdev.name,
            "it is a group of devices: name one of them",
        ));
    }
    Ok((vdev, group))
}
