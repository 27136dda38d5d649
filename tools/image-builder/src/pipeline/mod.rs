//! From the source tree to an ISO. [`build()`] runs the stages of [`stages`]; each is kept under a key
//! made from all its inputs ([`key`], [`store`]); tools run in the tools tree ([`sandbox`], [`run`]).

mod admin;
pub mod archive;
mod build;
pub mod checks;
pub mod context;
pub mod error;
pub mod key;
pub mod lock;
pub mod report;
pub mod resolve;
mod results;
pub mod run;
pub mod sandbox;
pub mod stages;
pub mod store;

pub use admin::{clean, lock};
pub use build::build;
