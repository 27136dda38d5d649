//! Boots an ISO in a virtual machine and checks what came up.
//!
//! Everything is driven from outside, by [`sigmavault_vm`]: the machine gets a test unit as a systemd credential
//! ([`guest`]), which states facts; the facts are judged here ([`judge`]), together with what the screen shows
//! ([`screen`]) and how the machine switches itself off. The image holds nothing for tests.

mod artifacts;
mod checks;
mod command;
mod error;
mod guest;
mod image;
mod judge;
mod judgement;
mod options;
mod run;
mod screen;

pub use artifacts::Report;
pub use command::{CommandError, run};
pub use error::Error;
pub use image::{ImageError, TestImage};
pub use judgement::{CheckResult, Outcome};
pub use options::Options;
pub use run::smoke;
