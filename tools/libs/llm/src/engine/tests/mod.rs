//! The engine over small deterministic models.

mod basics;
mod guessing;
mod prefixes;
pub mod toy;
