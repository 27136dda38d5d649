//! Loading BERT, from GGUF or from a folder of transformers.

use candle_core::{Device, Tensor};
use sigmavault_gguf::TensorKind;

use super::keys::{Keys, bad};
use super::weights::{Stored, Weights};
use crate::model::architectures::embedder::{Affine, Embedder, Layer, Matrix, Norm, Pooling};
use crate::model::error::LoadError;
use crate::model::layers::linear::Linear;
use crate::model::layers::ops;

/// The tensors at the beginning, in transformers' files and in GGUF.
const WORDS: [&str; 2] = ["embeddings.word_embeddings", "token_embd"];
const POSITIONS: [&str; 2] = ["embeddings.position_embeddings", "position_embd"];
const TYPES: [&str; 2] = ["embeddings.token_type_embeddings", "token_types"];
const NORM: [&str; 2] = ["embeddings.LayerNorm", "token_embd_norm"];

/// Heads of training, which embeddings do not pass through.
const HEADS: [&str; 3] = ["pooler.", "bert.pooler.", "cls."];

/// Loads the model. `pooling` are the settings of sentence-transformers, if there are any.
pub(in crate::model) fn load(
    keys: Keys<'_>,
    pooling: Option<Keys<'_>>,
    weights: &Weights,
) -> Result<Embedder, LoadError> {
    refuse_other_forms(keys)?;
    let pooling = if keys.is_gguf() {
        gguf_pooling(keys)?
    } else {
        pooling.map_or(Ok(Pooling::Mean), json_pooling)?
    };
    let width = keys.count(keys.either("hidden_size", "embedding_length"))?;
    let count = keys.either("num_attention_heads", "attention.head_count");
    let heads = keys.count(count)?;
    if width % heads != 0 {
        return Err(bad(
            &keys.name(count),
            &heads,
            "the width cannot be divided by it",
        ));
    }
    for name in weights.names() {
        if HEADS.iter().any(|head| name.starts_with(head)) {
            weights.ignore(&name);
        }
    }
    let tensors = Tensors {
        weights,
        gguf: keys.is_gguf(),
        root: if keys.is_gguf() || weights.has("embeddings.word_embeddings.weight") {
            ""
        } else {
            "bert."
        },
        epsilon: keys.positive(keys.either("layer_norm_eps", "attention.layer_norm_epsilon"))?,
    };
    let positions = keys.count(keys.either("max_position_embeddings", "context_length"))?;
    let words = tensors.name(WORDS, "weight");
    let vocabulary = weights.tensor(&words)?.shape.first().copied().unwrap_or(0);
    if keys
        .maybe_count("vocab_size")?
        .is_some_and(|size| size != vocabulary)
    {
        return Err(weights
            .tensor(&words)?
            .misshapen(&[keys.count("vocab_size")?, width]));
    }
    let mut places = tensors.floats(POSITIONS, "weight", &[positions, width])?;
    let name = tensors.name(TYPES, "weight");
    let rows = weights.tensor(&name)?.shape.iter().product::<usize>() / width;
    if !keys.is_gguf() {
        let types = keys.count("type_vocab_size")?;
        if types != rows {
            return Err(weights.tensor(&name)?.misshapen(&[types, width]));
        }
    }
    let kinds = weights.floats(&name, &[rows.max(1), width])?;
    for place in places.chunks_exact_mut(width) {
        ops::add_scaled(place, &kinds[..width], 1.0);
    }
    let inner = keys.count(keys.either("intermediate_size", "feed_forward_length"))?;
    let layers = keys.count(keys.either("num_hidden_layers", "block_count"))?;
    let layers = (0..layers)
        .map(|n| tensors.layer(n, width, inner))
        .collect::<Result<_, _>>()?;
    Ok(Embedder {
        width,
        heads,
        positions,
        words: Linear::load(weights, &words, vocabulary, width)?,
        places,
        norm: tensors.norm(NORM, width)?,
        layers,
        pooling,
    })
}

/// Rejects forms that the engine does not compute.
fn refuse_other_forms(keys: Keys<'_>) -> Result<(), LoadError> {
    if keys.is_gguf() {
        return keys.only_switch("attention.causal", false, "decoders are not supported");
    }
    keys.only_text("hidden_act", &["gelu"], "only gelu is supported")?;
    keys.only_text(
        "position_embedding_type",
        &["absolute"],
        "only absolute positions are supported",
    )?;
    for key in ["is_decoder", "add_cross_attention", "is_encoder_decoder"] {
        keys.only_switch(key, false, "decoders are not supported")?;
    }
    Ok(())
}

