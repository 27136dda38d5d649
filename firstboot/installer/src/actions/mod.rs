//! The actions of an installation, in order. A plan becomes stages of [`Action`]s; the same value is shown, recorded and
//! executed.
//!
//! - [`stages`]: the actions of a plan; pure; `setup`: those of a Raspberry Pi's first start, with
//!   `setup_action`; `parts`: what
//!   several have
//! - `settings`: those that write the settings and the user; `connections`: the network's files
//! - `describe`: actions as lines of text

mod action;
mod connections;
mod describe;
mod lists;
mod parts;
mod settings;
mod setup;
mod setup_action;
mod stages;
#[cfg(test)]
mod tests;

pub use action::{Action, Heading, Password, Reading, SlotRef, Stage};
pub use setup_action::SetupAction;
pub use stages::stages;
