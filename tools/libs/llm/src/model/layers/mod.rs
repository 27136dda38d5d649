//! Layers, and the operations that they are made of.

pub mod attention;
pub mod context;
pub mod convolution;
pub mod experts;
pub mod feed_forward;
pub mod kquants;
pub mod linear;
pub mod mamba;
pub mod mamba2;
pub mod ops;
pub mod rope;
pub mod self_attention;
