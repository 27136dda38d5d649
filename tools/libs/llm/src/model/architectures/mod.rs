//! Architectures: networks of layers from embeddings to logits or vectors.

pub mod decoder;
pub mod embedder;
pub mod rwkv7;
pub mod rwkv7_weights;
