//! Handlers, one module per part of the interface.

pub mod health;
pub mod system;
