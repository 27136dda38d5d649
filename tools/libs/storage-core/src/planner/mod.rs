//! From a request to a plan: what it takes, what it costs, what it destroys, or why it cannot be. Pure.
//!
//! - [`plan`]: the whole way
//! - [`Refusal`]: why there is no plan
//! - [`due`]: the policies that are due

mod care;
mod datasets;
mod devices;
mod disks;
mod draft;
mod effects;
mod encryption;
mod find;
mod policies;
mod pools;
mod promote;
mod properties;
mod refusal;
mod snapshots;
mod states;

use jiff::tz::TimeZone;
use sigmavault_types::storage::{Plan, Request, World};

use draft::Draft;

pub use policies::due;
pub use refusal::Refusal;

/// What a plan depends on beside the world.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Whether it is asked for at the machine's own console, where locked snapshots may be destroyed.
    pub at_console: bool,
    /// The time zone of schedules.
    pub zone: TimeZone,
}

/// The plan for a request in a world.
pub fn plan(request: &Request, world: &World, setting: &Setting) -> Result<Plan, Refusal> {
    let mut draft = Draft::new(world);
    fill(request, &mut draft, setting)?;
    draft.finish(request.clone(), setting.at_console)
}

#[allow(clippy::too_many_lines, reason = "one arm for each operation")]
fn fill(request: &Request, draft: &mut Draft<'_>, setting: &Setting) -> Result<(), Refusal> {
    match request {
        Request::PoolCreate {
            name,
            disks,
            layout,
            accept_no_redundancy,
            erase,
            encryption,
            properties,
        } => {
            let wanted = disks::Wanted {
                disks,
                layout: *layout,
                accept_no_redundancy: *accept_no_redundancy,
                erase,
            };
            pools::create(draft, name, &wanted, encryption.as_ref(), properties)
        }
        Request::PoolImport {
            pool,
            name,
            read_only,
            force,
        } => pools::import(draft, *pool, name.as_deref(), *read_only, *force),
        Request::PoolExport { pool } => pools::export(draft, *pool),
        Request::PoolDestroy { pool } => pools::destroy(draft, *pool),
        Request::PoolAdd {
            pool,
            class,
            disks,
            layout,
            accept_no_redundancy,
            erase,
        } => {
            let wanted = disks::Wanted {
                disks,
                layout: *layout,
                accept_no_redundancy: *accept_no_redundancy,
                erase,
            };
            pools::add(draft, *pool, *class, &wanted)
        }
        Request::PoolRemove { pool, vdev } => devices::remove(draft, *pool, *vdev),
        Request::PoolExpand {
            pool,
            vdev,
            disk,
            erase,
        } => devices::expand(draft, *pool, *vdev, disk, erase),
        Request::PoolAttach {
            pool,
            to,
            disk,
            erase,
        } => devices::attach(draft, *pool, *to, disk, erase),
        Request::PoolDetach { pool, device } => devices::detach(draft, *pool, *device),
        Request::PoolReplace {
            pool,
            device,
            disk,
            erase,
        } => devices::replace(draft, *pool, *device, disk, erase),
        Request::PoolOffline { pool, device } => states::offline(draft, *pool, *device),
        Request::PoolOnline { pool, device } => states::online(draft, *pool, *device),
        Request::PoolClear { pool } => states::clear(draft, *pool),
        Request::PoolScrub { pool, scrub } => care::scrub(draft, *pool, *scrub),
        Request::PoolTrim { pool, trim } => care::trim(draft, *pool, *trim),
        Request::PoolUpgrade { pool } => care::upgrade(draft, *pool),
        Request::PoolSet { pool, properties } => care::set(draft, *pool, properties),
        Request::PoolCare { care } => care::care(draft, *care),
        Request::DatasetCreate {
            name,
            kind,
            size,
            sparse,
            encryption,
            properties,
        } => datasets::create(
            draft,
            name,
            *kind,
            (*size, *sparse),
            encryption.as_ref(),
            properties,
        ),
        Request::DatasetRename { name, to } => datasets::rename(draft, name, to),
        Request::DatasetDestroy { name } => datasets::destroy(draft, name),
        Request::DatasetSet { name, properties } => datasets::set(draft, name, properties),
        Request::DatasetInherit { name, property } => datasets::inherit(draft, name, property),
        Request::DatasetQuota { name, owner, bytes } => datasets::quota(draft, name, *owner, *bytes),
        Request::DatasetUnlock { name, key } => encryption::unlock(draft, name, key),
        Request::DatasetLock { name } => encryption::lock(draft, name),
        Request::DatasetRekey { name, key } => encryption::rekey(draft, name, key),
        Request::SnapshotCreate {
            dataset,
            tag,
            recursive,
            lock_days,
        } => snapshots::create(draft, dataset, tag, *recursive, *lock_days),
        Request::SnapshotDestroy { snapshots } => snapshots::destroy(draft, snapshots),
        Request::SnapshotHold { snapshot, tag } => snapshots::hold(draft, snapshot, tag),
        Request::SnapshotRelease { snapshot, tag } => snapshots::release(draft, snapshot, tag),
        Request::SnapshotRollback { snapshot } => snapshots::rollback(draft, snapshot),
        Request::SnapshotClone { snapshot, name } => snapshots::clone(draft, snapshot, name),
        Request::DatasetPromote { name } => promote::promote(draft, name),
        Request::PolicySet { policy } => policies::set(draft, policy),
        Request::PolicyRun { name } => policies::run(draft, name, &setting.zone),
        Request::PolicyRemove { name } => policies::remove(draft, name),
    }
}
