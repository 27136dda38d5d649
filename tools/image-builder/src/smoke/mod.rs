//! Boots an ISO in a virtual machine and checks what came up.
//!
//! Everything is driven from outside: the machine gets a test unit as a systemd credential ([`guest`]), which
//! states facts over a virtio-serial port ([`report`]); the facts are judged here ([`judge`]), together with what
//! the screen shows ([`screen`]) and how the machine switches itself off. The image holds nothing for tests.

pub mod accel;
mod artifacts;
mod checks;
mod command;
mod drive;
mod error;
mod firmware;
pub mod guest;
mod judge;
mod machine;
mod options;
mod qmp;
pub mod report;
mod run;
pub mod screen;
pub mod serial;
mod session;
mod tools;

pub use artifacts::{Artifacts, Report};
pub use checks::{CheckResult, Outcome};
pub use command::{CommandError, run};
pub use drive::{Bus, Drive, LiveMedium};
pub use error::{Error, LastSeen};
pub use firmware::FirmwareFiles;
pub use machine::{Accelerator, Machine, OnReset, shell_line};
pub use options::{Accel, Firmware, Medium, Memory, Options};
pub use qmp::{Halt, QmpError};
pub use run::{interrupt_flag, smoke};
pub use session::{Awaited, Session};
pub use tools::{Share, ToolsTree};
