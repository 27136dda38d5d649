//! The gated feed-forward part of a layer (arXiv 2002.05202).

use sigmavault_ternary::Pool;

use super::context::Context;
use super::linear::Linear;
use super::ops;
use crate::inference::ForwardError;
use crate::model::parallel::{self, ROWS};

/// The activation of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// `x * sigmoid(x)`.
    Silu,
    /// `max(x, 0)^2`, as `BitNet` b1.58 2B4T has it.
    SquareRelu,
}

impl Gate {
    fn apply(self, gate: &mut [f32], up: &[f32]) {
        match self {
            Self::Silu => ops::silu_times(gate, up),
            Self::SquareRelu => ops::square_relu_times(gate, up),
        }
    }
}

/// The weights of a feed-forward part.
#[derive(Debug)]
pub struct FeedForward {
    /// The activation of the gate.
    pub kind: Gate,
    /// The gate projection.
    pub gate: Linear,
    /// The up projection.
    pub up: Linear,
    /// The down projection.
    pub down: Linear,
    /// The normalisation before the down projection (`BitNet`), with its epsilon.
    pub sub_norm: Option<(Vec<f32>, f32)>,
}

/// Buffers of feed-forward parts.
#[derive(Debug, Default)]
pub struct Work {
    gate: Vec<f32>,
    up: Vec<f32>,
}

impl FeedForward {
    /// Bytes of its matrices.
    pub fn bytes(&self) -> usize {
        self.gate.bytes() + self.up.bytes() + self.down.bytes()
    }

    /// Computes `out`, the part's contribution to `rows` rows, from their normalised form `normed`.
    pub fn apply(
        &self,
        normed: &[f32],
        rows: usize,
        context: &mut Context<'_>,
        work: &mut Work,
        out: &mut Vec<f32>,
    ) -> Result<(), ForwardError> {
        context.products(
            normed,
            rows,
            &mut [(&self.gate, &mut work.gate), (&self.up, &mut work.up)],
        )?;
        self.pass_gate(&mut work.gate, &work.up, context.pool);
        context.product(&self.down, &work.gate, rows, out)
    }

    /// Whether all products accept inputs quantised to bytes.
    pub fn takes_bytes(&self) -> bool {
        [&self.gate, &self.up, &self.down]
            .into_iter()
            .all(Linear::takes_bytes)
    }

    /// Computes the input of the down projection, in place of the gate.
    pub fn pass_gate(&self, gate: &mut [f32], up: &[f32], pool: &Pool) {
        let Some((weight, epsilon)) = &self.sub_norm else {
            // Split by elements, so that threads share even a single row.
            let size = (gate.len() / (4 * pool.active()))
                .clamp(512, 1 << 14)
                .next_multiple_of(64);
            return parallel::pieces(pool, gate, size, &|piece, gate| {
                self.kind.apply(gate, &up[piece * size..][..gate.len()]);
            });
        };
        let width = self.gate.rows();
        parallel::pieces(pool, gate, width * ROWS, &|piece, gate| {
            let up = up[piece * width * ROWS..].chunks_exact(width);
            for (gate, up) in gate.chunks_exact_mut(width).zip(up) {
                self.kind.apply(gate, up);
                ops::rms_norm_in_place(gate, weight, *epsilon);
            }
        });
    }
}
