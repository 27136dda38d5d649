//! Products of ternary weights with vectors and matrices, on the processors a NAS has.
//!
//! Weights are held in panels of 16 rows in which a lane is a row ([`panel`]), activations as int8 or int16 with their
//! scales ([`Activations`]). [`multiply`] gives the product; every instruction-set tier ([`Isa`]) gives the same
//! floats bit for bit, for one token or for many, so that an answer depends neither on the processor nor on what was
//! computed beside it.
//!
//! - [`isa`]: which instruction sets there are, and which one is used
//! - [`panel`]: the layout, packing from the formats models come in, and the packed file
//! - [`activations`]: quantised inputs
//! - [`mod@multiply`]: the product, split over threads
//! - [`dense`]: heads and other matrices in f16, Q8_0 and K-quants
//! - [`pool`]: the threads
//! - [`memory`]: how fast memory can be read, to compare with
//! - `kernel`: one module per instruction set
//!
//! `unsafe` is allowed in the modules that name it, each block with its reason.

#![deny(unsafe_op_in_unsafe_fn)]
// Quantising and packing are about the low bits of numbers; sums become floats by design.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
// What is not part of a kernel is a call in its innermost loop; loops over registers are by index, as closures and
// adapters do not become part of functions compiled for another instruction set.
#![allow(clippy::inline_always, clippy::needless_range_loop)]
// Format names such as TQ2_0 are words here.
#![allow(clippy::doc_markdown)]

pub mod activations;
mod ahead;
mod bytes;
pub mod dense;
pub mod isa;
mod kernel;
pub mod memory;
pub mod multiply;
pub mod panel;
pub mod pool;
mod runs;

pub use activations::{Activations, Precision};
pub use dense::{
    Dense, DenseError, F16Matrix, KMatrix, KQuant, Product, Q8Activations, Q8Matrix, Quantised, Rows,
    add_rows, multiply_dense, multiply_each, multiply_q8,
};
pub use isa::Isa;
pub use multiply::{multiply, multiply_all, multiply_with};
pub use panel::{Encoding, Group, Mapping, PackError, PanelFile, PanelFileError, PanelMatrix, PanelWriter};
pub use pool::Pool;
