//! The scenarios, and what several of them look at.

pub mod looks;
pub mod unattended;
