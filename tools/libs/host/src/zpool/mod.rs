//! zpool(8): pools of ZFS. Output is that of ZFS 2.3.
//!
//! - what there is: [`list`], [`status`] with the [`vdev`]s and the [`scan`] that runs, [`get`] for properties, [`import`] for
//!   pools that are not imported, [`events`]
//! - changes: [`create`], [`change`] for devices, [`work`] for scrubs and trims, [`get::set`]
//! - why a change was refused: [`Refusal`]
//!
//! A name stands behind `--` in every call, so that none is taken for an option: zpool(8) looks for options behind names too.
//! `zpool set` knows no `--`; there the property stands first, and what follows it is not looked at.
//!
//! A suspended pool answers `list`, `status` and `get`, and refuses most changes; but a scrub of it, and whatever was being written
//! when it was suspended, hang where no signal reaches them. So its health is looked at before.

mod basic;
pub mod change;
mod command;
pub mod create;
pub mod events;
pub mod get;
pub mod import;
pub mod list;
mod refusal;
pub mod scan;
pub mod status;
pub mod vdev;
pub mod work;

pub use basic::{
    NewPool, PoolSize, clear_label, create, export, list_names, list_sizes, list_vdevs, parse_members,
    parse_names, parse_sizes,
};
pub use refusal::Refusal;
