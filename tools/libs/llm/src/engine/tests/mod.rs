//! The engine over small deterministic models.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]

mod basics;
mod drafting;
mod prefixes;
pub mod toy;
