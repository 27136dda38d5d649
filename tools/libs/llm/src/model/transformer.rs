//! Qwen3 and `BitNet` b1.58: attention with rotary positions, a gated feed-forward part, and normalisation before each.
//!
//! Qwen3 normalises each query and key head. `BitNet` (arXiv 2504.12285) normalises again before the output projections and squares a
//! rectifier where Qwen3 has silu. Which of these a model has follows from its architecture, not from what tensors are there.

use sigmavault_ternary::{Activations, Pool, Precision};

use super::attention::{self, Place, ROWS};
use super::error::ForwardError;
use super::linear::{Linear, products};
use super::network::{Network, Pass, Segment, Spare};
use super::pages::{Pages, Shape};
use super::rope::{Rope, rotate};
use super::sequence::Memory;
use super::{ops, parallel};

/// What the feed-forward part does with its gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// `x * sigmoid(x)`.
    Silu,
    /// `max(x, 0)^2`.
    SquareRelu,
}

/// Sizes and constants of a model.
#[derive(Debug, Clone)]
pub struct Config {
    /// Numbers of hidden state.
    pub width: usize,
    /// Numbers within the feed-forward part.
    pub feed_forward: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Numbers of a head.
    pub head_size: usize,
    /// Tokens known.
    pub vocabulary: usize,
    /// Layers.
    pub layers: usize,
    /// Added to the mean square before the root.
    pub epsilon: f32,
    /// The gate.
    pub gate: Gate,
    /// How inputs of ternary products are rounded.
    pub precision: Precision,
}

/// The weights of a layer.
#[derive(Debug)]
pub struct Layer {
    pub(super) attention_norm: Vec<f32>,
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) query_norm: Option<Vec<f32>>,
    pub(super) key_norm: Option<Vec<f32>>,
    pub(super) attention_sub_norm: Option<Vec<f32>>,
    pub(super) output: Linear,
    pub(super) feed_forward_norm: Vec<f32>,
    pub(super) gate: Linear,
    pub(super) up: Linear,
    pub(super) feed_forward_sub_norm: Option<Vec<f32>>,
    pub(super) down: Linear,
}

impl Layer {
    fn matrices(&self) -> [&Linear; 7] {
        [&self.query, &self.key, &self.value, &self.output, &self.gate, &self.up, &self.down]
    }
}

/// A model of this kind.
#[derive(Debug)]
pub struct Transformer {
    pub(super) config: Config,
    pub(super) attention: Shape,
    pub(super) rope: Rope,
    pub(super) embedding: Linear,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Vec<f32>,
    /// None: the embedding is the head.
    pub(super) head: Option<Linear>,
    pub(super) spare: Spare<Work>,
}

/// Buffers of a pass.
#[derive(Debug, Default)]
pub struct Work {
    angles: Vec<f32>,
    normed: Vec<f32>,
    quantised: Activations,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    mixed: Vec<f32>,
    attended: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    added: Vec<f32>,
}

/// Attention of some rows of a segment with one key head.
struct Task {
    segment: usize,
    /// First row, counted from the segment's.
    row: usize,
    rows: usize,
    head: usize,
}

impl Network for Transformer {
    fn width(&self) -> usize {
        self.config.width
    }

    fn vocabulary(&self) -> usize {
        self.config.vocabulary
    }

    fn memory(&self) -> Memory {
        Memory { attention: Some(self.attention), recurrent: 0 }
    }

    fn bytes(&self) -> usize {
        let layers: usize = self.layers.iter().flat_map(Layer::matrices).map(Linear::bytes).sum();
        layers + self.embedding.bytes() + self.head.as_ref().map_or(0, Linear::bytes)
    }

    fn bytes_per_token(&self) -> usize {
        let layers: usize = self.layers.iter().flat_map(Layer::matrices).map(Linear::bytes).sum();
        layers + self.head.as_ref().unwrap_or(&self.embedding).bytes()
    }

    fn embed(&self, token: u32, out: &mut [f32]) {
        self.embedding.row(token as usize, out);
    }

