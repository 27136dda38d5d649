//! Activations rounded to bytes.

use crate::activations::int8_block;

/// Columns of a block.
pub(super) const BLOCK: usize = 32;
/// Sums of a block.
pub(super) const SUMS: usize = BLOCK / 4;
/// Rows of activations as bytes of -127..=127, with a scale for each 32 columns. A buffer: quantising again reuses its memory.
#[derive(Debug, Default)]
pub struct Q8Activations {
    m: usize,
    k: usize,
    values: Vec<[i8; BLOCK]>,
    scales: Vec<f32>,
    /// Sums of the first and of the second 16 rounded numbers of a block.
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

    /// Quantises `m` rows of `k` floats. If a block holds a value that is not finite, all of its products are NaN.
    ///
    /// # Panics
    /// If `x` is not `m * k` long, or `k` is not a multiple of 32.
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
            let (values, scale) = int8_block(block);
            self.values.push(values);
            self.scales.push(scale);
            let (early, late) = values.split_at(BLOCK / 2);
            first.push(sum(early) * scale);
            second.push(sum(late) * scale);
        }
    }

    pub(super) fn token(&self, token: usize) -> Token<'_> {
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
pub(super) struct Token<'a> {
    pub values: &'a [[i8; BLOCK]],
    pub scales: &'a [f32],
    pub sums: [&'a [f32]; 2],
}
