//! The local language model as a service.
//!
//! - [`bus`]: the object on the system bus
//! - [`config`]: settings, vendor defaults under the administrator's
//! - [`openai`]: `OpenAI`'s wire format
//! - [`answer`]: from a request to the events of its answer
//! - [`models`]: loading, choosing and evicting models
//! - [`yielding`]: yielding to the file services under pressure
//! - [`state`]: the state shared by all handlers
//! - [`routes`]: handlers, one module per part of the interface
//! - [`sse`]: streamed answers
//! - [`layers`]: layers around every handler
//! - [`body`]: reading JSON bodies
//! - [`meters`]: counters for `/metrics`

pub mod answer;
pub mod body;
pub mod bus;
pub mod config;
pub mod layers;
pub mod meters;
pub mod models;
pub mod openai;
pub mod routes;
pub mod sse;
pub mod state;
pub mod yielding;
