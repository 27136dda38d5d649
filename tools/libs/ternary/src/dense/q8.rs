//! The product of Q8_0 weights with activations rounded to bytes.
//!
//! Eight lanes of a block of 32 columns, lane `l` holding columns `4l..4l+4`, are int32 sums, exact. Of block `b` they go
//! to running totals `8 * (b mod 2) + l`, as `total += (f32(sum) * scale of the activations) * scale of the weights`, each
//! operation rounded; the 16 totals are added in halves. So every tier gives the same floats, for one token or for many.
#![allow(unsafe_code)] // calls into tiers the processor was found to have, and outputs that threads write side by side

use super::dot::Q8_BLOCK;
use super::matrix::{Dense, Q8Matrix, Rows};
use crate::isa::Isa;
use crate::multiply::Shared;
use crate::pool::Pool;

mod steps;

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
        for block in blocks {
            let (values, scale) = crate::activations::int8_block(block);
            self.values.push(values);
            self.scales.push(scale);
        }
    }

    fn token(&self, token: usize) -> Token<'_> {
        let blocks = self.k / BLOCK;
        Token {
            values: &self.values[token * blocks..][..blocks],
            scales: &self.scales[token * blocks..][..blocks],
        }
    }
}

/// The blocks of a token.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    values: &'a [[i8; BLOCK]],
    scales: &'a [f32],
}

/// `out[t][r] = sum over k of w[r][k] * x[t][k]`, for `x.m()` tokens, row-major by token.
///
/// # Panics
/// When `x` does not have as many columns as `w`, or `out` is not `x.m() * w.rows()` long.
pub fn multiply_q8(w: &Q8Matrix, x: &Q8Activations, out: &mut [f32], pool: &Pool) {
    multiply_q8_with(Isa::active(), w, x, out, pool);
}

/// [`multiply_q8`] by a tier of choice, for tests and measurements.
///
/// # Panics
/// As [`multiply_q8`], and when the processor does not have the tier.
pub fn multiply_q8_with(isa: Isa, w: &Q8Matrix, x: &Q8Activations, out: &mut [f32], pool: &Pool) {
    assert!(isa.is_supported(), "{} is not on this processor", isa.name());
    assert_eq!(
        w.cols(),
        x.k,
        "weights of {} columns, activations of {}",
        w.cols(),
        x.k
    );
    assert_eq!(
        out.len(),
        x.m * w.rows(),
        "outputs of {} tokens x {} rows",
        x.m,
        w.rows()
    );
    let rows: &Rows = w.of();
    let tokens: Vec<Token<'_>> = (0..x.m).map(|token| x.token(token)).collect();
    let out = Shared(out.as_mut_ptr());
    let height = (PART_BYTES / rows.row(0).len())
        .max(1)
        .min(w.rows().div_ceil(4 * pool.active()));
    pool.run(w.rows().div_ceil(height), &|part| {
        let range = part * height..((part + 1) * height).min(w.rows());
        let mut first = 0;
        while first < x.m {
            // Of many tokens, few at a time with all rows of the part: both stay in the nearest cache.
            let count = if x.m - first >= 4 { 4 } else { 1 };
            for row in range.clone() {
                let mut outputs = [0.0; 4];
                // SAFETY: the tier was checked above.
                unsafe {
                    product(
                        isa,
                        rows.row(row),
                        &tokens[first..first + count],
                        &mut outputs[..count],
                    );
                }
                for (token, output) in outputs[..count].iter().enumerate() {
                    // SAFETY: within `out`, whose length was checked; no other part has this row.
                    unsafe { out.write((first + token) * w.rows() + row, &[*output]) };
                }
            }
            first += count;
        }
    });
}

