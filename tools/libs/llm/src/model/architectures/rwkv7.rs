//! RWKV-7 (arXiv 2503.14456): a recurrence whose state, a matrix for each head, is updated by the delta rule.

use sigmavault_ternary::{Activations, Pool, Precision};

use super::rwkv7_weights::{EPSILON, Layer, LowRank, Norm};
use crate::inference::ForwardError;
use crate::model::layers::context::Context;
use crate::model::layers::linear::Linear;
use crate::model::layers::ops;
use crate::model::network::{Network, Pass, Spare};
use crate::model::parallel::{self, ROWS};
use crate::model::sequence::Memory;

/// `e^-0.5`, the bound of the decay, as the reference rounds it.
const SLOWEST: f32 = 0.606_531;
/// The epsilon of the normalisation of heads, per element, as the model defines it.
const HEAD_EPSILON: f32 = 64e-5;

/// The model.
#[derive(Debug)]
pub struct Rwkv7 {
    pub(in crate::model) width: usize,
    /// The size of a head.
    pub(in crate::model) head_size: usize,
    pub(in crate::model) precision: Precision,
    pub(in crate::model) embedding: Linear,
    pub(in crate::model) embedding_norm: Norm,
    pub(in crate::model) layers: Vec<Layer>,
    pub(in crate::model) norm: Norm,
    pub(in crate::model) head: Linear,
    pub(in crate::model) spare: Spare<Work>,
}

/// Buffers of a pass.
#[derive(Debug, Default)]
pub struct Work {
    normed: Vec<f32>,
    mixed: [Vec<f32>; 6],
    quantised: Activations,
    receptance: Vec<f32>,
    decay: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    first_value: Vec<f32>,
    rate: Vec<f32>,
    gate: Vec<f32>,
    /// The direction that is removed from the state.
    removal: Vec<f32>,
    waist: Vec<f32>,
    blend: Vec<f32>,
    scanned: Vec<f32>,
    added: Vec<f32>,
}

impl Network for Rwkv7 {
    fn width(&self) -> usize {
        self.width
    }

    fn memory(&self) -> Memory {
        Memory {
            attention: None,
            recurrent: self.layers.len() * self.layer_memory(),
        }
    }

    fn layer_count(&self) -> usize {
        self.layers.len()
    }

    fn bytes(&self) -> usize {
        self.bytes_per_token() + self.embedding.bytes()
    }

    fn bytes_per_token(&self) -> usize {
        let layers: usize = self
            .layers
            .iter()
            .flat_map(Layer::matrices)
            .map(Linear::bytes)
            .sum();
        layers + self.head.bytes()
    }

    fn embed(&self, token: u32, out: &mut [f32]) -> Result<(), ForwardError> {
        self.embedding.row(token as usize, out)?;
        ops::layer_norm_in_place(
            out,
            &self.embedding_norm.weight,
            &self.embedding_norm.bias,
            EPSILON,
        );
        Ok(())
    }

    fn layers(&self, pass: &mut Pass<'_, '_>, pool: &Pool) -> Result<(), ForwardError> {
        self.spare.with(|work| {
            for (index, layer) in self.layers.iter().enumerate() {
                let at = index * self.layer_memory();
                self.mix_time(layer, at, index == 0, pass, work, pool)?;
                self.mix_channels(layer, at + self.layer_memory() - self.width, pass, work, pool)?;
            }
            Ok(())
        })
    }

    fn head(&self, rows: &[f32], logits: &mut Vec<f32>, pool: &Pool) -> Result<(), ForwardError> {
        self.spare.with(|work| {
            work.normed.clear();
            work.normed.extend_from_slice(rows);
            self.norm.apply(&mut work.normed, pool);
            let mut context = self.context(&mut work.quantised, pool);
            context.product(&self.head, &work.normed, rows.len() / self.width, logits)
        })
    }
}

/// One head of one segment.
struct Task<'a> {
    segment: usize,
    head: usize,
    state: &'a mut [f32],
    out: &'a mut [f32],
}

/// How a part blends its rows with those before them.
#[derive(Clone, Copy)]
struct Shift<'a> {
    /// The normalisation before it.
    norm: &'a Norm,
    /// The weights of each blend.
    lerps: &'a [Vec<f32>],
    /// Where the state holds the last row.
    at: usize,
}

impl Rwkv7 {
    fn context<'a>(&self, quantised: &'a mut Activations, pool: &'a Pool) -> Context<'a> {
        Context {
            pool,
            precision: self.precision,
            quantised,
            angles: None,
        }
    }

    /// The size of a layer's state: the last input of both parts, and a matrix for each head.
    fn layer_memory(&self) -> usize {
        2 * self.width + self.width * self.head_size
    }