    fn layers(&self, pass: &mut Pass<'_, '_>, pool: &Pool) -> Result<(), ForwardError> {
        self.spare.with(|work| {
            self.set_angles(pass.segments, pass.rows, &mut work.angles);
            for (index, layer) in self.layers.iter().enumerate() {
                self.attend(index, layer, pass, work, pool);
                self.feed_forward(layer, pass, work, pool);
            }
        });
        Ok(())
    }

    fn head(&self, rows: &[f32], logits: &mut Vec<f32>, pool: &Pool) -> Result<(), ForwardError> {
        let width = self.config.width;
        self.spare.with(|work| {
            self.normalise(rows, &self.norm, &mut work.normed, pool);
            let head = self.head.as_ref().unwrap_or(&self.embedding);
            let tokens = rows.len() / width;
            let jobs = &mut [(head, &mut work.added)];
            products(&work.normed, tokens, &mut work.quantised, self.config.precision, jobs, pool);
            logits.extend_from_slice(&work.added);
        });
        Ok(())
    }
}

impl Transformer {
    fn set_angles(&self, segments: &[Segment], rows: usize, angles: &mut Vec<f32>) {
        let size = self.config.head_size;
        angles.resize(rows * size, 0.0);
        for segment in segments {
            for (i, row) in segment.rows.clone().enumerate() {
                self.rope.angles(segment.position + i, &mut angles[row * size..][..size]);
            }
        }
    }

    fn normalise(&self, rows: &[f32], weight: &[f32], out: &mut Vec<f32>, pool: &Pool) {
        let width = weight.len();
        out.resize(rows.len(), 0.0);
        parallel::pieces(pool, out, width * ROWS, &|piece, out| {
            let rows = rows[piece * width * ROWS..].chunks_exact(width);
            for (out, row) in out.chunks_exact_mut(width).zip(rows) {
                ops::rms_norm(row, weight, self.config.epsilon, out);
            }
        });
    }

    fn attend(&self, index: usize, layer: &Layer, pass: &mut Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let config = &self.config;
        self.normalise(pass.hidden, &layer.attention_norm, &mut work.normed, pool);
        products(
            &work.normed,
            pass.rows,
            &mut work.quantised,
            config.precision,
            &mut [
                (&layer.query, &mut work.query),
                (&layer.key, &mut work.key),
                (&layer.value, &mut work.value),
            ],
            pool,
        );
        self.remember(index, layer, pass, work, pool);
        self.mix(index, layer, pass, work, pool);
        if let Some(weight) = &layer.attention_sub_norm {
            self.normalise(&work.attended, weight, &mut work.normed, pool);
        } else {
            std::mem::swap(&mut work.attended, &mut work.normed);
        }
        let jobs = &mut [(&layer.output, &mut work.added)];
        products(&work.normed, pass.rows, &mut work.quantised, config.precision, jobs, pool);
        ops::add(pass.hidden, &work.added);
    }

    /// Turns the keys and writes them and the values to the pages.
    fn remember(&self, index: usize, layer: &Layer, pass: &mut Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let size = self.config.head_size;
        let width = self.config.kv_heads * size;
        let angles = &work.angles;
        parallel::pieces(pool, &mut work.key, width * ROWS, &|piece, keys| {
            for (row, keys) in keys.chunks_exact_mut(width).enumerate() {
                let angles = &angles[(piece * ROWS + row) * size..][..size];
                for head in keys.chunks_exact_mut(size) {
                    if let Some(weight) = &layer.key_norm {
                        ops::rms_norm_in_place(head, weight, self.config.epsilon);
                    }
                    rotate(head, angles);
                }
            }
        });
        for segment in pass.segments {
            let Some(pages) = &mut pass.sequences[segment.sequence].pages else { continue };
            for (i, row) in segment.rows.clone().enumerate() {
                let (keys, values) = (&work.key[row * width..][..width], &work.value[row * width..][..width]);
                pages.write(index, segment.position + i, keys, values);
            }
        }
    }

