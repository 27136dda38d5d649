//! The product of a matrix with floats.
#![allow(unsafe_code)] // the choice of a tier, and outputs that threads write side by side

use super::dot::{self, Row};
use super::matrix::{Dense, Kind};
use crate::isa::Isa;
use crate::outputs::SharedOutput;
use crate::pool::Pool;
use crate::runs;

/// Bytes of rows that a thread takes at once.
const BLOCK_BYTES: usize = 64 << 10;

/// `out[t][r] = sum over k of w[r][k] * x[t][k]`, for `m` tokens, row-major by token.
///
/// # Panics
/// If `x` is not `m * w.cols()` long, or `out` is not `m * w.rows()` long.
pub fn multiply_dense(w: &impl Dense, x: &[f32], m: usize, out: &mut [f32], pool: &Pool) {
    multiply_dense_with(Isa::active(), w, x, m, out, pool);
}

/// [`multiply_dense`] with a given tier, for tests and measurements.
///
/// # Panics
/// Like [`multiply_dense`], and if the processor does not support the tier.
pub fn multiply_dense_with(isa: Isa, w: &impl Dense, x: &[f32], m: usize, out: &mut [f32], pool: &Pool) {
    let w = w.rows_of();
    assert!(isa.is_supported(), "{} is not on this processor", isa.name());
    assert_eq!(
        x.len(),
        m * w.cols(),
        "activations of {m} tokens x {} columns",
        w.cols()
    );
    assert_eq!(
        out.len(),
        m * w.count(),
        "outputs of {m} tokens x {} rows",
        w.count()
    );
    let x: Vec<&[f32]> = x.chunks_exact(w.cols()).collect();
    let out = SharedOutput(out.as_mut_ptr());
    let sizes = dot::tiles(isa);
    let block = (BLOCK_BYTES / w.stride())
        .max(1)
        .min(w.count().div_ceil(4 * pool.active()));
    let weights = |part: usize| w.rows_from(part * block);
    runs::share(pool, w.count().div_ceil(block), &weights, &|part| {
        let mut numbers = Vec::new();
        for row in part * block..((part + 1) * block).min(w.count()) {
            let weights = match w.kind() {
                Kind::F16 => Row::F16(w.row(row)),
                Kind::Q8 => Row::Q8(w.row(row)),
                Kind::Blocks(kind) => {
                    numbers.resize(w.cols(), 0.0);
                    // SAFETY: the tier was checked above.
                    unsafe { dot::take_apart(isa, kind, w.row(row), &mut numbers) };
                    Row::F32(&numbers)
                }
            };
            let mut first = 0;
            while first < m {
                let tokens = sizes.iter().copied().find(|size| *size <= m - first).unwrap_or(1);
                let mut outputs = [0.0; 4];
                // SAFETY: the tier was checked above.
                unsafe { dot::row(isa, weights, &x[first..], &mut outputs[..tokens]) };
                for (token, output) in outputs[..tokens].iter().enumerate() {
                    // SAFETY: within `out`, whose length was checked; no other part has this row.
                    unsafe { out.write((first + token) * w.count() + row, &[*output]) };
                }
                first += tokens;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::multiply_dense_with;
    use crate::dense::matrix::{Dense, F16Matrix, Q8Matrix, QuantMatrix};
    use crate::dense::quants::{Quant, tests::blocks};
    use crate::isa::Isa;
    use crate::pool::Pool;

    fn check(w: &impl Dense, x: &[f32], m: usize) {
        let pool = Pool::new(2);
        let mut expected = vec![0.0; m * w.rows()];
        multiply_dense_with(Isa::Scalar, w, x, m, &mut expected, &pool);
        let mut row = vec![0.0; w.cols()];
        for r in 0..w.rows() {
            w.row_f32(r, &mut row);
            for t in 0..m {
                let products = row
                    .iter()
                    .zip(&x[t * w.cols()..])
                    .map(|(w, x)| f64::from(*w) * f64::from(*x));
                let (sum, size) = products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
                assert!(
                    (f64::from(expected[t * w.rows() + r]) - sum).abs() <= 1e-5 * size,
                    "row {r} token {t}"
                );
            }
        }
        for isa in Isa::supported() {
            let mut out = vec![f32::NAN; m * w.rows()];
            multiply_dense_with(isa, w, x, m, &mut out, &pool);
            assert!(
                out.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()),
                "{}",
                isa.name()
            );
            for t in 0..m {
                let mut alone = vec![f32::NAN; w.rows()];
                multiply_dense_with(isa, w, &x[t * w.cols()..][..w.cols()], 1, &mut alone, &pool);
                assert_eq!(alone, out[t * w.rows()..][..w.rows()], "token {t} alone");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn every_tier_gives_the_same_floats(
            rows in 1..20_usize,
            cols in 1..200_usize,
            m in 1..9_usize,
            weights in prop::collection::vec(-300.0..300.0_f32, 20 * 200),
            x in prop::collection::vec(-5.0..5.0_f32, 9 * 200),
        ) {
            let halves: Vec<u8> =
                weights.iter().flat_map(|w| half::f16::from_f32(*w).to_le_bytes()).take(2 * rows * cols).collect();
            check(&F16Matrix::copied(&halves, rows, cols).unwrap(), &x[..m * cols], m);
            let cols = cols.next_multiple_of(32).min(192);
            let mut blocks = Vec::new();
            for block in weights.chunks(32).take(rows * cols / 32) {
                blocks.extend(half::f16::from_f32(block[0] / 300.0).to_le_bytes());
                blocks.extend(block.iter().map(|w| ((w / 2.4) as i8).cast_unsigned()));
            }
            check(&Q8Matrix::copied(&blocks, rows, cols).unwrap(), &x[..m * cols], m);
        }

        #[test]
        fn every_tier_gives_the_same_floats_of_blocks(
            rows in 1..10_usize,
            count in 1..3_usize,
            m in 1..9_usize,
            seed: u64,
            x in prop::collection::vec(-5.0..5.0_f32, 9 * 512),
        ) {
            for kind in Quant::ALL {
                let cols = kind.columns() * count;
                let w = QuantMatrix::copied(kind, &blocks(kind, rows * count, seed), rows, cols).unwrap();
                check(&w, &x[..m * cols], m);
            }
        }
    }
}
