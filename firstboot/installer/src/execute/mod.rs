//! Doing what the plan says.
//!
//! - [`real`]: the order of things
//! - [`disk`]: wiping, partitions, keys, and the look back at the end
//! - [`target`], [`settings`]: the new system's settings and user
//! - [`pool`]: the data pool
//! - [`slots`]: kernel images and boot entries
//! - [`files`]: changes to files; [`key_file`]: the passphrase in a file; [`error`]: why it did not work

pub mod disk;
mod error;
mod executor;
mod files;
mod key_file;
mod pool;
pub mod real;
mod settings;
pub mod slots;
mod target;

pub use error::ExecuteError;
pub use executor::Execute;
