//! Starts disk images for Raspberry Pis in virtual machines.
//!
//! QEMU does not emulate the firmware of the boards, so `sigmavault-pi-firmware` reads the disk in its place: it chooses the
//! partition, the kernel and what the kernel is told. QEMU then starts that kernel: on its `raspi4b` for a Pi 4, and for a
//! Pi 5, which it does not have, on `virt` with the disk as an `NVMe` drive. When the guest restarts, the machine ends and the
//! next one is started, with the tryboot flag that the guest has set.
//!
//! - [`card`]: the disk that a sequence of starts writes to
//! - [`emulator`]: the machine for a board
//! - [`flag_line`]: how the guest's use of the flag is noticed
//! - [`bench`]: one start after the other; [`script`]: what they must show
//! - [`report`]: what was seen

pub mod bench;
pub mod card;
pub mod emulator;
pub mod error;
pub mod flag_line;
pub mod options;
pub mod report;
pub mod script;
