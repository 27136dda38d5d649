use proptest::prelude::*;

use super::{Product, Q8Activations, Quantised, multiply_each, multiply_q8, multiply_q8_with};
use crate::dense::quants::tests::blocks as noise;
use crate::dense::{Dense, Q8Matrix, Quant, QuantMatrix};
use crate::isa::Isa;
use crate::pool::Pool;

fn product(isa: Isa, w: &impl Quantised, x: &[f32], m: usize, pool: &Pool) -> Vec<f32> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_tier_gives_the_same_floats_of_blocks_near_the_exact_ones(
        rows in 1..12_usize,
        count in 1..4_usize,
        m in 1..11_usize,
        seed: u64,
        x in prop::collection::vec(-5.0..5.0_f32, 11 * 3 * 256),
    ) {
        let pool = Pool::new(2);
        let all = &x;
        for kind in Quant::ALL {
            let cols = kind.columns() * count;
            let x = &all[..m * cols];
            let w = QuantMatrix::copied(kind, &noise(kind, rows * count, seed), rows, cols).unwrap();
            let expected = product(Isa::Scalar, &w, x, m, &pool);
            for isa in Isa::supported() {
                let found = product(isa, &w, x, m, &pool);
                prop_assert_eq!(&found, &expected, "{} {}", kind.name(), isa.name());
                for (token, x) in x.chunks_exact(cols).enumerate() {
                    let alone = product(isa, &w, x, 1, &pool);
                    let beside = &expected[token * rows..][..rows];
                    prop_assert_eq!(&alone[..], beside, "{} {} alone", kind.name(), isa.name());
                }
            }
            let mut row = vec![0.0; cols];
            for r in 0..rows {
                w.row_f32(r, &mut row);
                for (token, x) in x.chunks_exact(cols).enumerate() {
                    let exact: f64 = row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                    // Half a step of every value, at worst all on one side; and sums of floats of up to 8 x 63, the largest
                    // code times the largest scale, of which the number is what the offset leaves.
                    let bound: f64 = row
                        .chunks(32)
                        .zip(x.chunks(32))
                        .map(|(w, x)| {
                            let max = x.iter().fold(0.0, |max: f32, x| max.max(x.abs()));
                            w.iter().map(|w| f64::from(w.abs() * max)).sum::<f64>() / 253.0
                                + 1e-6 * f64::from(max) * 32.0 * 500.0
                        })
                        .sum();
                    let error = (f64::from(expected[token * rows + r]) - exact).abs();
                    prop_assert!(error <= bound, "{} {error} above {bound}", kind.name());
                }
            }
        }
    }
}

#[test]
fn extremes_of_blocks_do_not_overflow_in_any_tier() {
    let pool = Pool::new(1);
    let one = half::f16::ONE.to_le_bytes();
    for kind in Quant::ALL {
        for (codes, scale) in [(0xff, 0x7f), (0xff, 0x80), (0xff, 0xff), (0, 0xff), (0, 0x80)] {
            let mut block = vec![codes; kind.block_bytes()];
            let scales = match kind {
                Quant::Q2K => 0..16,
                Quant::Q3K => 96..108,
                Quant::Q4K | Quant::Q5K => 4..16,
                Quant::Q6K => 192..208,
                _ => 0..0,
            };
            block[scales].fill(scale);
            for half in kind.halves() {
                block[*half..half + 2].copy_from_slice(&one);
            }
            let cols = kind.columns();
            let w = QuantMatrix::copied(kind, &block, 1, cols).unwrap();
            let mut row = vec![0.0; cols];
            w.row_f32(0, &mut row);
            for x in [127.0, -127.0] {
                // 127 at a scale of 1; floats of this size are 4 apart.
                let expected: f64 = row.iter().map(|w| f64::from(w * x)).sum();
                for isa in Isa::supported() {
                    let found = product(isa, &w, &vec![x; cols], 1, &pool);
                    let off = (f64::from(found[0]) - expected).abs();
                    assert!(off <= 64.0, "{} {} {off}", kind.name(), isa.name());
                }
            }
        }
    }
}

#[test]
fn what_is_not_finite_in_a_product_of_blocks_is_not_hidden() {
    let pool = Pool::new(1);
    for kind in Quant::ALL {
        let cols = kind.columns();
        for blocks in [noise(kind, 1, 3), vec![0; kind.block_bytes()]] {
            let w = QuantMatrix::copied(kind, &blocks, 1, cols).unwrap();
            for (at, value) in [
                (5, f32::INFINITY),
                (cols - 1, f32::NAN),
                (cols / 2 - 3, f32::NEG_INFINITY),
            ] {
                let mut x = vec![1.0; cols];
                x[at] = value;
                for isa in Isa::supported() {
                    let found = product(isa, &w, &x, 1, &pool);
                    assert!(found[0].is_nan(), "{} {}", kind.name(), isa.name());
                }
            }
        }
    }
}

#[test]
fn shapes_are_whole_blocks() {
    for kind in Quant::ALL {
        let (size, cols) = (kind.block_bytes(), kind.columns());
        assert!(QuantMatrix::copied(kind, &vec![0; 2 * size], 1, 2 * cols).is_ok());
        assert!(QuantMatrix::copied(kind, &vec![0; 2 * size - 1], 1, 2 * cols).is_err());
        assert!(QuantMatrix::copied(kind, &vec![0; size], 1, cols - 16).is_err());
    }
}

#[test]
fn products_in_one_go_are_those_one_after_the_other() {
    let pool = Pool::new(2);
    let matrices = [Quant::Q4K, Quant::Q4_1, Quant::Q6K].map(|kind| {
        let blocks = 512 / kind.columns();
        QuantMatrix::copied(kind, &noise(kind, blocks * 70, 7), 70, 512).unwrap()
    });
    let input: Vec<f32> = (0..7 * 512)
        .map(|n| ((n * 37 % 101) as f32 - 50.0) / 9.0)
        .collect();
    let mut x = Q8Activations::new();
    x.quantize(&input, 7, 512);
    let tokens: [&[usize]; 3] = [&[6, 0, 3], &[], &[5, 1, 2, 3, 4, 6, 0]];
    let mut outputs = tokens.map(|tokens| vec![f32::NAN; 70 * tokens.len()]);
    let mut products: Vec<Product<'_>> = matrices
        .iter()
        .zip(tokens)
        .zip(&mut outputs)
        .map(|((w, tokens), out)| Product::new(w, &x, tokens.iter().copied(), out))
        .collect();
    multiply_each(&mut products, &pool);
    for ((w, tokens), found) in matrices.iter().zip(tokens).zip(&outputs) {
        let mut all = vec![f32::NAN; 7 * 70];
        multiply_q8(w, &x, &mut all, &pool);
        let expected: Vec<f32> = tokens
            .iter()
            .flat_map(|token| &all[70 * token..][..70])
            .copied()
            .collect();
        assert_eq!(found, &expected);
    }
}