    /// Computes `normed`, the normalised rows, and `mixed`, their blends with the previous rows; the last row of each segment is kept in
    /// the state.
    fn shift(
        &self,
        shift: Shift<'_>,
        pass: &mut Pass<'_, '_>,
        normed: &mut Vec<f32>,
        mixed: &mut [Vec<f32>],
        pool: &Pool,
    ) {
        let Shift { norm, lerps, at } = shift;
        let width = self.width;
        normed.clear();
        normed.extend_from_slice(pass.hidden);
        norm.apply(normed, pool);
        for (lerp, mixed) in lerps.iter().zip(mixed) {
            mixed.resize(normed.len(), 0.0);
            for segment in pass.segments {
                let first = segment.rows.start;
                let before = &pass.sequences[segment.sequence].state[at..][..width];
                let mixed = &mut mixed[first * width..segment.rows.end * width];
                parallel::pieces(pool, mixed, width * ROWS, &|piece, mixed| {
                    for (i, mixed) in mixed.chunks_exact_mut(width).enumerate() {
                        let row = first + piece * ROWS + i;
                        let x = &normed[row * width..][..width];
                        let before = if row == first {
                            before
                        } else {
                            &normed[(row - 1) * width..][..width]
                        };
                        for (((m, x), b), l) in mixed.iter_mut().zip(x).zip(before).zip(lerp) {
                            *m = x + (b - x) * l;
                        }
                    }
                });
            }
        }
        for segment in pass.segments {
            let last = &normed[(segment.rows.end - 1) * width..][..width];
            pass.sequences[segment.sequence].state[at..][..width].copy_from_slice(last);
        }
    }

    fn mix_time(
        &self,
        layer: &Layer,
        at: usize,
        first: bool,
        pass: &mut Pass<'_, '_>,
        work: &mut Work,
        pool: &Pool,
    ) -> Result<(), ForwardError> {
        let rows = pass.rows;
        let shift = Shift {
            norm: &layer.time_norm,
            lerps: &layer.lerps,
            at,
        };
        self.shift(shift, pass, &mut work.normed, &mut work.mixed, pool);
        let Work {
            mixed: [for_receptance, for_decay, for_key, for_value, for_rate, into_gate],
            quantised,
            waist,
            ..
        } = work;
        let mut context = self.context(quantised, pool);
        context.product(&layer.receptance, for_receptance, rows, &mut work.receptance)?;
        context.product(&layer.key, for_key, rows, &mut work.key)?;
        context.product(&layer.value, for_value, rows, &mut work.value)?;
        let mut narrow = |low: &LowRank, input: &[f32], inner: fn(f32) -> f32, out: &mut Vec<f32>| {
            context.product(&low.down, input, rows, waist)?;
            for x in waist.iter_mut() {
                *x = inner(*x);
            }
            context.product(&low.up, waist, rows, out)?;
            if !low.bias.is_empty() {
                for row in out.chunks_exact_mut(low.bias.len()) {
                    ops::add_scaled(row, &low.bias, 1.0);
                }
            }
            Ok::<(), ForwardError>(())
        };
        narrow(&layer.decay, for_decay, f32::tanh, &mut work.decay)?;
        narrow(&layer.rate, for_rate, |x| x, &mut work.rate)?;
        narrow(&layer.gate, into_gate, ops::sigmoid, &mut work.gate)?;
        if let Some(mix) = &layer.value_mix {
            narrow(mix, for_value, |x| x, &mut work.blend)?;
            for ((v, first), blend) in work.value.iter_mut().zip(&work.first_value).zip(&work.blend) {
                *v += (first - *v) * ops::sigmoid(*blend);
            }
        }
        if first {
            work.first_value.clone_from(&work.value);
        }
        self.prepare(layer, work);
        self.scan(at + self.width, pass, work, pool);
        self.finish(layer, pass, work);
        let mut context = self.context(&mut work.quantised, pool);
        context.product(&layer.output, &work.added, rows, &mut work.blend)?;
        ops::add_scaled(pass.hidden, &work.blend, 1.0);
        Ok(())
    }

    /// Computes the input of the recurrence from the projections: decay, removal direction and its rate, and the written key.
    fn prepare(&self, layer: &Layer, work: &mut Work) {
        let (width, size) = (self.width, self.head_size);
        work.removal.resize(work.key.len(), 0.0);
        for x in &mut work.decay {
            *x = ops::exp(-SLOWEST * ops::sigmoid(*x));
        }
        for x in &mut work.rate {
            *x = ops::sigmoid(*x);
        }
        let rows = work
            .key
            .chunks_exact_mut(width)
            .zip(work.removal.chunks_exact_mut(width));
        for ((key, removal), rate) in rows.zip(work.rate.chunks_exact(width)) {
            for ((removal, k), scale) in removal.iter_mut().zip(&*key).zip(&layer.key_scale) {
                *removal = k * scale;
            }
            for head in removal.chunks_exact_mut(size) {
                let length = ops::square_sum(head).sqrt().max(1e-12);
                for x in head {
                    *x /= length;
                }
            }
            for ((k, rate), by) in key.iter_mut().zip(rate).zip(&layer.key_rate) {
                *k *= 1.0 + (rate - 1.0) * by;
            }
        }
    }

