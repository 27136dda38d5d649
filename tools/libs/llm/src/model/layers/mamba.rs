//! The Mamba layer (arXiv 2312.00752), in its recurrent form, even for prompts.

use sigmavault_ternary::Pool;

use super::context::Context;
use super::convolution::{Columns, Convolution};
use super::linear::Linear;
use super::ops;
use crate::inference::ForwardError;
use crate::model::network::Pass;
use crate::model::parallel::{self, ROWS};

/// The channels that one thread computes over time.
const STRIP: usize = 64;

/// The sizes of a layer.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// The number of channels.
    pub inner: usize,
    /// The number of states per channel.
    pub states: usize,
    /// The width of the convolution in tokens.
    pub kernel: usize,
    /// The rank of the projection to time steps.
    pub rank: usize,
}

impl Sizes {
    /// The size of the input-dependent parameters: for time steps, and the input and output vectors of the states.
    pub fn selected(self) -> usize {
        self.rank + 2 * self.states
    }

    /// The size of a sequence's state: the convolution's past, then the channels' states.
    pub fn memory(self) -> usize {
        Convolution::memory(self.inner, self.kernel) + self.inner * self.states
    }
}

/// The weights of a layer.
#[derive(Debug)]
pub struct Mamba {
    /// Its sizes.
    pub sizes: Sizes,
    /// The offset of its state in that of a sequence.
    pub at: usize,
    /// The projection to channels and gate.
    pub input: Linear,
    /// The convolution of the channels.
    pub convolution: Convolution,
    /// The projection to the input-dependent parameters.
    pub selection: Linear,
    /// The projection to the channels' time steps.
    pub step: Linear,
    /// Added to the time steps before softplus.
    pub step_bias: Vec<f32>,
    /// The decay of each state of each channel, negative.
    pub decay: Vec<f32>,
    /// The skip connection of each channel.
    pub skip: Vec<f32>,
    /// The output projection.
    pub output: Linear,
}

/// Buffers of Mamba layers.
#[derive(Debug, Default)]
pub struct Work {
    projected: Vec<f32>,
    convolved: Vec<f32>,
    selected: Vec<f32>,
    ranks: Vec<f32>,
    steps: Vec<f32>,
    scanned: Vec<f32>,
    gated: Vec<f32>,
}

/// Some channels of one segment.
struct Task<'a> {
    segment: usize,
    first: usize,
    states: &'a mut [f32],
    out: &'a mut [f32],
}

impl Mamba {
    /// Its matrices.
    pub fn matrices(&self) -> [&Linear; 4] {
        [&self.input, &self.selection, &self.step, &self.output]
    }

    /// Computes `out`, the layer's contribution to the rows, from their normalised form `normed`.
    pub fn apply(
        &self,
        normed: &[f32],
        pass: &mut Pass<'_, '_>,
        context: &mut Context<'_>,
        work: &mut Work,
        out: &mut Vec<f32>,
    ) -> Result<(), ForwardError> {
        let (rows, pool) = (pass.rows, context.pool);
        context.product(&self.input, normed, rows, &mut work.projected)?;
        let channels = Columns {
            rows: &work.projected,
            width: 2 * self.sizes.inner,
            first: 0,
        };
        self.convolution
            .apply(channels, pass, self.at, &mut work.convolved, pool);
        context.product(&self.selection, &work.convolved, rows, &mut work.selected)?;
        work.ranks.clear();
        for row in work.selected.chunks_exact(self.sizes.selected()) {
            work.ranks.extend_from_slice(&row[..self.sizes.rank]);
        }
        context.product(&self.step, &work.ranks, rows, &mut work.steps)?;
        self.scan(pass, work, pool);
        self.gate(pass, work, pool);
        context.product(&self.output, &work.gated, rows, out)
    }

