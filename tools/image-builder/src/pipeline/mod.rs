//! From the source tree to an ISO. [`build()`] runs the stages of [`stages`]; each is kept under a key
//! made from all its inputs ([`key`], [`store`]); tools run in the tools tree ([`sandbox`], [`run`]).

mod admin;
pub mod archive;
mod build;
pub mod context;
pub mod debs;
pub mod emulation;
pub mod error;
pub mod held;
pub mod kernel;
pub mod key;
pub mod lock;
pub mod moved;
mod parts;
mod pool;
pub mod report;
pub mod resolve;
mod results;
pub mod run;
pub mod sandbox;
mod save;
pub mod saved;
mod setup;
mod sign;
pub mod stages;
pub mod store;
pub mod timings;

pub use admin::{clean, lock};
pub use build::build;
pub use save::save;
