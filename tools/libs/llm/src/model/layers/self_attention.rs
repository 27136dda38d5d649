//! An attention layer: projections, rotary positions, storing keys and values, attention, output projection.

use super::attention::{self, Place};
use super::context::Context;
use super::linear::Linear;
use super::ops;
use super::rope::{Pairs, rotate};
use crate::inference::ForwardError;
use crate::model::network::{Pass, Segment};
use crate::model::pages::Pages;
use crate::model::parallel::{self, ROWS};

/// The weights of an attention layer.
#[derive(Debug)]
pub struct SelfAttention {
    /// Its number among the layers with attention.
    pub index: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Numbers of a head.
    pub size: usize,
    /// The factor of scores.
    pub scale: f32,
    /// The pairing of rotary positions, if used.
    pub pairs: Pairs,
    /// The epsilon of the normalisations.
    pub epsilon: f32,
    /// The query projection.
    pub query: Linear,
    /// The key projection.
    pub key: Linear,
    /// The value projection.
    pub value: Linear,
    /// The output projection.
    pub output: Linear,
    /// What is added to the projections (Qwen2).
    pub biases: Biases,
    /// The number of latest tokens that are visible, the own one included; `None`: all.
    pub window: Option<usize>,
    /// Normalises each query head (Qwen3).
    pub query_norm: Option<Vec<f32>>,
    /// Normalises each key head (Qwen3).
    pub key_norm: Option<Vec<f32>>,
    /// Normalises the output of attention (`BitNet`).
    pub sub_norm: Option<Vec<f32>>,
}

/// What is added to the products of an attention layer, for those that have it.
#[derive(Debug, Default)]
pub struct Biases {
    /// To queries.
    pub query: Option<Vec<f32>>,
    /// To keys.
    pub key: Option<Vec<f32>>,
    /// To values.
    pub value: Option<Vec<f32>>,
    /// To the output.
    pub output: Option<Vec<f32>>,
}

/// Adds a bias to every row.
fn add(bias: Option<&Vec<f32>>, rows: &mut [f32]) {
    if let Some(bias) = bias {
        for row in rows.chunks_exact_mut(bias.len()) {
            ops::add_scaled(row, bias, 1.0);
        }
    }
}

/// Buffers of attention layers.
#[derive(Debug, Default)]
pub struct Work {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    mixed: Vec<f32>,
    attended: Vec<f32>,
}

/// Attention of some rows of a segment with one key head.
struct Task {
    segment: usize,
    /// First row of the pass.
    row: usize,
    rows: usize,
    head: usize,
    position: usize,
}

impl SelfAttention {
    /// Its matrices.
    pub fn matrices(&self) -> [&Linear; 4] {
        [&self.query, &self.key, &self.value, &self.output]
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
        context.products(
            normed,
            pass.rows,
            &mut [
                (&self.query, &mut work.query),
                (&self.key, &mut work.key),
                (&self.value, &mut work.value),
            ],
        )?;
        add(self.biases.query.as_ref(), &mut work.query);
        add(self.biases.key.as_ref(), &mut work.key);
        add(self.biases.value.as_ref(), &mut work.value);
        self.remember(pass, context, work);
        self.mix(pass, context, work);
        if let Some(weight) = &self.sub_norm {
            ops::rms_norm_rows(&mut work.attended, weight, self.epsilon, context.pool);
        }
        context.product(&self.output, &work.attended, pass.rows, out)?;
        add(self.biases.output.as_ref(), out);
        Ok(())
    }

    /// Normalises and rotates a head.
    fn place(&self, head: &mut [f32], norm: Option<&Vec<f32>>, angles: Option<&[f32]>, row: usize) {
        if let Some(weight) = norm {
            ops::rms_norm_in_place(head, weight, self.epsilon);
        }
        if let Some(angles) = angles {
            rotate(head, &angles[row * self.size..][..self.size], self.pairs);
        }
    }

    /// Rotates the keys, and writes keys and values to the pages.
    fn remember(&self, pass: &mut Pass<'_, '_>, context: &Context<'_>, work: &mut Work) {
        let (pool, angles) = (context.pool, context.angles);
        let width = self.kv_heads * self.size;
        parallel::pieces(pool, &mut work.key, width * ROWS, &|piece, keys| {
            for (row, keys) in keys.chunks_exact_mut(width).enumerate() {
                for head in keys.chunks_exact_mut(self.size) {
                    self.place(head, self.key_norm.as_ref(), angles, piece * ROWS + row);
                }
            }
        });
        for segment in pass.segments {
            let Some(pages) = &mut pass.sequences[segment.sequence].pages else {
                continue;
            };
            for (i, row) in segment.rows.clone().enumerate() {
                let (keys, values) = (
                    &work.key[row * width..][..width],
                    &work.value[row * width..][..width],
                );
                pages.write(self.index, segment.position + i, keys, values);
            }
        }
    }

    /// Computes attention, from `work.query` to `work.attended`.
    fn mix(&self, pass: &Pass<'_, '_>, context: &Context<'_>, work: &mut Work) {
        let (pool, angles) = (context.pool, context.angles);
        let (heads, size, group) = (self.heads, self.size, self.heads / self.kv_heads);
        let tasks = tasks(pass.segments, self.kv_heads);
        let Work {
            query,
            mixed,
            attended,
            ..
        } = work;
        mixed.resize(query.len(), 0.0);
        let mut rest = mixed.as_mut_slice();
        let mut slices = Vec::with_capacity(tasks.len());
        for task in &tasks {
            let (slice, after) = rest.split_at_mut(task.rows * group * size);
            slices.push(slice);
            rest = after;
        }
        let pages: Vec<Option<&Pages>> = pass.sequences.iter().map(|s| s.pages.as_ref()).collect();
        parallel::slices(pool, slices, &|number, out| {
            let task = &tasks[number];
            let Some(pages) = pages[pass.segments[task.segment].sequence] else {
                return;
            };
            let mut queries = Vec::with_capacity(out.len());
            for row in task.row..task.row + task.rows {
                let from = queries.len();
                queries.extend_from_slice(&query[(row * heads + task.head * group) * size..][..group * size]);
                for head in queries[from..].chunks_exact_mut(size) {
                    self.place(head, self.query_norm.as_ref(), angles, row);
                }
            }
            let place = Place {
                layer: self.index,
                head: task.head,
                group,
                position: task.position,
                scale: self.scale,
                window: self.window,
            };
            attention::attend(&queries, pages, place, out);
        });
        if tasks.iter().all(|task| task.rows == 1) {
            // The order of tasks is then that of rows and heads.
            std::mem::swap(mixed, attended);
            return;
        }
        attended.resize(mixed.len(), 0.0);
        let mut from = mixed.chunks_exact(group * size);
        for task in &tasks {
            for (row, mixed) in (task.row..).zip(from.by_ref().take(task.rows)) {
                attended[(row * heads + task.head * group) * size..][..group * size].copy_from_slice(mixed);
            }
        }
    }
}

/// The tasks of a pass, in the order of rows and then heads where a task is a single row.
fn tasks(segments: &[Segment], heads: usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        let count = segment.rows.len();
        for from in (0..count).step_by(ROWS) {
            tasks.extend((0..heads).map(|head| Task {
                segment: index,
                row: segment.rows.start + from,
                rows: ROWS.min(count - from),
                head,
                position: segment.position + from,
            }));
        }
    }
    tasks
}
