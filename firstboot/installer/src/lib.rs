//! The installer: from the live medium to a disk that boots by itself.
//!
//! - [`answers`], [`select`]: what it is told, and which disks are meant
//! - [`machine`]: what it knows about the machine
//! - [`layout`]: which ZFS layout suits which disks
//! - [`plan`]: what will be done, or why it is refused; pure
//! - [`progress`]: what a running installation tells
//! - [`execute`]: doing it
//! - [`ui`]: the screens; [`show`]: the same facts as lines of text
//! - [`demo`]: machines that do not exist, and an installation that writes nothing

pub mod answers;
pub mod demo;
pub mod execute;
pub mod layout;
pub mod machine;
mod nearest;
pub mod plan;
pub mod progress;
pub mod select;
pub mod show;
pub mod ui;
