//! The local language model as a service.
//!
//! - [`admission`]: where and when requests are prepared
//! - [`bus`]: the object on the system bus
//! - [`caller`]: who asks
//! - [`config`]: settings, vendor defaults under the administrator's
//! - [`openai`]: `OpenAI`'s wire format
//! - [`ollama`], [`anthropic`]: the wire formats of `Ollama` and `Anthropic`, which are translated
//! - [`answer`]: from a request to the events of its answer
//! - [`models`]: loading, choosing and evicting models
//! - [`yielding`]: yielding to the file services under pressure
//! - [`state`]: the state shared by all handlers
//! - [`routes`]: handlers, one module per part of the interface
//! - [`sse`]: streamed answers
//! - [`turns`]: the work of each user
//! - [`room`]: memory for the bodies of requests
//! - [`memory`]: freed memory goes back to the kernel
//! - [`users`]: what each user has of something
//! - [`layers`]: layers around every handler
//! - [`cors`]: pages of other origins
//! - [`body`]: reading JSON bodies
//! - [`meters`]: counters for `/metrics`

pub mod admission;
pub mod answer;
pub mod anthropic;
pub mod body;
pub mod bus;
pub mod caller;
pub mod config;
pub mod cors;
pub mod layers;
pub mod memory;
pub mod meters;
pub mod models;
pub mod ollama;
pub mod openai;
pub mod room;
pub mod routes;
pub mod sse;
pub mod state;
pub mod turns;
pub mod users;
pub mod yielding;
