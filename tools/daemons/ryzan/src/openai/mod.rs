//! `OpenAI`'s wire format, as its reference and its Python client define it: parsing requests and writing answers. These
//! modules are pure.
//!
//! - [`fields`]: reading objects without missing a field
//! - [`error`]: errors and their statuses
//! - [`parameters`]: what chat, completions and responses share: sampling, lengths, stops
//! - [`messages`]: messages of a conversation
//! - [`tools`]: functions that a model may call
//! - [`rerank`], [`tokens`]: what other interfaces of this kind have
//! - [`chat`], [`completions`], [`embeddings`], [`responses`]: one module per endpoint

pub mod chat;
pub mod completions;
pub mod embeddings;
pub mod error;
pub mod fields;
pub mod messages;
pub mod parameters;
pub mod rerank;
pub mod responses;
pub mod tokens;
pub mod tools;
