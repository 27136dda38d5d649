//! The products of Q8_0 weights and of K-quants with activations rounded to bytes.
//!
//! Eight lanes of a block of 32 columns, lane `l` holding columns `4l..4l+4`, are int32 sums, exact. Of block `b` they go
//! to running totals `8 * (b mod 2) + l`. For Q8_0, `total += (f32(sum) * scale of the activations) * scale of the weights`,
//! each operation rounded; the 16 totals are added in halves. So every tier gives the same floats, for one token or for many.
//!
//! K-quants have unsigned codes and a scale and an offset for 16 or 32 columns. Of each 256 columns, first the offsets are
//! counted, those of the first 16 columns of block `b` in total `b` and of the second in total `8 + b`, as `total += sum of
//! the activations * (-offset)`; then the codes, as `total += f32(sum) * (scale of the activations * scale of the weights)`,
//! in which the scale of a lane is that of its columns.
#![allow(unsafe_code)] // calls into tiers the processor was found to have, and outputs that threads write side by side

use std::ops::Range;

use super::dot::Q8_BLOCK;
use super::kquants::{EIGHT, KMatrix, KQuant, Q4_BYTES, Q5_BYTES, Q6_BYTES, Runs};
use super::matrix::{Dense, Kind, Q8Matrix, Rows};
use crate::isa::Isa;
use crate::multiply::Shared;
use crate::pool::Pool;
use crate::runs;

mod products;
mod steps;
#[cfg(test)]
mod tests;

use products::{k_products, products};
use steps::plain;
#[cfg(target_arch = "x86_64")]
use steps::{avx_vnni, avx2, avx512, ssse3};

/// Columns of a block.
const BLOCK: usize = 32;
/// Sums of a block.
const SUMS: usize = BLOCK / 4;
/// Tokens that a row is multiplied with at once.
const TILES: [usize; 3] = [4, 2, 1];
/// Bytes of rows a thread takes at once.
const PART_BYTES: usize = 64 << 10;

/// Rows of activations as bytes of -127..=127, each 32 columns with a scale. A buffer: quantising again reuses its
/// memory.
#[derive(Debug, Default)]
pub struct Q8Activations {
    m: usize,
    k: usize,
    values: Vec<[i8; BLOCK]>,
    scales: Vec<f32>,
    /// Sums of the first and of the second 16 numbers of a block, as they are rounded.
    sums: [Vec<f32>; 2],
}

impl Q8Activations {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows: tokens.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Columns.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Quantises `m` rows of `k` floats. Of a block with a value that is not finite, every product is NaN.
    ///
    /// # Panics
    /// When `x` is not `m * k` long, or `k` no multiple of 32.
    pub fn quantize(&mut self, x: &[f32], m: usize, k: usize) {
        assert_eq!(x.len(), m * k, "{m} rows of {k} columns");
        let (blocks, rest) = x.as_chunks::<BLOCK>();
        assert!(
            rest.is_empty() && k.is_multiple_of(BLOCK),
            "{k} columns are no blocks of 32"
        );
        self.m = m;
        self.k = k;
        self.values.clear();
        self.scales.clear();
        let [first, second] = &mut self.sums;
        first.clear();
        second.clear();
        for block in blocks {
            let (values, scale) = crate::activations::int8_block(block);
            self.values.push(values);
            self.scales.push(scale);
            let (early, late) = values.split_at(BLOCK / 2);
            first.push(sum(early) * scale);
            second.push(sum(late) * scale);
        }
    }

    fn token(&self, token: usize) -> Token<'_> {
        let blocks = self.k / BLOCK;
        Token {
            values: &self.values[token * blocks..][..blocks],
            scales: &self.scales[token * blocks..][..blocks],
            sums: [0, 1].map(|second| &self.sums[second][token * blocks..][..blocks]),
        }
    }
}

/// The sum of 16 bytes, exactly.
fn sum(values: &[i8]) -> f32 {
    f32::from(values.iter().map(|value| i16::from(*value)).sum::<i16>())
}

/// The blocks of a token.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    values: &'a [[i8; BLOCK]],
    scales: &'a [f32],
    sums: [&'a [f32]; 2],
}

/// A matrix that [`multiply_q8`] takes.
pub trait Quantised: Dense {}

impl Quantised for Q8Matrix {}
impl Quantised for KMatrix {}

/// `out[t][r] = sum over k of w[r][k] * x[t][k]`, for `x.m()` tokens, row-major by token.
///
/// # Panics
/// When `x` does not have as many columns as `w`, or `out` is not `x.m() * w.rows()` long.
pub fn multiply_q8(w: &impl Quantised, x: &Q8Activations, out: &mut [f32], pool: &Pool) {
    multiply_q8_with(Isa::active(), w, x, out, pool);
}

/// [`multiply_q8`] by a tier of choice, for tests and measurements.
///
/// # Panics
/// As [`multiply_q8`], and when the processor does not have the tier.
pub fn multiply_q8_with(isa: Isa, w: &impl Quantised, x: &Q8Activations, out: &mut [f32], pool: &Pool) {
    multiply_each_with(isa, &mut [Product::new(w, x, 0..x.m, out)], pool);
}

/// The product of a matrix with some tokens, for [`multiply_each`].
#[derive(Debug)]
pub struct Product<'a> {
    rows: &'a Rows,
    tokens: Vec<Token<'a>>,
    out: &'a mut [f32],
}

impl<'a> Product<'a> {
    /// Of `w` with these tokens of `x`, in this order: `out` gets a row for each.
    ///
    /// # Panics
    /// When `x` does not have as many columns as `w` or lacks a token, or `out` does not have `w.rows()` for each of them.
    pub fn new(
        w: &'a impl Quantised,
        x: &'a Q8Activations,
        tokens: impl IntoIterator<Item = usize>,
        out: &'a mut [f32],
    ) -> Self {
        let (cols, count) = (w.cols(), w.rows());
        assert_eq!(cols, x.k, "weights of {cols} columns, activations of {}", x.k);
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

/// Several products in one go, for matrices so small that waiting for all threads after each would take a good part of the time.
pub fn multiply_each(products: &mut [Product<'_>], pool: &Pool) {
    multiply_each_with(Isa::active(), products, pool);
}

/// A product whose rows threads share.
struct Job<'a> {
    rows: &'a Rows,
    tokens: &'a [Token<'a>],
    out: Shared,
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
            out: Shared(product.out.as_mut_ptr()),
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
        // Of many tokens, few at a time with all rows of the part: both stay in the nearest cache.
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

/// The products of a row with as many tokens as one of [`TILES`].
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

/// The sum of the totals, in halves.
#[inline(always)]
fn reduce(mut totals: [f32; 2 * SUMS]) -> f32 {
    let mut half = SUMS;
    while half > 0 {
        for lane in 0..half {
            totals[lane] += totals[lane + half];
        }
        half /= 2;
    }
    totals[0]
}
