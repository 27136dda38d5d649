//! What this host lacks for building, with the command that fixes it.
//!
//! [`facts`] looks at the host; the judgement in [`mod@judge`] is a pure function of what was found.

mod command;
pub mod facts;
pub mod judge;

pub use command::{DoctorError, run};

#[cfg(test)]
mod tests;
