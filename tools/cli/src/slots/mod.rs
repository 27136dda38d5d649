//! `sigmavault slots`: the boot loader's slots, and which one starts first.
//!
//! - [`entries`]: the slots as they are on the boot partition
//! - [`switch`]: changing which one starts first
//! - [`show`]: the slots for a person

mod entries;
mod show;
mod switch;

pub use entries::{get, record};
pub use show::{fall_back, show};
pub use switch::{once, switch};
