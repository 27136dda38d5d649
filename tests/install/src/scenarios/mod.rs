//! The scenarios, and the checks that several of them share.

pub mod answers_twice;
pub mod checks;
pub mod closed;
pub mod damaged;
pub mod disk_removed;
pub mod encrypted;
pub mod keep_data;
pub mod keyboard;
pub mod model;
pub mod no_write;
pub mod pool;
pub mod power_cuts;
pub mod refusals;
pub mod two_layouts;
pub mod unattended;
