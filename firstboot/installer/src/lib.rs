//! The installer: from the live medium to a disk that boots by itself.
//!
//! - [`answers`], [`select`]: what it is told, and which disks are meant
//! - [`machine`], [`inventory`]: what it knows about the machine, and how that is read
//! - [`layout`]: which ZFS layout suits which disks
//! - [`sources`]: where answers come from when nobody types them
//! - [`plan`]: what will be done, or why it is refused; pure
//! - [`progress`]: what a running installation tells
//! - [`execute`], [`run`]: doing it, by programs of the system

pub mod answers;
pub mod execute;
pub mod inventory;
pub mod layout;
pub mod machine;
mod nearest;
pub mod plan;
pub mod progress;
pub mod run;
pub mod select;
pub mod sources;
