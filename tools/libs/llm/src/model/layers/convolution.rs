//! The short causal convolution over time at the beginning of Mamba layers (arXiv 2312.00752): depthwise, followed by silu.

use sigmavault_ternary::Pool;

use super::ops;
use crate::model::network::Pass;
use crate::model::parallel::{self, ROWS};

/// The weights of a convolution.
#[derive(Debug)]
pub struct Convolution {
    /// `[tokens seen][channels]`, the oldest token first.
    taps: Vec<f32>,
    bias: Vec<f32>,
}

/// Some columns of the rows of a pass.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// The rows.
    pub rows: &'a [f32],
    /// Numbers of a row.
    pub width: usize,
    /// The first of the columns.
    pub first: usize,
}

impl Convolution {
    /// Converts weights from the layout of files, in which the taps of a channel are contiguous.
    pub fn new(weights: &[f32], bias: Vec<f32>) -> Self {
        let kernel = weights.len() / bias.len();
        // SIMD needs the taps of a time to be contiguous.
        let taps = (0..kernel)
            .flat_map(|tap| weights.iter().skip(tap).step_by(kernel))
            .copied()
            .collect();
        Self { taps, bias }
    }

    /// The size of the state of a convolution of `channels` over `kernel` tokens.
    pub fn memory(channels: usize, kernel: usize) -> usize {
        (kernel - 1) * channels
    }

    /// Computes `out`, a row of channels for each token. The tokens before the pass are at `at` in each sequence's state, the latest last.
    pub fn apply(
        &self,
        input: Columns<'_>,
        pass: &mut Pass<'_, '_>,
        at: usize,
        out: &mut Vec<f32>,
        pool: &Pool,
    ) {
        let channels = self.bias.len();
        let before = self.taps.len() / channels - 1;
        let input = |row: usize| &input.rows[row * input.width + input.first..][..channels];
        out.resize(pass.rows * channels, 0.0);
        for segment in pass.segments {
            let state = &mut pass.sequences[segment.sequence].state[at..][..before * channels];
            let rows = segment.rows.clone();
            let sums = &mut out[rows.start * channels..rows.end * channels];
            {
                let state = &*state;
                parallel::pieces(pool, sums, channels * ROWS, &|piece, sums| {
                    for (i, sums) in sums.chunks_exact_mut(channels).enumerate() {
                        let token = piece * ROWS + i;
                        sums.copy_from_slice(&self.bias);
                        for (tap, weights) in self.taps.chunks_exact(channels).enumerate() {
                            // Taps before this sequence's part of the pass come from the state.
                            let time = token + tap;
                            let seen = if time < before {
                                &state[time * channels..][..channels]
                            } else {
                                input(rows.start + time - before)
                            };
                            for ((o, w), x) in sums.iter_mut().zip(weights).zip(seen) {
                                *o += w * x;
                            }
                        }
                        ops::silu(sums);
                    }
                });
            }
            let kept = before.saturating_sub(rows.len());
            state.copy_within((before - kept) * channels.., 0);
            for (slot, row) in state[kept * channels..]
                .chunks_exact_mut(channels)
                .zip(rows.end + kept - before..)
            {
                slot.copy_from_slice(input(row));
            }
        }
    }
}
