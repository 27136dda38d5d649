//! The products of Q8_0 weights and of K-quants with activations rounded to bytes.
//!
//! The eight lanes of a block of 32 columns, lane `l` holding columns `4l..4l+4`, are exact int32 sums. Lane `l` of block `b` is added
//! to running total `8 * (b mod 2) + l`. For Q8_0, `total += (f32(sum) * scale of the activations) * scale of the weights`, each
//! operation rounded; the 16 totals are added pairwise by halves. So every tier gives the same floats, for one token or many.
//!
//! K-quants have unsigned codes, and a scale and an offset for each 16 or 32 columns. For each 256 columns, the offsets come first, those
//! of the first 16 columns of block `b` in total `b` and of the second in total `8 + b`, as `total += sum of the activations *
//! (-offset)`; then the codes, as `total += f32(sum) * (scale of the activations * scale of the weights)`, with the scale of each
//! lane's columns.
//!
//! The smaller blocks are multiplied as Q8_0 if their numbers are bytes times a scale (Q4_0, Q5_0, IQ4_NL). Those with an offset (Q4_1, Q5_1)
//! have unsigned codes, and the offsets are added one after the other in a total of their own, which is added last.
#![allow(unsafe_code)] // calls into tiers that the processor supports, and outputs that threads write side by side

use std::ops::Range;

use super::matrix::{Dense, Kind, Q8Matrix, QuantMatrix, Rows};
use crate::isa::Isa;
use crate::outputs::SharedOutput;
use crate::pool::Pool;
use crate::runs;

mod activations;
mod products;
mod steps;
#[cfg(test)]
mod tests;

pub use activations::Q8Activations;
use activations::Token;
use steps::plain;
#[cfg(target_arch = "x86_64")]
use steps::{avx_vnni, avx2, avx512, ssse3};

/// The numbers of tokens that a row can be multiplied with at once.
const TILES: [usize; 3] = [4, 2, 1];
/// Bytes of rows that a thread takes at once.
const PART_BYTES: usize = 64 << 10;

/// A matrix that can be multiplied by [`multiply_q8`].
pub trait Quantised: Dense {}

impl Quantised for Q8Matrix {}
impl Quantised for QuantMatrix {}

/// `out[t][r] = sum over k of w[r][k] * x[t][k]`, for `x.m()` tokens, row-major by token.
///
/// # Panics
/// If `x` does not have as many columns as `w`, or `out` is not `x.m() * w.rows()` long.
pub fn multiply_q8(w: &impl Quantised, x: &Q8Activations, out: &mut [f32], pool: &Pool) {
    multiply_q8_with(Isa::active(), w, x, out, pool);
}

/// [`multiply_q8`] with a given tier, for tests and measurements.
///
/// # Panics
/// Like [`multiply_q8`], and if the processor does not support the tier.
pub fn multiply_q8_with(isa: Isa, w: &impl Quantised, x: &Q8Activations, out: &mut [f32], pool: &Pool) {
    multiply_each_with(isa, &mut [Product::new(w, x, 0..x.m(), out)], pool);
}

/// The product of a matrix with some tokens, for [`multiply_each`].
#[derive(Debug)]
pub struct Product<'a> {
    rows: &'a Rows,
    tokens: Vec<Token<'a>>,
    out: &'a mut [f32],
}

impl<'a> Product<'a> {
    /// The product of `w` with these tokens of `x`; `out` gets a row for each, in this order.
    ///
    /// # Panics
    /// If `x` does not have as many columns as `w` or lacks a token, or `out` does not have `w.rows()` numbers for each token.
    pub fn new(
        w: &'a impl Quantised,
        x: &'a Q8Activations,
        tokens: impl IntoIterator<Item = usize>,
        out: &'a mut [f32],
    ) -> Self {
        let (cols, count) = (w.cols(), w.rows());
        assert_eq!(cols, x.k(), "weights of {cols} columns, activations of {}", x.k());
        let tokens: Vec<Token<'a>> = tokens.into_iter().map(|token| x.token(token)).collect();
        let wanted = tokens.len() * count;
        assert_eq!(
            out.len(),
            wanted,
            "outputs of {} tokens x {count} rows",
            tokens.len()
        );
        Self {
            rows: w.rows_of(),
            tokens,
            out,
        }
    }
}

/// Computes several products at once, for matrices so small that synchronising the threads after each would take a large part of the
/// time.
pub fn multiply_each(products: &mut [Product<'_>], pool: &Pool) {
    multiply_each_with(Isa::active(), products, pool);
}

/// A product whose rows threads share.
struct Job<'a> {
    rows: &'a Rows,
    tokens: &'a [Token<'a>],
    out: SharedOutput,
    /// Rows of a part.
    height: usize,
}

fn multiply_each_with(isa: Isa, products: &mut [Product<'_>], pool: &Pool) {
    assert!(isa.is_supported(), "{} is not on this processor", isa.name());
    let jobs: Vec<Job<'_>> = products
        .iter_mut()
        .map(|product| Job {
            rows: product.rows,
            tokens: &product.tokens,
            out: SharedOutput(product.out.as_mut_ptr()),
            height: (PART_BYTES / product.rows.row(0).len())
                .max(1)
                .min(product.rows.count().div_ceil(4 * pool.active())),
        })
        .collect();
    let parts: Vec<(&Job<'_>, usize)> = jobs
        .iter()
        .flat_map(|job| {
            (0..job.rows.count())
                .step_by(job.height)
                .map(move |first| (job, first))
        })
        .collect();
    let weights = |part: usize| {
        let (job, first): (&Job<'_>, usize) = parts[part];
        job.rows.rows_from(first)
    };
    runs::share(pool, parts.len(), &weights, &|part| {
        let (job, first) = parts[part];
        let range = first..(first + job.height).min(job.rows.count());
        // SAFETY: the tier was checked above, and no other part has these rows of this product.
        unsafe { part_of(isa, job, range) };
    });
}

/// Some rows of a product.
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`], and the rows' outputs must belong to the calling thread alone.
unsafe fn part_of(isa: Isa, job: &Job<'_>, range: Range<usize>) {
    let mut first = 0;
    while first < job.tokens.len() {
        // A few tokens at a time with all rows of the part, so that both stay in the first-level cache.
        let few = TILES
            .into_iter()
            .find(|few| *few <= job.tokens.len() - first)
            .unwrap_or(1);
        let tokens = &job.tokens[first..first + few];
        for row in range.clone() {
            let (kind, weights) = (job.rows.kind(), job.rows.row(row));
            let mut outputs = [0.0; TILES[0]];
            // SAFETY: the caller's.
            unsafe { product(isa, kind, weights, tokens, &mut outputs[..few]) };
            for (token, output) in outputs[..few].iter().enumerate() {
                let at = (first + token) * job.rows.count() + row;
                // SAFETY: within the product's outputs, whose length was checked; the row is the caller's.
                unsafe { job.out.write(at, &[*output]) };
            }
        }
        first += few;
    }
}

/// The products of a row with a number of tokens in [`TILES`].
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
unsafe fn product(isa: Isa, kind: Kind, row: &[u8], tokens: &[Token<'_>], out: &mut [f32]) {
    match isa {
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => unsafe { avx512::product(kind, row, tokens, out) },
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => unsafe { avx_vnni::product(kind, row, tokens, out) },
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::product(kind, row, tokens, out) },
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::Ssse3 => unsafe { ssse3::product(kind, row, tokens, out) },
        _ => plain::product(kind, row, tokens, out),
    }
}
