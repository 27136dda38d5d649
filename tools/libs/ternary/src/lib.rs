//! Products of ternary weights with vectors and matrices, on the processors a NAS has.
//!
//! Weights are stored in panels of 16 rows in which a lane is a row ([`panel`]), activations as int8 or int16 with their
//! scales ([`Activations`]). [`multiply`] computes the product. Every instruction-set tier ([`Isa`]) gives the same floats
//! bit for bit, for one token or many, so that an answer depends neither on the processor nor on the rest of the batch.
//!
//! - [`isa`]: the instruction sets, and the choice of one
//! - [`panel`]: the layout, packing from the formats of model files, and the packed file
//! - [`activations`]: quantised inputs
//! - [`mod@multiply`]: the product, split over threads
//! - [`dense`]: heads and other matrices in f16, Q8_0 and K-quants
//! - [`pool`]: the threads
//! - [`memory`]: the speed of reading memory, for comparison
//! - `kernel`: one module per instruction set
//!
//! `unsafe` is allowed in the modules that name it, each block with its reason.

#![deny(unsafe_op_in_unsafe_fn)]
// Quantising and packing use the low bits of numbers; sums become floats by design.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
// Whatever is not inlined into a kernel becomes a call in its innermost loop. Loops over registers use indices, as closures
// and adapters are not inlined into functions compiled for another instruction set.
#![allow(clippy::inline_always, clippy::needless_range_loop)]
// Format names such as TQ2_0 are words here.
#![allow(clippy::doc_markdown)]

pub mod activations;
mod ahead;
mod bytes;
pub mod dense;
mod half_float;
pub mod isa;
mod kernel;
pub mod memory;
pub mod multiply;
mod outputs;
pub mod panel;
pub mod pool;
mod prefetch;
mod runs;
mod slices;

pub use activations::{Activations, Precision};
pub use dense::{
    Dense, DenseError, F16Matrix, Product, Q8Activations, Q8Matrix, Quant, QuantMatrix, Quantised, Rows,
    add_rows, multiply_dense, multiply_each, multiply_q8,
};
pub use isa::Isa;
pub use multiply::{multiply, multiply_all, multiply_with};
pub use panel::{Encoding, Group, Mapping, PackError, PanelFile, PanelFileError, PanelMatrix, PanelWriter};
pub use pool::Pool;