    /// Attention proper: `work.query` to `work.attended`.
    fn mix(&self, index: usize, layer: &Layer, pass: &Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let Config { heads, kv_heads, head_size: size, epsilon, .. } = self.config;
        let group = heads / kv_heads;
        let tasks = tasks(pass.segments, kv_heads);
        let Work { query, mixed, attended, angles, .. } = work;
        mixed.resize(query.len(), 0.0);
        let mut rest = mixed.as_mut_slice();
        let mut slices = Vec::with_capacity(tasks.len());
        for task in &tasks {
            let (slice, after) = rest.split_at_mut(task.rows * group * size);
            slices.push(slice);
            rest = after;
        }
        let pages: Vec<Option<&Pages>> = pass.sequences.iter().map(|s| s.pages.as_ref()).collect();
        let first_row = |task: &Task| pass.segments[task.segment].rows.start + task.row;
        parallel::slices(pool, slices, &|number, out| {
            let task = &tasks[number];
            let segment = &pass.segments[task.segment];
            let Some(pages) = pages[segment.sequence] else { return };
            let mut queries = Vec::with_capacity(out.len());
            for row in first_row(task)..first_row(task) + task.rows {
                let from = queries.len();
                queries.extend_from_slice(&query[(row * heads + task.head * group) * size..][..group * size]);
                for head in queries[from..].chunks_exact_mut(size) {
                    if let Some(weight) = &layer.query_norm {
                        ops::rms_norm_in_place(head, weight, epsilon);
                    }
                    rotate(head, &angles[row * size..][..size]);
                }
            }
            let place = Place {
                layer: index,
                head: task.head,
                group,
                position: segment.position + task.row,
                scale: 1.0 / (size as f32).sqrt(),
            };
            attention::attend(&queries, pages, place, out);
        });
        if tasks.iter().all(|task| task.rows == 1) {
            // Then the tasks' order is that of rows and heads.
            std::mem::swap(mixed, attended);
            return;
        }
        attended.resize(mixed.len(), 0.0);
        let mut from = mixed.chunks_exact(group * size);
        for task in &tasks {
            for (row, mixed) in (first_row(task)..).zip(from.by_ref().take(task.rows)) {
                attended[(row * heads + task.head * group) * size..][..group * size].copy_from_slice(mixed);
            }
        }
    }

    fn feed_forward(&self, layer: &Layer, pass: &mut Pass<'_, '_>, work: &mut Work, pool: &Pool) {
        let Config { feed_forward: width, precision, epsilon, gate: kind, .. } = self.config;
        self.normalise(pass.hidden, &layer.feed_forward_norm, &mut work.normed, pool);
        let jobs = &mut [(&layer.gate, &mut work.gate), (&layer.up, &mut work.up)];
        products(&work.normed, pass.rows, &mut work.quantised, precision, jobs, pool);
        let up = &work.up;
        parallel::pieces(pool, &mut work.gate, width * ROWS, &|piece, gate| {
            let up = up[piece * width * ROWS..].chunks_exact(width);
            for (gate, up) in gate.chunks_exact_mut(width).zip(up) {
                match kind {
                    Gate::Silu => ops::silu_times(gate, up),
                    Gate::SquareRelu => ops::square_relu_times(gate, up),
                }
                if let Some(weight) = &layer.feed_forward_sub_norm {
                    ops::rms_norm_in_place(gate, weight, epsilon);
                }
            }
        });
        let jobs = &mut [(&layer.down, &mut work.added)];
        products(&work.gate, pass.rows, &mut work.quantised, precision, jobs, pool);
        ops::add(pass.hidden, &work.added);
    }
}

/// The tasks of a pass, in the order of rows and then heads where a task is a single row.
fn tasks(segments: &[Segment], heads: usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        let count = segment.rows.len();
        for row in (0..count).step_by(ROWS) {
            let rows = ROWS.min(count - row);
            tasks.extend((0..heads).map(|head| Task { segment: index, row, rows, head }));
        }
    }
    tasks
}
