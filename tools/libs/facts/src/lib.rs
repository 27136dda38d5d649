//! What the running system says about itself in `/proc`, `/sys`, `/run` and `/usr/lib`.
//!
//! Parsers take text and return plain types; they do no I/O and never panic. [`Files`] is the only access to the file
//! system: everything is read below its root, so that a test or a mounted image can replace the machine.
//!
//! - [`files`]: reading below a root
//! - [`meminfo`], [`counters`], [`mounts`], [`os_release`], [`kernel`]: one parser per kind of file
//! - [`verity`]: whether the root file system is verified
//! - [`slots`]: the system slots, from the boot loader and the records of earlier boots
//! - [`zpool_cache`]: names of the ZFS pools to import
//! - [`report`]: the hardware report and the image's information
//! - [`status`]: the system's status, combined from the parts
//! - [`time`]: times as text
//! - [`show`]: facts as text for a terminal
//! - [`terminal`]: texts from others made safe for a terminal

pub mod counters;
mod error;
pub mod files;
pub mod kernel;
pub mod meminfo;
pub mod mounts;
pub mod os_release;
pub mod report;
pub mod show;
pub mod slots;
pub mod status;
pub mod terminal;
pub mod time;
pub mod verity;
pub mod zpool_cache;

pub use error::{FactError, Malformed};
pub use files::Files;
