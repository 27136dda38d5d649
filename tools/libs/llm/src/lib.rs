//! Language models.

pub mod constraint;
pub mod engine;
pub mod sampling;
pub mod template;
pub mod tokenizer;
