//! Matrices that are not ternary, read in the format of the model file: heads, embeddings, and models in Q8_0, K-quants and the smaller blocks of
//! ggml.
//!
//! Activations stay floats or, for Q8_0 and blocks of codes, are rounded to bytes where speed matters more than exactness
//! ([`multiply_q8`]). With floats, all tiers give the same result, for one token or many: each weight is widened to f32 (Q8_0:
//! its byte times the block's scale, rounded), products and sums are rounded separately into 32 running totals, column `c`
//! into total `c mod 32`, and the totals are added pairwise by halves.

mod dot;
mod kquants;
mod matrix;
mod product;
mod q8;
mod quants;
mod rows;
mod small;

pub use matrix::{Dense, DenseError, F16Matrix, Q8Matrix, QuantMatrix};
pub use product::{multiply_dense, multiply_dense_with};
pub use q8::{Product, Q8Activations, Quantised, multiply_each, multiply_q8, multiply_q8_with};
pub use quants::Quant;
pub use rows::{Rows, add_rows};