fn gguf_pooling(keys: Keys<'_>) -> Result<Pooling, LoadError> {
    match keys.count_or_none("pooling_type")? {
        None | Some(1) => Ok(Pooling::Mean),
        Some(2) => Ok(Pooling::First),
        Some(other) => Err(bad(
            &keys.name("pooling_type"),
            &other,
            "only the mean (1) and the first token (2) are supported",
        )),
    }
}

/// The pooling that `1_Pooling/config.json` of sentence-transformers describes.
fn json_pooling(keys: Keys<'_>) -> Result<Pooling, LoadError> {
    for key in [
        "pooling_mode_max_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens",
        "pooling_mode_lasttoken",
    ] {
        keys.only_switch(key, false, "only the mean and the first token are supported")?;
    }
    let (mean, first) = (
        keys.switch("pooling_mode_mean_tokens")?,
        keys.switch("pooling_mode_cls_token")?,
    );
    match (mean, first) {
        (true, false) => Ok(Pooling::Mean),
        (false, true) => Ok(Pooling::First),
        _ => Err(bad(
            "pooling_mode_mean_tokens",
            &mean,
            "either the mean or the first token is taken",
        )),
    }
}

struct Tensors<'a> {
    weights: &'a Weights,
    gguf: bool,
    /// The prefix of tensors, `bert.` in some files of transformers.
    root: &'static str,
    epsilon: f32,
}

impl Tensors<'_> {
    fn name(&self, names: [&str; 2], end: &str) -> String {
        let [theirs, gguf] = names;
        format!("{}{}.{end}", self.root, if self.gguf { gguf } else { theirs })
    }

    fn floats(&self, names: [&str; 2], end: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        self.weights.floats(&self.name(names, end), shape)
    }

    fn norm(&self, names: [&str; 2], width: usize) -> Result<Norm, LoadError> {
        Ok(Norm {
            weight: self.floats(names, "weight", &[width])?,
            bias: self.floats(names, "bias", &[width])?,
            epsilon: self.epsilon,
        })
    }

    fn affine(&self, names: [&str; 2], rows: usize, columns: usize) -> Result<Affine, LoadError> {
        Ok(Affine {
            matrix: self.matrix(&self.name(names, "weight"), rows, columns)?,
            bias: self.floats(names, "bias", &[rows])?,
        })
    }

    /// Single precision is turned around for candle.
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, LoadError> {
        let tensor = self.weights.tensor(name)?;
        if tensor.stored != Stored::As(TensorKind::F32) || self.weights.dry().is_some() {
            return Linear::of(self.weights, &tensor, rows, columns).map(Matrix::Stored);
        }
        let values = self.weights.floats(name, &[rows, columns])?;
        let mut transposed = vec![0.0; values.len()];
        for (row, values) in values.chunks_exact(columns).enumerate() {
            for (column, value) in values.iter().enumerate() {
                transposed[column * rows + row] = *value;
            }
        }
        Tensor::from_vec(transposed, (columns, rows), &Device::Cpu)
            .map(Matrix::Full)
            .map_err(|e| tensor.unpackable(&e))
    }

    fn layer(&self, n: usize, width: usize, inner: usize) -> Result<Layer, LoadError> {
        let names =
            |theirs: &str, gguf: &str| [format!("encoder.layer.{n}.{theirs}"), format!("blk.{n}.{gguf}")];
        let affine = |theirs: &str, gguf: &str, rows, columns| {
            let [theirs, gguf] = &names(theirs, gguf);
            self.affine([theirs, gguf], rows, columns)
        };
        let norm = |theirs: &str, gguf: &str| {
            let [theirs, gguf] = &names(theirs, gguf);
            self.norm([theirs, gguf], width)
        };
        Ok(Layer {
            query: affine("attention.self.query", "attn_q", width, width)?,
            key: affine("attention.self.key", "attn_k", width, width)?,
            value: affine("attention.self.value", "attn_v", width, width)?,
            attended: affine("attention.output.dense", "attn_output", width, width)?,
            attention_norm: norm("attention.output.LayerNorm", "attn_output_norm")?,
            inner: affine("intermediate.dense", "ffn_up", inner, width)?,
            outer: affine("output.dense", "ffn_down", width, inner)?,
            norm: norm("output.LayerNorm", "layer_output_norm")?,
        })
    }
}
