//! Language models.

pub mod constraint;
pub mod engine;
pub mod model;
pub mod sampling;
pub mod template;
pub mod tokenizer;
