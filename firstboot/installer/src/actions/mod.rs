//! What an installation does, one thing after the other: a plan becomes stages of [`Action`]s, which are shown, recorded
//! and executed as they stand here.
//!
//! - [`stages`]: the actions of a plan; pure
//! - `settings`: those that write the settings and the user
//! - `describe`: actions as lines of text

mod action;
mod describe;
mod settings;
mod stages;
#[cfg(test)]
mod tests;

pub use action::{Action, Heading, Password, SlotRef, Stage};
pub use stages::stages;