    /// Advances the heads' states over time: `S = S * decay - (S removal) (rate * removal)' + value key'`, read by the receptance.
    fn scan(&self, at: usize, pass: &mut Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let (width, size) = (self.width, self.head_size);
        let Work {
            receptance,
            decay,
            key,
            value,
            rate,
            removal,
            scanned,
            ..
        } = work;
        scanned.resize(pass.rows * width, 0.0);
        let mut outputs = scanned.as_mut_slice();
        let mut states: Vec<Option<&mut [f32]>> = pass
            .sequences
            .iter_mut()
            .map(|s| Some(&mut s.state[at..][..width * size]))
            .collect();
        let mut tasks = Vec::with_capacity(pass.segments.len() * width / size);
        for (segment, of) in pass.segments.iter().enumerate() {
            let Some(all) = states[of.sequence].take() else {
                continue;
            };
            for (head, state) in all.chunks_exact_mut(size * size).enumerate() {
                let (out, rest) = outputs.split_at_mut(of.rows.len() * size);
                outputs = rest;
                tasks.push(Task {
                    segment,
                    head,
                    state,
                    out,
                });
            }
        }
        parallel::tasks(pool, tasks, &|_, task| {
            let mut written = vec![0.0; size];
            for (row, out) in pass.segments[task.segment]
                .rows
                .clone()
                .zip(task.out.chunks_exact_mut(size))
            {
                let of = |all: &'_ [f32]| -> std::ops::Range<usize> {
                    let from = row * width + task.head * size;
                    debug_assert!(from + size <= all.len());
                    from..from + size
                };
                let (decay, key, read) = (&decay[of(decay)], &key[of(key)], &receptance[of(receptance)]);
                let (removal, rate, value) = (&removal[of(removal)], &rate[of(rate)], &value[of(value)]);
                for ((w, r), a) in written.iter_mut().zip(removal).zip(rate) {
                    *w = r * a;
                }
                for ((o, v), state) in out.iter_mut().zip(value).zip(task.state.chunks_exact_mut(size)) {
                    let removed = -ops::dot(state, removal);
                    for (((s, d), w), k) in state.iter_mut().zip(decay).zip(&written).zip(key) {
                        *s = *s * d + removed * w + v * k;
                    }
                    *o = ops::dot(state, read);
                }
            }
        });
    }

    /// Joins the heads into `work.added`: normalised, with the bonus of the token itself, and gated.
    fn finish(&self, layer: &Layer, pass: &Pass<'_, '_>, work: &mut Work) {
        let (width, size) = (self.width, self.head_size);
        let Work {
            receptance,
            key,
            value,
            gate,
            scanned,
            added,
            ..
        } = work;
        added.resize(pass.rows * width, 0.0);
        for segment in pass.segments {
            let (rows, first) = (segment.rows.len(), segment.rows.start);
            for (token, row) in segment.rows.clone().enumerate() {
                for head in 0..width / size {
                    let (from, at) = (
                        first * width + (head * rows + token) * size,
                        row * width + head * size,
                    );
                    let of_head = head * size..(head + 1) * size;
                    let out = &mut added[at..][..size];
                    out.copy_from_slice(&scanned[from..][..size]);
                    let (weight, bias) = (
                        &layer.head_norm.weight[of_head.clone()],
                        &layer.head_norm.bias[of_head.clone()],
                    );
                    ops::layer_norm_in_place(out, weight, bias, HEAD_EPSILON);
                    let own: f32 = receptance[at..][..size]
                        .iter()
                        .zip(&key[at..][..size])
                        .zip(&layer.bonus[of_head])
                        .map(|((r, k), b)| r * k * b)
                        .sum();
                    for ((o, v), g) in out.iter_mut().zip(&value[at..][..size]).zip(&gate[at..][..size]) {
                        *o = (*o + own * v) * g;
                    }
                }
            }
        }
    }

    fn mix_channels(
        &self,
        layer: &Layer,
        at: usize,
        pass: &mut Pass<'_, '_>,
        work: &mut Work,
        pool: &Pool,
    ) -> Result<(), ForwardError> {
        let Work {
            normed,
            mixed,
            quantised,
            waist,
            added,
            ..
        } = work;
        let shift = Shift {
            norm: &layer.channel_norm,
            lerps: std::slice::from_ref(&layer.channel_lerp),
            at,
        };
        self.shift(shift, pass, normed, &mut mixed[..1], pool);
        let mut context = self.context(quantised, pool);
        context.product(&layer.channel_key, &mixed[0], pass.rows, waist)?;
        for x in waist.iter_mut() {
            let positive = x.max(0.0);
            *x = positive * positive;
        }
        context.product(&layer.channel_value, waist, pass.rows, added)?;
        ops::add_scaled(pass.hidden, added, 1.0);
        Ok(())
    }
}
