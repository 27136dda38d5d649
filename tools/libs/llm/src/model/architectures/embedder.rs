//! Sentence embeddings by BERT models (arXiv 1810.04805), as sentence-transformers uses them: the mean of the last layer over all tokens
//! (`MiniLM`), or its first row (BGE), normalised to length 1. Matrix products in single precision are computed by candle.

use candle_core::{Device, Tensor};
use sigmavault_ternary::{Activations, Pool, Precision};

use crate::inference::ForwardError;
use crate::model::layers::context::Context;
use crate::model::layers::linear::Linear;
use crate::model::layers::ops;
use crate::model::parallel;

/// Weight and bias of a layer normalisation.
#[derive(Debug)]
pub(in crate::model) struct Norm {
    pub(in crate::model) weight: Vec<f32>,
    pub(in crate::model) bias: Vec<f32>,
    pub(in crate::model) epsilon: f32,
}

/// A linear layer with a bias.
#[derive(Debug)]
pub(in crate::model) struct Affine {
    pub(in crate::model) matrix: Matrix,
    pub(in crate::model) bias: Vec<f32>,
}

/// The matrix of a linear layer.
#[derive(Debug)]
pub(in crate::model) enum Matrix {
    /// In single precision, `columns x rows`.
    Full(Tensor),
    /// As in its file.
    Stored(Linear),
}

#[derive(Debug)]
pub(in crate::model) struct Layer {
    pub(in crate::model) query: Affine,
    pub(in crate::model) key: Affine,
    pub(in crate::model) value: Affine,
    pub(in crate::model) attended: Affine,
    pub(in crate::model) attention_norm: Norm,
    pub(in crate::model) inner: Affine,
    pub(in crate::model) outer: Affine,
    pub(in crate::model) norm: Norm,
}

/// How the rows of a text become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Pooling {
    /// The mean of all.
    Mean,
    /// The first.
    First,
}

/// An embedding model.
#[derive(Debug)]
pub struct Embedder {
    pub(in crate::model) width: usize,
    pub(in crate::model) heads: usize,
    pub(in crate::model) positions: usize,
    pub(in crate::model) words: Linear,
    /// The embeddings of positions, including that of the first token type.
    pub(in crate::model) places: Vec<f32>,
    pub(in crate::model) norm: Norm,
    pub(in crate::model) layers: Vec<Layer>,
    pub(in crate::model) pooling: Pooling,
}

/// Buffers of a text.
#[derive(Default)]
struct Work {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    heads: Vec<f32>,
    joined: Vec<f32>,
    added: Vec<f32>,
}

impl Embedder {
    /// The length of an embedding.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The most tokens of a text.
    pub fn context(&self) -> usize {
        self.positions
    }

    /// The embedding of a text, normalised to length 1; `tokens` include the begin and end tokens.
    ///
    /// # Errors
    ///
    /// An empty text, one longer than [`Embedder::context`], or an unknown token.
    pub fn embed(&self, tokens: &[u32], pool: &Pool) -> Result<Vec<f32>, ForwardError> {
        let (rows, width, vocabulary) = (tokens.len(), self.width, self.words.rows());
        if rows == 0 || rows > self.positions {
            return Err(ForwardError::Context {
                length: rows,
                context: self.positions,
            });
        }
        if let Some(&token) = tokens.iter().find(|&&t| t as usize >= vocabulary) {
            return Err(ForwardError::Token { token, vocabulary });
        }
        let mut hidden = vec![0.0; rows * width];
        for ((token, row), place) in tokens
            .iter()
            .zip(hidden.chunks_exact_mut(width))
            .zip(self.places.chunks_exact(width))
        {
            self.words.row(*token as usize, row)?;
            ops::add_scaled(row, place, 1.0);
        }
        self.norm.apply(&mut hidden);
        let mut work = Work::default();
        for layer in &self.layers {
            self.layer(layer, &mut hidden, rows, &mut work, pool)?;
        }
        let mut mean = vec![0.0; width];
        let pooled = match self.pooling {
            Pooling::Mean => rows,
            Pooling::First => 1,
        };
        for row in hidden.chunks_exact(width).take(pooled) {
            ops::add_scaled(&mut mean, row, 1.0 / pooled as f32);
        }
        let length = ops::square_sum(&mean).sqrt().max(1e-12);
        ops::scale(&mut mean, 1.0 / length);
        Ok(mean)
    }

