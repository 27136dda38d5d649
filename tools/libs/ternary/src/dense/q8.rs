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

use super::dot::Q8_BLOCK;
use super::kquants::{EIGHT, KMatrix, KQuant, Q4_BYTES, Q5_BYTES, Q6_BYTES, Runs};
use super::matrix::{Dense, Kind, Q8Matrix};
use crate::isa::Isa;
use crate::multiply::Shared;
use crate::pool::Pool;

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
    let rows = w.rows_of();
    assert!(isa.is_supported(), "{} is not on this processor", isa.name());
    let count = rows.count();
    assert_eq!(
        rows.cols(),
        x.k,
        "weights of {} columns, activations of {}",
        rows.cols(),
        x.k
    );
    assert_eq!(out.len(), x.m * count, "outputs of {} tokens x {count} rows", x.m);
    let tokens: Vec<Token<'_>> = (0..x.m).map(|token| x.token(token)).collect();
    let out = Shared(out.as_mut_ptr());
    let height = (PART_BYTES / rows.row(0).len())
        .max(1)
        .min(count.div_ceil(4 * pool.active()));
    pool.run(count.div_ceil(height), &|part| {
        let range = part * height..((part + 1) * height).min(count);
        let mut first = 0;
        while first < x.m {
            // Of many tokens, few at a time with all rows of the part: both stay in the nearest cache.
            let few = if x.m - first >= 4 { 4 } else { 1 };
            for row in range.clone() {
                let mut outputs = [0.0; 4];
                // SAFETY: the tier was checked above.
                unsafe {
                    product(
                        isa,
                        rows.kind(),
                        rows.row(row),
                        &tokens[first..first + few],
                        &mut outputs[..few],
                    );
                }
                for (token, output) in outputs[..few].iter().enumerate() {
                    // SAFETY: within `out`, whose length was checked; no other part has this row.
                    unsafe { out.write((first + token) * count + row, &[*output]) };
                }
            }
            first += few;
        }
    });
}

/// The products of a row with one or four tokens.
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
