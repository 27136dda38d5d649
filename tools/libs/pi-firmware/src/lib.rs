//! What the firmware of a Raspberry Pi 4 or 5 starts from a disk.
//!
//! The firmware is closed and no emulator runs it. This is a model of its documented rules, for tests: it reads a disk as the
//! boot loader in the EEPROM and `start4.elf` do, and gives the kernel, the initrds, the device tree and the command line
//! that they would start, or why the screen stays dark. [`Firmware::start`] is one start.
//!
//! The rules are those of the Raspberry Pi documentation ("config.txt", "autoboot.txt", "Raspberry Pi bootloader
//! configuration", "EEPROM boot flow") and of the release notes of `rpi-eeprom`. Where both are silent, the model takes the
//! reading under which a disk fails sooner, and the item says so. What a disk relies on without a document behind it is
//! listed in [`Boot::notes`].
//!
//! - [`table`]: partitions of the disk; [`fat`]: files of a partition
//! - [`autoboot`]: `autoboot.txt`, which names the partition; [`flag`]: the one-shot tryboot flag
//! - [`filter`] and [`settings`]: `config.txt`
//! - [`board`]: boards and what their firmware looks for
//! - [`choice`]: which partition is taken; [`load`]: what is read from it
//! - [`tree`]: changes to a flattened device tree; [`qemu`]: those for an emulated Pi 4

pub mod autoboot;
pub mod board;
mod bytes;
#[cfg(test)]
mod cases;
pub mod choice;
pub mod failure;
pub mod fat;
pub mod filter;
mod firmware;
pub mod flag;
pub mod kernel;
mod lines;
pub mod load;
pub mod note;
pub mod qemu;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod settings;
pub mod table;
pub mod tree;

pub use board::{Board, Family};
pub use failure::{Failure, Unbootable};
pub use firmware::{Boot, BootMode, Bootloader, Firmware};
pub use flag::{Flag, Reset};
pub use load::Loaded;
pub use note::Note;
