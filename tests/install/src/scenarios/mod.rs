//! The scenarios, and what several of them look at.

pub mod damaged;
pub mod encrypted;
pub mod keep_data;
pub mod keys;
pub mod looks;
pub mod model;
pub mod no_write;
pub mod pool;
pub mod power_cuts;
pub mod pulled;
pub mod refusals;
pub mod unattended;
