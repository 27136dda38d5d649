//! The weights of RWKV-7.

use sigmavault_ternary::Pool;

use crate::model::layers::linear::Linear;
use crate::model::layers::ops;
use crate::model::parallel::{self, ROWS};

/// The epsilon of the other normalisations.
pub(in crate::model) const EPSILON: f32 = 1e-5;

/// Weight and bias of a layer normalisation.
#[derive(Debug)]
pub struct Norm {
    pub(in crate::model) weight: Vec<f32>,
    pub(in crate::model) bias: Vec<f32>,
}

impl Norm {
    pub(in crate::model) fn apply(&self, rows: &mut [f32], pool: &Pool) {
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
    pub(in crate::model) down: Linear,
    pub(in crate::model) up: Linear,
    /// The bias; the gate has none.
    pub(in crate::model) bias: Vec<f32>,
}

/// The weights of a layer.
#[derive(Debug)]
pub struct Layer {
    pub(in crate::model) time_norm: Norm,
    pub(in crate::model) channel_norm: Norm,
    /// The share of the previous token in r, w, k, v, a and g.
    pub(in crate::model) lerps: [Vec<f32>; 6],
    pub(in crate::model) decay: LowRank,
    pub(in crate::model) rate: LowRank,
    /// `None` in the first layer.
    pub(in crate::model) value_mix: Option<LowRank>,
    pub(in crate::model) gate: LowRank,
    pub(in crate::model) key_scale: Vec<f32>,
    pub(in crate::model) key_rate: Vec<f32>,
    pub(in crate::model) bonus: Vec<f32>,
    pub(in crate::model) receptance: Linear,
    pub(in crate::model) key: Linear,
    pub(in crate::model) value: Linear,
    pub(in crate::model) output: Linear,
    pub(in crate::model) head_norm: Norm,
    pub(in crate::model) channel_lerp: Vec<f32>,
    pub(in crate::model) channel_key: Linear,
    pub(in crate::model) channel_value: Linear,
}

impl Layer {
    pub(in crate::model) fn matrices(&self) -> Vec<&Linear> {
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
