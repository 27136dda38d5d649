//! Language models.

pub mod engine;
pub mod model;
pub mod sampling;
pub mod tokenizer;
