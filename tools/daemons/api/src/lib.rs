//! REST interface of `SigmaVault` on the loopback address.
//!
//! - [`config`]: settings, vendor defaults under the administrator's
//! - [`sources`]: where facts come from (files, clock, service manager, file systems), replaceable in tests
//! - [`state`]: what every handler gets
//! - [`routes`]: handlers, one module per part of the interface
//! - [`openapi`]: the `OpenAPI` document, made from the handlers
//! - [`problem`]: errors as RFC 9457 problems
//! - [`layers`]: what happens to every request: id, limits, host check, security headers
//! - [`sampler`]: counters over time, for rates
//! - [`server`]: the listener
//! - [`watchdog`]: liveness for the service manager

pub mod config;
pub mod layers;
pub mod openapi;
pub mod problem;
pub mod routes;
pub mod sampler;
pub mod server;
pub mod sources;
pub mod state;
pub mod watchdog;
