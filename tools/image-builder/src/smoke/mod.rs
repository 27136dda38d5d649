//! Boots an ISO in a virtual machine and checks what came up.
//!
//! Everything is driven from outside: the machine gets a test unit as a systemd credential ([`guest`]), which
//! states facts over a virtio-serial port ([`report`]); the facts are judged here ([`judge`]), together with what
//! the screen shows ([`screen`]) and how the machine switches itself off. The image holds nothing for tests.

mod accel;
mod artifacts;
mod checks;
mod command;
mod error;
mod firmware;
mod guest;
mod judge;
mod machine;
mod options;
mod qmp;
mod report;
mod run;
mod screen;
mod serial;
mod session;
mod tools;

pub use artifacts::Report;
pub use checks::{CheckResult, Outcome};
pub use command::{CommandError, run};
pub use error::{Error, LastSeen};
pub use machine::Accelerator;
pub use options::{Accel, Firmware, Medium, Memory, Options};
pub use qmp::QmpError;
pub use run::{interrupt_flag, smoke};
pub use tools::{Share, ToolsTree};