    /// Advances the channels' states over time.
    fn scan(&self, pass: &mut Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let Sizes {
            inner,
            states,
            kernel,
            rank,
        } = self.sizes;
        let Work {
            convolved,
            selected,
            steps,
            scanned,
            ..
        } = work;
        scanned.resize(pass.rows * inner, 0.0);
        let at = self.at + Convolution::memory(inner, kernel);
        let mut of_sequence: Vec<Option<&mut [f32]>> = pass
            .sequences
            .iter_mut()
            .map(|s| Some(&mut s.state[at..][..inner * states]))
            .collect();
        let mut tasks = Vec::with_capacity(pass.segments.len() * inner.div_ceil(STRIP));
        let mut outputs = scanned.as_mut_slice();
        for (index, segment) in pass.segments.iter().enumerate() {
            let Some(all) = of_sequence[segment.sequence].take() else {
                continue;
            };
            for (strip, states) in all.chunks_mut(STRIP * states).enumerate() {
                let width = STRIP.min(inner - strip * STRIP);
                let (out, rest) = outputs.split_at_mut(segment.rows.len() * width);
                outputs = rest;
                tasks.push(Task {
                    segment: index,
                    first: strip * STRIP,
                    states,
                    out,
                });
            }
        }
        parallel::tasks(pool, tasks, &|_, task| {
            let rows = pass.segments[task.segment].rows.clone();
            let width = task.out.len() / rows.len();
            for (row, out) in rows.zip(task.out.chunks_exact_mut(width)) {
                let (ins, outs) = selected[row * (rank + 2 * states) + rank..][..2 * states].split_at(states);
                for (i, (o, state)) in out
                    .iter_mut()
                    .zip(task.states.chunks_exact_mut(states))
                    .enumerate()
                {
                    let channel = task.first + i;
                    let step = ops::softplus(steps[row * inner + channel] + self.step_bias[channel]);
                    let x = convolved[row * inner + channel];
                    let decay = &self.decay[channel * states..][..states];
                    *o = forget_add_dot(state, decay, step, x, ins, outs) + self.skip[channel] * x;
                }
            }
        });
    }

    /// Joins the strips and applies the gate.
    fn gate(&self, pass: &Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let inner = self.sizes.inner;
        let Work {
            projected,
            scanned,
            gated,
            ..
        } = work;
        gated.resize(pass.rows * inner, 0.0);
        for segment in pass.segments {
            let rows = segment.rows.clone();
            let scanned = &scanned[rows.start * inner..rows.end * inner];
            let gated = &mut gated[rows.start * inner..rows.end * inner];
            parallel::pieces(pool, gated, inner * ROWS, &|piece, gated| {
                for (i, gated) in gated.chunks_exact_mut(inner).enumerate() {
                    let token = piece * ROWS + i;
                    gated.copy_from_slice(&projected[(2 * (rows.start + token) + 1) * inner..][..inner]);
                    ops::silu(gated);
                    for (strip, gated) in gated.chunks_mut(STRIP).enumerate() {
                        let from = strip * STRIP * rows.len() + token * gated.len();
                        for (g, s) in gated.iter_mut().zip(&scanned[from..]) {
                            *g *= s;
                        }
                    }
                }
            });
        }
    }
}

/// One step of a channel: each state decays and adds the value. Returns the inner product of the states with `output`.
fn forget_add_dot(
    state: &mut [f32],
    decay: &[f32],
    step: f32,
    value: f32,
    input: &[f32],
    output: &[f32],
) -> f32 {
    let mut sum = 0.0;
    for (((s, a), i), o) in state.iter_mut().zip(decay).zip(input).zip(output) {
        *s = ops::exp(step * a) * *s + step * i * value;
        sum += *s * o;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_forgets_and_takes_in() {
        let mut state = [4.0, 8.0];
        let sum = forget_add_dot(
            &mut state,
            &[-2f32.ln(), -4f32.ln()],
            1.0,
            3.0,
            &[1.0, 2.0],
            &[1.0, 10.0],
        );
        for (s, expected) in state.iter().zip([5.0, 8.0]) {
            assert!((s - expected).abs() < 1e-5, "{s} is not {expected}");
        }
        assert!((sum - 85.0).abs() < 1e-4, "{sum}");
    }
}
