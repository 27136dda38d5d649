//! Language models.

pub mod engine;
pub mod sampling;
pub mod tokenizer;
