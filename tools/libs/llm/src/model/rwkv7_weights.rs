//! The weights of RWKV-7.

use sigmavault_ternary::Pool;

use super::linear::Linear;
use super::ops;
use super::parallel::{self, ROWS};

/// The epsilon of the other normalisations.
pub(super) const EPSILON: f32 = 1e-5;

/// Weight and bias of a layer normalisation.
#[derive(Debug)]
pub struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Norm {
    pub(super) fn apply(&self, rows: &mut [f32], pool: &Pool) {
        let width = self.weight.len();
        parallel::pieces(pool, rows, width * ROWS, &|_, rows| {
            for row in rows.chunks_exact_mut(width) {
                ops::layer_norm_in_place(row, &self.weight, &self.bias, EPSILON);
            }
        });
    }
}

/// A low-rank product with a bias.
#[derive(Debug)]
pub struct LowRank {
    pub(super) down: Linear,
    pub(super) up: Linear,
    /// The bias; the gate has none.
    pub(super) bias: Vec<f32>,
}

/// The weights of a layer.
#[derive(Debug)]
pub struct Layer {
    pub(super) time_norm: Norm,
    pub(super) channel_norm: Norm,
    /// The share of the previous token in r, w, k, v, a and g.
    pub(super) lerps: [Vec<f32>; 6],
    pub(super) decay: LowRank,
    pub(super) rate: LowRank,
    /// `None` in the first layer.
    pub(super) value_mix: Option<LowRank>,
    pub(super) gate: LowRank,
    pub(super) key_scale: Vec<f32>,
    pub(super) key_rate: Vec<f32>,
    pub(super) bonus: Vec<f32>,
    pub(super) receptance: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) output: Linear,
    pub(super) head_norm: Norm,
    pub(super) channel_lerp: Vec<f32>,
    pub(super) channel_key: Linear,
    pub(super) channel_value: Linear,
}

impl Layer {
    pub(super) fn matrices(&self) -> Vec<&Linear> {
        let ranks = [&self.decay, &self.rate, &self.gate]
            .into_iter()
            .chain(&self.value_mix);
        let mut all: Vec<&Linear> = ranks.flat_map(|low| [&low.down, &low.up]).collect();
        all.extend([
            &self.receptance,
            &self.key,
            &self.value,
            &self.output,
            &self.channel_key,
            &self.channel_value,
        ]);
        all
    }
}
