//! The engine over small deterministic models.

mod basics;
mod prefixes;
pub mod toy;
