//! Language models: architectures, tokenizers, constrained sampling, and an engine that runs many sequences at once.
//!
//! - [`inference`]: states of sequences and passes over them, as the engine and the models see them
//! - [`model`]: from a file to logits
//! - [`checkpoint`]: a model with its tokenizer, and whether a file can be run
//! - [`tokenizer`]: from text to token ids and back
//! - [`template`]: from messages to a prompt
//! - [`sampling`]: from logits to a token
//! - [`constraint`]: output that follows a schema, a grammar or a regular expression
//! - [`engine`]: many sequences at once, with kept prefixes and speculative decoding

pub mod checkpoint;
pub mod constraint;
pub mod engine;
mod guide;
pub mod inference;
pub mod model;
pub mod sampling;
pub mod template;
pub mod tokenizer;
