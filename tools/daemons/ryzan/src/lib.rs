//! The local language model as a service.
//!
//! - [`bus`]: the object on the system bus
//! - [`config`]: settings, vendor defaults under the administrator's
//! - [`openai`]: `OpenAI`'s wire format
//! - [`answer`]: from a request to the parts of its answer
//! - [`models`]: the models that are loaded, and those that can be
//! - [`yielding`]: stepping back when the file services are pressed
//! - [`state`]: what every handler gets
//! - [`routes`]: handlers, one module per part of the interface
//! - [`sse`]: answers in pieces
//! - [`server`]: the listeners, and what happens to every request
//! - [`meters`]: what is counted
//! - [`watchdog`]: liveness for the service manager

pub mod answer;
pub mod bus;
pub mod config;
pub mod meters;
pub mod models;
pub mod openai;
pub mod routes;
pub mod server;
pub mod sse;
pub mod state;
pub mod watchdog;
pub mod yielding;
