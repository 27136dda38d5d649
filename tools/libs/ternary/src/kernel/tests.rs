//! Every tier is compared with the scalar one, which itself is compared with plain floats.

use proptest::prelude::*;

use super::tiles;
use crate::activations::{Activations, Precision};
use crate::isa::Isa;
use crate::multiply::multiply_with;
use crate::panel::{Encoding, PanelMatrix};
use crate::pool::Pool;

const PRECISIONS: [Precision; 3] = [
    Precision::Int8PerToken,
    Precision::Int8Blocks,
    Precision::Int16Blocks,
];

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| (self.next() >> 56) as u8).collect()
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n)
            .map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0)
            .collect()
    }
}

/// The kind of weights with one scale per tensor, and code 3.
const SHARED: usize = 4;

/// Random weights with small positive and negative fp16 scales. `code`: all weights have this code.
fn weights(random: &mut Random, kind: usize, rows: usize, cols: usize, code: Option<u8>) -> PanelMatrix {
    let fill = |random: &mut Random, n| code.map_or_else(|| random.bytes(n), |code| vec![code * 0x55; n]);
    let mut blocks = |size: usize, count: usize, scale_last: bool| {
        let mut bytes = Vec::new();
        for _ in 0..count {
            let scale = (random.next() >> 40) as f32 / (1 << 24) as f32 - 0.5;
            // Some are subnormal or zero.
            let tiny = [1e-6, 0.0].get(random.next() as usize % 64).copied();
            let scale = if kind == SHARED {
                0.37
            } else {
                tiny.unwrap_or(scale)
            };
            let scale = half::f16::from_f32(scale).to_le_bytes();
            if !scale_last {
                bytes.extend(scale);
            }
            bytes.extend(fill(random, size - 2));
            if scale_last {
                bytes.extend(scale);
            }
        }
        bytes
    };
    let (encoding, bytes, scale) = match kind {
        0 => (
            Encoding::Q2_0 { group: 64 },
            blocks(18, rows * cols / 64, false),
            None,
        ),
        1 => (
            Encoding::Q2_0 { group: 128 },
            blocks(34, rows * cols / 128, false),
            None,
        ),
        2 | SHARED => (Encoding::Tq2_0, blocks(66, rows * cols / 256, true), None),
        _ => {
            let mut bytes = fill(random, rows * cols / 4);
            // Code 3 does not occur in this format.
            for byte in &mut bytes {
                *byte &= !(*byte >> 1 & 0x55);
            }
            (Encoding::BitnetPacked, bytes, Some(0.37))
        }
    };
    PanelMatrix::pack(encoding, &bytes, rows, cols, scale).unwrap()
}

fn product(isa: Isa, w: &PanelMatrix, x: &Activations, pool: &Pool) -> Vec<u32> {
    let mut out = vec![f32::NAN; x.m() * w.rows()];
    multiply_with(isa, w, x, &mut out, pool);
    out.into_iter().map(f32::to_bits).collect()
}

fn all_equal(w: &PanelMatrix, x: &Activations, pool: &Pool) {
    let expected = product(Isa::Scalar, w, x, pool);
    for isa in Isa::supported() {
        assert_eq!(
            product(isa, w, x, pool),
            expected,
            "{} {:?} m {}",
            isa.name(),
            x.precision(),
            x.m()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_tier_gives_the_floats_of_the_scalar_one(
        seed in 1..u64::MAX,
        kind in 0..5_usize,
        rows in 1..9_usize,
        blocks in 1..6_usize,
        m in 1..40_usize,
        precision in 0..3_usize,
    ) {
        let random = &mut Random(seed);
        let pool = Pool::new(2);
        let (rows, cols) = (rows * 4, blocks * [64, 128, 256, 1, 256][kind] + if kind == 3 { 33 } else { 0 });
        let w = weights(random, kind, rows, cols, None);
        let mut x = Activations::new();
        x.quantize(&random.floats(m * cols), m, cols, PRECISIONS[precision]);
        all_equal(&w, &x, &pool);
    }
}

#[test]
fn extremes_do_not_overflow_in_any_tier() {
    let pool = Pool::new(1);
    let random = &mut Random(7);
    let cols = 5 * 256;
    for kind in 0..5 {
        for code in [0, 2, 3] {
            if kind == 3 && code == 3 {
                continue;
            }
            let w = weights(random, kind, 20, cols, Some(code));
            for precision in PRECISIONS {
                for m in [1, 2, 3, 5, 8, 16] {
                    for value in [i8::MIN, -127, 127] {
                        let x = Activations::extreme(m, cols, precision, value);
                        all_equal(&w, &x, &pool);
                    }
                }
            }
        }
    }
}

#[test]
fn a_token_does_not_depend_on_those_beside_it() {
    let pool = Pool::new(2);
    let random = &mut Random(11);
    for kind in 0..5 {
        let w = weights(random, kind, 40, 1024, None);
        let floats = random.floats(23 * 1024);
        for precision in PRECISIONS {
            for isa in Isa::supported() {
                let mut x = Activations::new();
                x.quantize(&floats, 23, 1024, precision);
                let together = product(isa, &w, &x, &pool);
                for (token, floats) in floats.chunks_exact(1024).enumerate() {
                    x.quantize(floats, 1, 1024, precision);
                    assert_eq!(
                        product(isa, &w, &x, &pool),
                        together[token * 40..][..40],
                        "{}",
                        isa.name()
                    );
                }
            }
        }
    }
}

#[test]
fn products_are_those_of_floats() {
    let pool = Pool::new(1);
    let random = &mut Random(3);
    let (rows, cols, m) = (33, 768, 3);
    // Errors relative to the root of the sum of squares, for values spread evenly: half a step is 1/254 of the maximum.
    for (precision, bound) in PRECISIONS.into_iter().zip([0.02, 0.02, 1e-4]) {
        for kind in 0..3 {
            let w = weights(random, kind, rows, cols, None);
            let floats = random.floats(m * cols);
            let mut x = Activations::new();
            x.quantize(&floats, m, cols, precision);
            let mut out = vec![0.0; m * rows];
            multiply_with(Isa::Scalar, &w, &x, &mut out, &pool);
            let mut row = vec![0.0; cols];
            for r in 0..rows {
                w.row_f32(r, &mut row);
                for (token, floats) in floats.chunks_exact(cols).enumerate() {
                    let exact: f64 = row
                        .iter()
                        .zip(floats)
                        .map(|(w, x)| f64::from(*w) * f64::from(*x))
                        .sum();
                    let norm: f64 = row
                        .iter()
                        .zip(floats)
                        .map(|(w, x)| f64::from(w * x).powi(2))
                        .sum();
                    let error = (f64::from(out[token * rows + r]) - exact).abs() / norm.sqrt();
                    assert!(error < bound, "{precision:?} kind {kind}: {error}");
                }
            }
        }
    }
}

#[test]
fn every_number_of_tokens_can_be_tiled() {
    for isa in Isa::ALL {
        for planes in [1, 2] {
            let sizes = tiles(isa, planes);
            assert!(sizes.is_sorted_by(|a, b| a > b) && sizes.last() == Some(&1));
        }
    }
}