    fn layer(
        &self,
        layer: &Layer,
        hidden: &mut [f32],
        rows: usize,
        work: &mut Work,
        pool: &Pool,
    ) -> Result<(), ForwardError> {
        let Work {
            query,
            key,
            value,
            heads,
            joined,
            added,
        } = work;
        layer.query.apply(hidden, rows, query, pool)?;
        layer.key.apply(hidden, rows, key, pool)?;
        layer.value.apply(hidden, rows, value, pool)?;
        let (width, size) = (self.width, self.width / self.heads);
        heads.resize(rows * width, 0.0);
        parallel::pieces(pool, heads, rows * size, &|head, out| {
            let of = |all: &'_ [f32], row: usize| -> [usize; 2] {
                let from = row * width + head * size;
                debug_assert!(from + size <= all.len());
                [from, from + size]
            };
            let scale = 1.0 / (size as f32).sqrt();
            let mut scores = vec![0.0; rows];
            out.fill(0.0);
            for (row, out) in out.chunks_exact_mut(size).enumerate() {
                let [from, to] = of(query, row);
                for (other, score) in scores.iter_mut().enumerate() {
                    let [k, end] = of(key, other);
                    *score = scale * ops::dot(&query[from..to], &key[k..end]);
                }
                let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                for score in &mut scores {
                    *score = ops::exp(*score - top);
                }
                let sum: f32 = scores.iter().sum();
                for (other, score) in scores.iter().enumerate() {
                    let [v, end] = of(value, other);
                    ops::add_scaled(out, &value[v..end], score / sum);
                }
            }
        });
        joined.resize(rows * width, 0.0);
        for (head, all) in heads.chunks_exact(rows * size).enumerate() {
            for (row, part) in all.chunks_exact(size).enumerate() {
                joined[row * width + head * size..][..size].copy_from_slice(part);
            }
        }
        layer.attended.apply(joined, rows, added, pool)?;
        ops::add_scaled(hidden, added, 1.0);
        layer.attention_norm.apply(hidden);
        layer.inner.apply(hidden, rows, joined, pool)?;
        ops::gelu(joined);
        layer.outer.apply(joined, rows, added, pool)?;
        ops::add_scaled(hidden, added, 1.0);
        layer.norm.apply(hidden);
        Ok(())
    }
}

impl Norm {
    fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.weight.len()) {
            ops::layer_norm_in_place(row, &self.weight, &self.bias, self.epsilon);
        }
    }
}

impl Affine {
    fn apply(&self, input: &[f32], rows: usize, out: &mut Vec<f32>, pool: &Pool) -> Result<(), ForwardError> {
        match &self.matrix {
            Matrix::Full(matrix) => {
                *out = Tensor::from_slice(input, (rows, input.len() / rows), &Device::Cpu)
                    .and_then(|input| input.matmul(matrix)?.flatten_all()?.to_vec1())
                    .map_err(|e| ForwardError::Tensor(format!("a product of the embedding model: {e}")))?;
            }
            // Embeddings are compared with those of other programs: inputs are not rounded.
            Matrix::Stored(matrix) => {
                let mut context = Context {
                    pool,
                    precision: Precision::Int16Blocks,
                    quantised: &mut Activations::new(),
                    angles: None,
                };
                context.product(matrix, input, rows, out)?;
            }
        }
        for row in out.chunks_exact_mut(self.bias.len()) {
            ops::add_scaled(row, &self.bias, 1.0);
        }
        Ok(())
    }
}
