//! Matrices that are not ternary, read as the model's file has them: heads, embeddings, and models in Q8_0 and K-quants.
//!
//! Activations stay floats, or, for Q8_0 and K-quants, become bytes where speed counts for more than exactness
//! ([`multiply_q8`]). With floats, every tier gives the same floats as the others, for one token or for
//! many: each weight is
//! widened to f32 (Q8_0: its byte times the block's scale, rounded), product and sum are rounded one after the other
//! into 32 running totals, column `c` into total `c mod 32`, and the totals are added in halves.

mod dot;
mod half_float;
mod kquants;
mod matrix;
mod q8;
mod rows;

#[cfg(target_arch = "x86_64")]
pub(crate) use dot::widen_ssse3;
pub(crate) use half_float::widen;

pub use kquants::{KMatrix, KQuant};
pub use matrix::{Dense, DenseError, F16Matrix, Q8Matrix, multiply_dense, multiply_dense_with};
pub use q8::{Product, Q8Activations, Quantised, multiply_each, multiply_q8, multiply_q8_with};
pub use rows::{Rows, add_rows};