/// The products of a row with one or four tokens.
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
unsafe fn product(isa: Isa, row: &[u8], tokens: &[Token<'_>], out: &mut [f32]) {
    match isa {
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => unsafe { avx512::product(row, tokens, out) },
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => unsafe { avx_vnni::product(row, tokens, out) },
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::product(row, tokens, out) },
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::Ssse3 => unsafe { ssse3::product(row, tokens, out) },
        _ => plain::product(row, tokens, out),
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

/// Makes `product` of the steps in scope: `Weights`, 32 bytes of them as the tier wants them, by `weights`; `Floats`, eight
/// floats; `sums`, the sums of a block as floats; `zero`, `splat`, `half` (an fp16 as float in all lanes), `times`, `plus`,
/// `store`.
macro_rules! products {
    ($(#[$feature:meta])?) => {
        use super::super::{BLOCK, Q8_BLOCK, SUMS, Token, reduce};
        use crate::kernel::prefetch;

        $(#[$feature])?
        pub(in super::super) fn product(row: &[u8], tokens: &[Token<'_>], out: &mut [f32]) {
            match *tokens {
                [a, b, c, d] => tile([a, b, c, d], row, out),
                [a] => tile([a], row, out),
                _ => unreachable!("no tile of {} tokens", tokens.len()),
            }
        }

        /// The scale of a block, and its weights.
        #[inline]
        $(#[$feature])?
        fn block_of(block: &[u8; Q8_BLOCK]) -> (Floats, Weights) {
            let Some((scale, values)) = block.split_first_chunk::<2>() else {
                unreachable!("a block begins with its scale");
            };
            let Some(values) = values.first_chunk::<BLOCK>() else {
                unreachable!("a block holds 32 bytes");
            };
            (half(u16::from_le_bytes(*scale)), weights(values))
        }

        $(#[$feature])?
        fn tile<const M: usize>(mut tokens: [Token<'_>; M], row: &[u8], out: &mut [f32]) {
            let blocks = row.as_chunks::<Q8_BLOCK>().0;
            for j in 0..M {
                tokens[j].values = &tokens[j].values[..blocks.len()];
                tokens[j].scales = &tokens[j].scales[..blocks.len()];
            }
            let mut totals = [[zero(); 2]; M];
            let (pairs, last) = blocks.as_chunks::<2>();
            for (at, pair) in pairs.iter().enumerate() {
                for (odd, block) in pair.iter().enumerate() {
                    prefetch(block.as_ptr());
                    let (scale, values) = block_of(block);
                    for j in 0..M {
                        let b = 2 * at + odd;
                        let sums = times(sums(&values, &tokens[j].values[b]), splat(tokens[j].scales[b]));
                        totals[j][odd] = plus(totals[j][odd], times(sums, scale));
                    }
                }
            }
            if let [block] = last {
                let (scale, values) = block_of(block);
                for j in 0..M {
                    let b = blocks.len() - 1;
                    let sums = times(sums(&values, &tokens[j].values[b]), splat(tokens[j].scales[b]));
                    totals[j][0] = plus(totals[j][0], times(sums, scale));
                }
            }
            for j in 0..M {
                let mut lanes = [0.0; 2 * SUMS];
                let (first, second) = lanes.split_at_mut(SUMS);
                store(first, totals[j][0]);
                store(second, totals[j][1]);
                out[j] = reduce(lanes);
            }
        }
    };
}

use products;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Q8Activations, multiply_q8_with};
    use crate::dense::{Dense, Q8Matrix};
    use crate::isa::Isa;
    use crate::pool::Pool;

    fn product(isa: Isa, w: &Q8Matrix, x: &[f32], m: usize, pool: &Pool) -> Vec<f32> {
        let mut quantised = Q8Activations::new();
        quantised.quantize(x, m, w.cols());
        let mut out = vec![f32::NAN; m * w.rows()];
        multiply_q8_with(isa, w, &quantised, &mut out, pool);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_tier_gives_the_same_floats_near_the_exact_ones(
            rows in 1..40_usize,
            blocks in 1..8_usize,
            m in 1..11_usize,
            weights in prop::collection::vec(any::<i8>(), 40 * 8 * 32),
            x in prop::collection::vec(-5.0..5.0_f32, 11 * 8 * 32),
        ) {
            let pool = Pool::new(2);
            let cols = 32 * blocks;
            let mut bytes = Vec::new();
            for block in weights.as_chunks::<32>().0.iter().take(rows * blocks) {
                bytes.extend(half::f16::from_f32(f32::from(block[0]) / 300.0).to_le_bytes());
                bytes.extend(block.iter().map(|w| w.cast_unsigned()));
            }
            let w = Q8Matrix::copied(&bytes, rows, cols).unwrap();
            let x = &x[..m * cols];
            let expected = product(Isa::Scalar, &w, x, m, &pool);
            for isa in Isa::supported() {
                prop_assert_eq!(&product(isa, &w, x, m, &pool), &expected, "{}", isa.name());
                for (token, x) in x.chunks_exact(cols).enumerate() {
                    let alone = product(isa, &w, x, 1, &pool);
                    prop_assert_eq!(&alone[..], &expected[token * rows..][..rows], "{} alone", isa.name());
                }
            }
            let mut row = vec![0.0; cols];
            for r in 0..rows {
                w.row_f32(r, &mut row);
                for (token, x) in x.chunks_exact(cols).enumerate() {
                    let exact: f64 = row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                    // Half a step of every value, at worst all on one side.
                    let bound: f64 = row
                        .chunks(32)
                        .zip(x.chunks(32))
                        .map(|(w, x)| {
                            let max = x.iter().fold(0.0, |max: f32, x| max.max(x.abs()));
                            w.iter().map(|w| f64::from(w.abs() * max)).sum::<f64>() / 253.0
                        })
                        .sum();
                    let error = (f64::from(expected[token * rows + r]) - exact).abs();
                    prop_assert!(error <= bound + 1e-5, "{error} above {bound}");
                }
            }
        }
    }

    #[test]
    fn extremes_do_not_overflow_in_any_tier() {
        let pool = Pool::new(1);
        for weight in [i8::MIN, -127, 127] {
            let mut bytes = Vec::new();
            for _ in 0..3 {
                bytes.extend(half::f16::ONE.to_le_bytes());
                bytes.extend([weight.cast_unsigned(); 32]);
            }
            let w = Q8Matrix::copied(&bytes, 1, 96).unwrap();
            for x in [127.0, -127.0] {
                // 127 at a scale of 1.
                let expected = 96.0 * f32::from(weight) * x;
                for isa in Isa::supported() {
                    assert_eq!(product(isa, &w, &[x; 96], 1, &pool), [expected], "{}", isa.name());
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        let pool = Pool::new(1);
        let mut bytes = half::f16::ONE.to_le_bytes().to_vec();
        bytes.extend([1; 32]);
        let w = Q8Matrix::copied(&bytes, 1, 32).unwrap();
        let mut x = [1.0; 32];
        x[5] = f32::INFINITY;
        for isa in Isa::supported() {
            assert!(product(isa, &w, &x, 1, &pool)[0].is_nan(), "{}", isa.name());
        }
    }
}
