//! `Ollama`'s wire format, as its documentation and its Python client define it. Requests become those of
//! [`crate::openai`]; answers are written from the same events. These modules are pure.
//!
//! - [`request`]: chat, generate
//! - [`options`]: sampling and lengths
//! - [`lines`]: answers, whole or one JSON object a line
//! - [`embed`]: vectors of texts
//! - [`about`]: what a model is
//! - [`wire`]: version, names, errors
//!
//! Differences: `keep_alive` and options that place a model in memory (`num_ctx`, `num_gpu`, ...) are accepted and have no
//! effect, as the service decides that for all its clients. Images, `suffix`, `template` and `context` are refused. Without
//! `num_predict` an answer has the service's own limit.

pub mod about;
pub mod embed;
pub mod lines;
pub mod options;
pub mod request;
pub mod wire;

pub use wire::error;
