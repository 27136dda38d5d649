//! The Mamba-2 layer (arXiv 2405.21060), in its recurrent form, even for prompts: the state is small enough to stay in the cache, and
//! heads are distributed among threads.

use sigmavault_ternary::Pool;

use super::context::Context;
use super::convolution::{Columns, Convolution};
use super::linear::Linear;
use super::ops;
use crate::inference::ForwardError;
use crate::model::network::Pass;
use crate::model::parallel::{self, ROWS};

/// The sizes of a layer.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Heads.
    pub heads: usize,
    /// The size of a head.
    pub head: usize,
    /// Groups of heads that share input and output vectors.
    pub groups: usize,
    /// The number of states per element of a head.
    pub states: usize,
    /// The width of the convolution in tokens.
    pub kernel: usize,
}

impl Sizes {
    /// The size of all heads.
    pub fn inner(self) -> usize {
        self.heads * self.head
    }

    /// The channels of the convolution: heads, and the groups' input and output vectors.
    pub fn channels(self) -> usize {
        self.inner() + 2 * self.groups * self.states
    }

    /// The size of a layer's input projection: gate, channels, and a time step for each head.
    pub fn projected(self) -> usize {
        self.inner() + self.channels() + self.heads
    }

    /// The size of a sequence's state: the convolution's past, then the heads' states.
    pub fn memory(self) -> usize {
        Convolution::memory(self.channels(), self.kernel) + self.inner() * self.states
    }
}

/// The weights of a layer.
#[derive(Debug)]
pub struct Mamba2 {
    /// Its sizes.
    pub sizes: Sizes,
    /// The offset of its state in that of a sequence.
    pub at: usize,
    /// The projection to gate, channels and time steps.
    pub input: Linear,
    /// The convolution of the channels.
    pub convolution: Convolution,
    /// Added to the time steps before softplus.
    pub step_bias: Vec<f32>,
    /// The decay of each head, negative.
    pub decay: Vec<f32>,
    /// The skip connection of each head.
    pub skip: Vec<f32>,
    /// The normalisation of each group after the gate.
    pub norm: Vec<f32>,
    /// Its epsilon.
    pub epsilon: f32,
    /// The output projection.
    pub output: Linear,
}

/// Buffers of Mamba layers.
#[derive(Debug, Default)]
pub struct Work {
    projected: Vec<f32>,
    convolved: Vec<f32>,
    scanned: Vec<f32>,
    gated: Vec<f32>,
}

/// One head of one segment.
struct Task<'a> {
    segment: usize,
    head: usize,
    states: &'a mut [f32],
    out: &'a mut [f32],
}

impl Mamba2 {
    /// Its matrices.
    pub fn matrices(&self) -> [&Linear; 2] {
        [&self.input, &self.output]
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
        let pool = context.pool;
        context.product(&self.input, normed, pass.rows, &mut work.projected)?;
        let channels = Columns {
            rows: &work.projected,
            width: self.sizes.projected(),
            first: self.sizes.inner(),
        };
        self.convolution
            .apply(channels, pass, self.at, &mut work.convolved, pool);
        self.scan(pass, work, pool);
        self.gate(pass, work, pool);
        context.product(&self.output, &work.gated, pass.rows, out)
    }

    /// Advances the heads' states over time.
    fn scan(&self, pass: &mut Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let Sizes {
            heads,
            head: size,
            groups,
            states,
            kernel,
        } = self.sizes;
        let (inner, channels, projected) =
            (self.sizes.inner(), self.sizes.channels(), self.sizes.projected());
        let Work {
            projected: input,
            convolved,
            scanned,
            ..
        } = work;
        scanned.resize(pass.rows * inner, 0.0);
        let mut tasks = Vec::with_capacity(pass.segments.len() * heads);
        let mut outputs = scanned.as_mut_slice();
        let mut of_sequence: Vec<Option<&mut [f32]>> = pass
            .sequences
            .iter_mut()
            .map(|s| Some(&mut s.state[self.at + (kernel - 1) * channels..][..inner * states]))
            .collect();
        for (index, segment) in pass.segments.iter().enumerate() {
            let Some(all) = of_sequence[segment.sequence].take() else {
                continue;
            };
            for (head, states) in all.chunks_exact_mut(size * states).enumerate() {
                let (out, rest) = outputs.split_at_mut(segment.rows.len() * size);
                outputs = rest;
                tasks.push(Task {
                    segment: index,
                    head,
                    states,
                    out,
                });
            }
        }
        parallel::tasks(pool, tasks, &|_, task| {
            let head = task.head;
            let group = head / (heads / groups);
            for (row, out) in pass.segments[task.segment]
                .rows
                .clone()
                .zip(task.out.chunks_exact_mut(size))
            {
                let step = input[row * projected + inner + channels + head] + self.step_bias[head];
                let step = ops::softplus(step);
                let keep = (step * self.decay[head]).exp();
                let (values, vectors) = convolved[row * channels..][..channels].split_at(inner);
                let values = &values[head * size..][..size];
                let (ins, outs) = vectors.split_at(groups * states);
                let (ins, outs) = (
                    &ins[group * states..][..states],
                    &outs[group * states..][..states],
                );
                for ((o, x), state) in out
                    .iter_mut()
                    .zip(values)
                    .zip(task.states.chunks_exact_mut(states))
                {
                    *o = ops::decay_add_dot(state, keep, step * x, ins, outs) + self.skip[head] * x;
                }
            }
        });
    }

    /// Joins the heads, applies the gate and normalises each group.
    fn gate(&self, pass: &Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let Sizes {
            head: size, groups, ..
        } = self.sizes;
        let (inner, projected) = (self.sizes.inner(), self.sizes.projected());
        let Work {
            projected: input,
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
                    gated.copy_from_slice(&input[(rows.start + token) * projected..][..inner]);
                    ops::silu(gated);
                    for (head, gated) in gated.chunks_exact_mut(size).enumerate() {
                        let scanned = &scanned[(head * rows.len() + token) * size..][..size];
                        for (g, s) in gated.iter_mut().zip(scanned) {
                            *g *= s;
                        }
                    }
                    let width = inner / groups;
                    for (group, weight) in gated.chunks_exact_mut(width).zip(self.norm.chunks_exact(width)) {
                        ops::rms_norm_in_place(group, weight, self.epsilon);
                    }
                }
            });
        }
    }
}
