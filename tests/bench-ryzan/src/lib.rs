//! Model files of real shapes with random weights, for the programs that measure the engine and the service.

#![expect(clippy::cast_precision_loss, reason = "widths of matrices; far below 2^52")]

pub mod vocabulary;
pub mod weights;
