//! What every `SigmaVault` service does the same way.
//!
//! - [`settings`]: the vendor's file, and over it, key by key, the administrator's
//! - [`logging`]: the journal, or standard error
//! - [`manager`]: what the service manager hears: ready, alive, stopping
//! - [`program`]: options, threads, signals
//! - [`host`]: names that a service on the loopback address answers to

pub mod host;
pub mod logging;
pub mod manager;
pub mod program;
pub mod settings;
