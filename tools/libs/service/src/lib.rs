//! What every `SigmaVault` service does the same way.
//!
//! - [`ask`]: the HTTP client that services and commands ask other services with
//!
//! With the feature `daemon`, for services:
//!
//! - [`serve`]: the HTTP server: listeners, limits, host check, security headers
//! - [`settings`]: the vendor's file, and over it, key by key, the administrator's
//! - [`logging`]: the journal, or standard error
//! - [`manager`]: messages to the service manager: ready, alive, stopping
//! - [`watchdog`]: liveness for the service manager
//! - [`program`]: options, threads, signals
//!
//! With the feature `bus`:
//!
//! - [`authority`]: authorisation of callers on the system bus

pub mod ask;
#[cfg(feature = "bus")]
pub mod authority;
#[cfg(feature = "daemon")]
pub mod logging;
#[cfg(feature = "daemon")]
pub mod manager;
#[cfg(feature = "daemon")]
pub mod program;
#[cfg(feature = "daemon")]
pub mod serve;
#[cfg(feature = "daemon")]
pub mod settings;
#[cfg(feature = "daemon")]
pub mod watchdog;
