//! zfs(8): file systems, volumes and snapshots of pools. Output is that of ZFS 2.3.
//!
//! - what there is: [`list`] with properties, [`space`] of users and groups, [`diff`] since a snapshot
//! - changes: [`change`], [`snapshot`], [`key`]
//! - why a change was refused: [`Refusal`]
//!
//! A name stands behind `--` in every call, so that none is taken for an option: zfs(8) looks for options behind names too.
//! `zfs promote` alone knows no `--`.

pub mod change;
mod command;
pub mod diff;
pub mod key;
mod key_files;
pub mod list;
mod refusal;
pub mod snapshot;
pub mod space;

pub use key_files::{EncryptionRoot, list_keys, load_key, location, parse_keys, set_key_file};
pub use refusal::Refusal;
