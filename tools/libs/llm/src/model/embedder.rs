//! Sentence embeddings by BERT models (arXiv 1810.04805), as sentence-transformers uses `MiniLM`: the mean of the last layer over all
//! tokens, normalised to length 1. Matrix products are computed by candle.

use std::path::Path;

use candle_core::{Device, Tensor};
use sigmavault_ternary::Pool;

use super::error::{ForwardError, LoadError};
use super::keys::{Keys, bad};
use super::linear::Linear;
use super::ops;
use super::parallel;
use super::shards;
use super::weights::{Weights, read_json};

/// Weight and bias of a layer normalisation.
#[derive(Debug)]
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

/// A linear layer with a bias.
#[derive(Debug)]
struct Affine {
    /// `columns x rows`.
    matrix: Tensor,
    bias: Vec<f32>,
}

#[derive(Debug)]
struct Layer {
    query: Affine,
    key: Affine,
    value: Affine,
    attended: Affine,
    attention_norm: Norm,
    inner: Affine,
    outer: Affine,
    norm: Norm,
}

/// An embedding model.
#[derive(Debug)]
pub struct Embedder {
    width: usize,
    heads: usize,
    positions: usize,
    words: Linear,
    /// The embeddings of positions, including that of the first token type.
    places: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
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
    /// Loads a folder with `config.json` and `model.safetensors`.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let config = read_json(&folder.join("config.json"))?;
        let keys = Keys::Json(&config);
        match keys.text("model_type") {
            Some("bert") => {}
            other => {
                return Err(LoadError::Architecture {
                    name: other.unwrap_or("none").to_owned(),
                    reason: "embeddings are computed by models of type bert",
                });
            }
        }
        if keys.text("hidden_act").is_some_and(|act| act != "gelu") {
            return Err(bad(
                "hidden_act",
                keys.text("hidden_act").unwrap_or(""),
                "only gelu is supported",
            ));
        }
        let (width, heads) = (keys.count("hidden_size")?, keys.count("num_attention_heads")?);
        if width % heads != 0 {
            return Err(bad(
                "num_attention_heads",
                &heads,
                "the width cannot be divided by it",
            ));
        }
        let weights = Weights::open_safetensors(&shards::files(folder)?)?;
        let root = if weights.has("embeddings.word_embeddings.weight") {
            ""
        } else {
            "bert."
        };
        let tensors = Tensors {
            weights: &weights,
            root,
            epsilon: keys.positive("layer_norm_eps")?,
        };
        let (vocabulary, positions) = (keys.count("vocab_size")?, keys.count("max_position_embeddings")?);
        let types = keys.count("type_vocab_size")?;
        let mut places = tensors.floats("embeddings.position_embeddings.weight", &[positions, width])?;
        let kinds = tensors.floats("embeddings.token_type_embeddings.weight", &[types, width])?;
        for place in places.chunks_exact_mut(width) {
            ops::add_scaled(place, &kinds[..width], 1.0);
        }
        let inner = keys.count("intermediate_size")?;
        let layers = (0..keys.count("num_hidden_layers")?)
            .map(|n| tensors.layer(n, width, inner))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            width,
            heads,
            positions,
            words: Linear::load(
                &weights,
                &tensors.name("embeddings.word_embeddings.weight"),
                vocabulary,
                width,
            )?,
            places,
            norm: tensors.norm("embeddings.LayerNorm", width)?,
            layers,
        })
    }

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
        for row in hidden.chunks_exact(width) {
            ops::add_scaled(&mut mean, row, 1.0 / rows as f32);
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
        layer.query.apply(hidden, rows, query)?;
        layer.key.apply(hidden, rows, key)?;
        layer.value.apply(hidden, rows, value)?;
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
        layer.attended.apply(joined, rows, added)?;
        ops::add_scaled(hidden, added, 1.0);
        layer.attention_norm.apply(hidden);
        layer.inner.apply(hidden, rows, joined)?;
        ops::gelu(joined);
        layer.outer.apply(joined, rows, added)?;
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
    fn apply(&self, input: &[f32], rows: usize, out: &mut Vec<f32>) -> Result<(), ForwardError> {
        let product = Tensor::from_slice(input, (rows, input.len() / rows), &Device::Cpu)
            .and_then(|input| input.matmul(&self.matrix)?.flatten_all()?.to_vec1())
            .map_err(|e| ForwardError::Tensor(format!("a product of the embedding model: {e}")))?;
        *out = product;
        for row in out.chunks_exact_mut(self.bias.len()) {
            ops::add_scaled(row, &self.bias, 1.0);
        }
        Ok(())
    }
}

struct Tensors<'a> {
    weights: &'a Weights,
    /// The prefix of tensors, `bert.` in some files.
    root: &'static str,
    epsilon: f32,
}

impl Tensors<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.root)
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        self.weights.floats(&self.name(name), shape)
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, LoadError> {
        Ok(Norm {
            weight: self.floats(&format!("{name}.weight"), &[width])?,
            bias: self.floats(&format!("{name}.bias"), &[width])?,
            epsilon: self.epsilon,
        })
    }

    fn affine(&self, name: &str, rows: usize, columns: usize) -> Result<Affine, LoadError> {
        let name_of_matrix = self.name(&format!("{name}.weight"));
        let values = self.weights.floats(&name_of_matrix, &[rows, columns])?;
        let mut transposed = vec![0.0; values.len()];
        for (row, values) in values.chunks_exact(columns).enumerate() {
            for (column, value) in values.iter().enumerate() {
                transposed[column * rows + row] = *value;
            }
        }
        let matrix =
            Tensor::from_vec(transposed, (columns, rows), &Device::Cpu).map_err(|e| LoadError::Pack {
                name: name_of_matrix,
                reason: e.to_string(),
            })?;
        Ok(Affine {
            matrix,
            bias: self.floats(&format!("{name}.bias"), &[rows])?,
        })
    }

    fn layer(&self, n: usize, width: usize, inner: usize) -> Result<Layer, LoadError> {
        let affine =
            |name: &str, rows, columns| self.affine(&format!("encoder.layer.{n}.{name}"), rows, columns);
        let norm = |name: &str| self.norm(&format!("encoder.layer.{n}.{name}"), width);
        Ok(Layer {
            query: affine("attention.self.query", width, width)?,
            key: affine("attention.self.key", width, width)?,
            value: affine("attention.self.value", width, width)?,
            attended: affine("attention.output.dense", width, width)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            inner: affine("intermediate.dense", inner, width)?,
            outer: affine("output.dense", width, inner)?,
            norm: norm("output.LayerNorm")?,
        })
    }
}
