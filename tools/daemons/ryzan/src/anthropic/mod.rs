//! `Anthropic`'s wire format (version 2023-06-01), as its reference and its Python client define it. Requests become those of
//! [`crate::openai`]; answers are written from the same events. These modules are pure.
//!
//! - [`request`]: messages, and counting their tokens
//! - [`blocks`]: the content of messages
//! - [`message`]: answers, whole or as events
//! - [`wire`]: version, errors
//!
//! `x-api-key` is not looked at: the service knows its callers by their uid. Images, documents and tools that run on
//! `Anthropic`'s servers are refused or, where the model may do without, left out.

pub mod blocks;
pub mod message;
pub mod request;
pub mod wire;

pub use wire::error;
