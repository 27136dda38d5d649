//! The engine over small deterministic models.

mod basics;
mod prefixes;
mod toy;
