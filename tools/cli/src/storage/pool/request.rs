//! From a command to the change that it asks for.

use sigmavault_types::storage::{Care, Disk, DiskId, Guid, Pool, Request, Scrub, Trim, World};

use super::arguments::{Change, Layout, OfDevice, OfPool};
use crate::storage::access::Storage;
use crate::storage::change::Order;
use crate::storage::names::{NameError, Which, disk, disks, importable, imported, vdev};
use crate::storage::options::{Consent, Key};
use crate::storage::schedule::Due;

/// The change that a command asks for.
#[allow(clippy::too_many_lines, reason = "one arm for each command")]
pub(super) fn order<'a>(
    change: &'a Change,
    storage: &dyn Storage,
    world: &World,
) -> Result<Order<'a>, NameError> {
    let id = |pool: &str| imported(world, pool).map(|pool| pool.id);
    let (request, consent) = match change {
        Change::Create {
            name,
            disks: named,
            layout,
            accept_no_redundancy,
            erase,
            encrypt,
            key_file,
            options,
            consent,
        } => {
            let request = Request::PoolCreate {
                name: name.clone(),
                disks: disks(storage, world, named)?,
                layout: layout.map(Layout::wanted),
                accept_no_redundancy: *accept_no_redundancy,
                erase: disks(storage, world, erase)?,
                encryption: encrypt.map(Key::encryption),
                properties: options.iter().cloned().collect(),
            };
            let key_file = key_file.as_deref();
            return Ok(Order {
                request,
                consent,
                key_file,
            });
        }
        Change::Import {
            pool,
            name,
            read_only,
            force,
            consent,
        } => {
            let request = Request::PoolImport {
                pool: importable(world, pool)?.id,
                name: name.clone(),
                read_only: *read_only,
                force: *force,
            };
            (request, consent)
        }
        Change::Export(of) => of_pool(of, world, |pool| Request::PoolExport { pool })?,
        Change::Destroy(of) => of_pool(of, world, |pool| Request::PoolDestroy { pool })?,
        Change::Clear(of) => of_pool(of, world, |pool| Request::PoolClear { pool })?,
        Change::Upgrade(of) => of_pool(of, world, |pool| Request::PoolUpgrade { pool })?,
        Change::Add {
            pool,
            disks: named,
            class,
            layout,
            accept_no_redundancy,
            erase,
            consent,
        } => {
            let request = Request::PoolAdd {
                pool: id(pool)?,
                class: class.of_vdev(),
                disks: disks(storage, world, named)?,
                layout: layout.map(Layout::wanted),
                accept_no_redundancy: *accept_no_redundancy,
                erase: disks(storage, world, erase)?,
            };
            (request, consent)
        }
        Change::Remove {
            pool,
            vdev: name,
            consent,
        } => {
            let pool = imported(world, pool)?;
            let vdev = vdev(storage, world, pool, name, Which::Top)?.id;
            (Request::PoolRemove { pool: pool.id, vdev }, consent)
        }
        Change::Expand {
            pool,
            vdev: name,
            disk: new,
            erase,
            consent,
        } => {
            let pool = imported(world, pool)?;
            let new = disk(storage, world, new)?;
            let request = Request::PoolExpand {
                pool: pool.id,
                vdev: vdev(storage, world, pool, name, Which::Top)?.id,
                disk: new.id.clone(),
                erase: erased(*erase, new),
            };
            (request, consent)
        }
        Change::Attach {
            pool,
            to,
            disk: new,
            erase,
            consent,
        } => {
            let pool = imported(world, pool)?;
            let new = disk(storage, world, new)?;
            let request = Request::PoolAttach {
                pool: pool.id,
                to: vdev(storage, world, pool, to, Which::Any)?.id,
                disk: new.id.clone(),
                erase: erased(*erase, new),
            };
            (request, consent)
        }
        Change::Replace {
            pool,
            device,
            disk: new,
            erase,
            consent,
        } => {
            let pool = imported(world, pool)?;
            let new = disk(storage, world, new)?;
            let request = Request::PoolReplace {
                pool: pool.id,
                device: vdev(storage, world, pool, device, Which::Device)?.id,
                disk: new.id.clone(),
                erase: erased(*erase, new),
            };
            (request, consent)
        }
        Change::Detach(of) => of_device(of, storage, world, |pool, device| Request::PoolDetach {
            pool,
            device,
        })?,
        Change::Offline(of) => of_device(of, storage, world, |pool, device| Request::PoolOffline {
            pool,
            device,
        })?,
        Change::Online(of) => of_device(of, storage, world, |pool, device| Request::PoolOnline {
            pool,
            device,
        })?,
        Change::Scrub {
            pool,
            pause,
            stop,
            errors,
            consent,
        } => {
            let scrub = match (pause, stop, errors) {
                (true, ..) => Scrub::Pause,
                (_, true, _) => Scrub::Stop,
                (.., true) => Scrub::Errors,
                _ => Scrub::Start,
            };
            (
                Request::PoolScrub {
                    pool: id(pool)?,
                    scrub,
                },
                consent,
            )
        }
        Change::Trim { pool, stop, consent } => {
            let trim = if *stop { Trim::Stop } else { Trim::Start };
            (
                Request::PoolTrim {
                    pool: id(pool)?,
                    trim,
                },
                consent,
            )
        }
        Change::Set {
            pool,
            properties,
            consent,
        } => {
            let request = Request::PoolSet {
                pool: id(pool)?,
                properties: properties.iter().cloned().collect(),
            };
            (request, consent)
        }
        Change::Schedule {
            pool,
            scrub,
            trim,
            consent,
        } => {
            let now = care(world, imported(world, pool)?);
            let care = Care {
                pool: now.pool,
                scrub: scrub.map_or(now.scrub, |Due(due)| due),
                trim: trim.map_or(now.trim, |Due(due)| due),
            };
            (Request::PoolCare { care }, consent)
        }
    };
    Ok(Order {
        request,
        consent,
        key_file: None,
    })
}

/// When a pool is scrubbed and trimmed.
pub(super) fn care(world: &World, pool: &Pool) -> Care {
    let found = world.care.iter().find(|care| care.pool == pool.id);
    found.copied().unwrap_or(Care {
        pool: pool.id,
        scrub: None,
        trim: None,
    })
}

fn of_pool<'a>(
    of: &'a OfPool,
    world: &World,
    request: impl FnOnce(Guid) -> Request,
) -> Result<(Request, &'a Consent), NameError> {
    Ok((request(imported(world, &of.pool)?.id), &of.consent))
}

fn of_device<'a>(
    of: &'a OfDevice,
    storage: &dyn Storage,
    world: &World,
    request: impl FnOnce(Guid, Guid) -> Request,
) -> Result<(Request, &'a Consent), NameError> {
    let pool = imported(world, &of.pool)?;
    let device = vdev(storage, world, pool, &of.device, Which::Device)?;
    Ok((request(pool.id, device.id), &of.consent))
}

fn erased(erase: bool, disk: &Disk) -> Vec<DiskId> {
    erase.then(|| disk.id.clone()).into_iter().collect()
}
