//! REST interface of `SigmaVault` on the loopback address.
//!
//! - [`config`]: settings, vendor defaults under the administrator's
//! - [`sources`]: sources of facts (files, clock, service manager, file systems), replaceable in tests
//! - [`state`]: the state shared by all handlers
//! - [`routes`]: handlers, one module per part of the interface
//! - [`openapi`]: the `OpenAPI` document's description of the service as a whole
//! - [`router`]: every path with the layers around it, and the `OpenAPI` document made from them
//! - [`problem`]: errors as RFC 9457 problems
//! - [`layers`]: layers around every handler: id, limits, host check, security headers
//! - [`sampler`]: samples of counters, for rates
//! - [`server`]: the listener

pub mod config;
pub mod layers;
pub mod openapi;
pub mod problem;
pub mod router;
pub mod routes;
pub mod sampler;
pub mod server;
pub mod sources;
pub mod state;
