//! Starts virtual machines with QEMU, drives them and watches them.
//!
//! A [`Machine`] is a description and its QEMU command line; a [`Session`] is that machine running: QEMU's control
//! connection ([`qmp`]), the serial port ([`serial`]), the reports of a script in the guest ([`guest`]). The script
//! comes in as a systemd credential ([`credential`]), so that an image holds nothing for tests. For tests that drive a
//! guest there is more: a [`Rig`] is a machine with an [`agent`] that takes orders, a [`Boot`] is one boot of it, with
//! its console, screen ([`ocr`]) and keyboard. What a guest writes can be logged ([`WriteLog`]), and the log gives the
//! disk as a power cut at any point would leave it ([`PowerCut`], [`Replay`]).
//!
//! QEMU, OVMF, swtpm and tesseract are those of the tools tree ([`ToolsTree`]), which runs them in a [`Sandbox`].

pub mod accel;
pub mod agent;
mod board;
mod boot;
pub mod credential;
mod device_tree;
mod direct;
mod drive;
mod ending;
mod error;
mod firmware;
pub mod guest;
mod image;
mod interrupt;
pub mod keyboard;
mod kvm;
mod logs;
mod machine;
mod memory;
pub mod ocr;
mod picture;
#[cfg(test)]
mod played;
mod power_cut;
mod process;
pub mod qmp;
mod random;
mod rig;
mod sandbox;
pub mod serial;
mod session;
mod shell;
mod tools;
mod tpm;
mod write_log;
mod writes;

pub use accel::{Accel, Accelerator};
pub use board::Board;
pub use boot::Boot;
pub use credential::Credential;
pub use direct::DirectKernel;
pub use drive::{Bus, Drive, LiveMedium, Medium};
pub use ending::Ending;
pub use error::{Error, LastSeen};
pub use firmware::{Firmware, FirmwareFiles};
pub use image::{GIB, Image};
pub use interrupt::interrupt_flag;
pub use kvm::{EarlySigns, KvmFault, Unopened};
pub use logs::Logs;
pub use machine::{Machine, OnReset};
pub use memory::{Memory, MemoryError};
pub use picture::{Measures, Picture, PictureError};
pub use power_cut::{Cache, Fate, PowerCut, Replay, State};
pub use qmp::Halt;
pub use random::Random;
pub use rig::Rig;
pub use sandbox::Sandbox;
pub use session::{Awaited, Session};
pub use tools::{Share, ToolsTree};
pub use tpm::Tpm;
pub use write_log::{Entry, Kind, LogError, WriteLog};
pub use writes::Written;
