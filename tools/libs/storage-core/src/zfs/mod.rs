//! ZFS.
//!
//! - [`Zfs`]: the engine, which runs the commands
//! - [`pool`], [`importable`], [`dataset`], [`snapshot`], [`disks`]: what ZFS and lsblk print, as a
//!   [`World`](sigmavault_types::storage::World); pure

mod datasets;
mod disks;
mod engine;
mod importable;
mod keys;
mod pools;
mod read;
mod refused;
mod standing;
mod surface;

pub use datasets::{PROPERTIES, SNAPSHOT_PROPERTIES, dataset, snapshot, tags};
pub use disks::{COLUMNS, Surroundings, claim, disks};
pub use engine::Zfs;
pub use importable::importable;
pub use pools::pool;
pub use surface::Surface;
