//! Executing a plan on a machine.
//!
//! - [`real`]: the stages, one after the other; `work`: each of their actions, and what it leaves open for the next
//! - `check`, `readings`: the disks, and files by the programs that will read them, before anything is written
//! - `held`: the disks stay the same ones until the end; `disk`: wiping, partitions, keys, and the look back at the end
//! - `copies`: a slot is written, then read back against the root hash
//! - `target`, `users`: the new system, put together to be filled, and its users
//! - `pool`: the data pool
//! - `esp`: boot loader, kernel images and boot entries; `keymap`: the keyboard of the prompt for the passphrase
//! - `setup`: the disk of a Raspberry Pi's first start; `boot_partition`: what its firmware loads, with `command_line` and
//!   `settings_image`
//! - `files`: changes to files; `key_file`: the passphrase in a file; `error`: why it did not work

mod boot_partition;
mod check;
mod command_line;
mod copies;
mod disk;
mod error;
mod esp;
mod executor;
mod files;
mod held;
mod key_file;
mod keymap;
mod pool;
mod readings;
pub mod real;
mod settings_image;
mod setup;
mod target;
mod users;
mod work;

pub use error::ExecuteError;
pub use executor::Execute;
