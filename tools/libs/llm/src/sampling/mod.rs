//! From logits to the next token.
//!
//! The order is: penalties and bias, the mask of a constraint, temperature, top-k, top-p, min-p, and one draw. A temperature of
//! zero takes the highest logit, and the lowest id of equal ones. Each choice draws at most one random number, so a seed gives
//! the same tokens on one machine whatever the batches.

mod candidates;
mod parameters;
mod random;
mod sampler;
#[cfg(test)]
mod tests;

pub use candidates::highest;
pub use parameters::{Sampling, SamplingError};
pub use sampler::{Choice, NothingToChoose, Sampler};
