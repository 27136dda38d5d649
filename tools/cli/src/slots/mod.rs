//! `sigmavault slots`: the slots, and which one starts first.
//!
//! - [`show`]: the slots for a person

mod show;

pub use show::{fall_back, show};
