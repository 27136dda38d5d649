//! Shared by the loaders of [`Decoder`](super::decoder::Decoder)s: names of tensors, heads, attention layers, rope, and the matrices at both ends.

use super::error::LoadError;
use super::keys::{Keys, bad};
use super::linear::Linear;
use super::rope::{Pairs, Rope, Scaling};
use super::self_attention::SelfAttention;
use super::weights::Weights;

/// The tensors of the layers, by their GGUF names.
pub struct Tensors<'a> {
    /// The file.
    pub weights: &'a Weights,
    /// Whether it is GGUF. Otherwise it uses the names of transformers.
    pub gguf: bool,
}

impl Tensors<'_> {
    /// The name of a layer's tensor in the file.
    pub fn name(&self, layer: usize, tensor: &str) -> String {
        if self.gguf {
            return format!("blk.{layer}.{tensor}.weight");
        }
        let tensor = match tensor {
            "attn_norm" => "input_layernorm",
            "attn_q" => "self_attn.q_proj",
            "attn_k" => "self_attn.k_proj",
            "attn_v" => "self_attn.v_proj",
            "attn_output" => "self_attn.o_proj",
            "attn_q_norm" => "self_attn.q_norm",
            "attn_k_norm" => "self_attn.k_norm",
            "attn_sub_norm" => "self_attn.attn_sub_norm",
            "ffn_norm" => "post_attention_layernorm",
            "ffn_gate" => "mlp.gate_proj",
            "ffn_up" => "mlp.up_proj",
            "ffn_down" => "mlp.down_proj",
            "ffn_sub_norm" => "mlp.ffn_sub_norm",
            other => other,
        };
        format!("model.layers.{layer}.{tensor}.weight")
    }

    /// A layer's matrix.
    pub fn matrix(
        &self,
        layer: usize,
        tensor: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Linear, LoadError> {
        Linear::load(self.weights, &self.name(layer, tensor), rows, columns)
    }

    /// A layer's vector.
    pub fn vector(&self, layer: usize, tensor: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        self.weights.floats(&self.name(layer, tensor), &[length])
    }

    /// The attention of layer `n`, without its normalisations.
    pub fn attention(
        &self,
        n: usize,
        width: usize,
        heads: Heads,
        epsilon: f32,
    ) -> Result<SelfAttention, LoadError> {
        let (queries, keys) = (heads.queries * heads.size, heads.keys * heads.size);
        Ok(SelfAttention {
            index: n,
            heads: heads.queries,
            kv_heads: heads.keys,
            size: heads.size,
            scale: 1.0 / (heads.size as f32).sqrt(),
            pairs: Pairs::Halves,
            epsilon,
            query: self.matrix(n, "attn_q", queries, width)?,
            key: self.matrix(n, "attn_k", keys, width)?,
            value: self.matrix(n, "attn_v", keys, width)?,
            output: self.matrix(n, "attn_output", width, queries)?,
            query_norm: None,
            key_norm: None,
            sub_norm: None,
        })
    }
}

/// The heads of attention layers.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    /// Query heads.
    pub queries: usize,
    /// Key and value heads.
    pub keys: usize,
    /// Numbers of a head.
    pub size: usize,
}

impl Heads {
    /// The heads of a file whose layers have `kv` key and value heads, or as many as query heads.
    pub fn of(keys: Keys<'_>, width: usize, kv: Option<usize>) -> Result<Self, LoadError> {
        let gguf = matches!(keys, Keys::Gguf(..));
        let (count, kv_count, head_size) = if gguf {
            (
                "attention.head_count",
                "attention.head_count_kv",
                "attention.key_length",
            )
        } else {
            ("num_attention_heads", "num_key_value_heads", "head_dim")
        };
        let queries = keys.count(count)?;
        let kv = kv.unwrap_or(queries);
        let size = match keys.maybe_count(head_size)? {
            Some(size) => size,
            None if width.is_multiple_of(queries) => width / queries,
            None => {
                return Err(bad(
                    &keys.name(count),
                    &queries,
                    "the width cannot be divided by it",
                ));
            }
        };
        if !queries.is_multiple_of(kv) {
            return Err(bad(
                &keys.name(kv_count),
                &kv,
                "the query heads cannot be divided among them",
            ));
        }
        if size % 2 != 0 || size > 1024 {
            return Err(bad(
                &keys.name(head_size),
                &size,
                "heads must be even and at most 1024 large",
            ));
        }
        let value_size = if gguf {
            keys.maybe_count("attention.value_length")?
        } else {
            None
        };
        if value_size.is_some_and(|other| other != size) {
            return Err(bad(
                &keys.name("attention.value_length"),
                &size,
                "keys and values of two sizes are not supported",
            ));
        }
        Ok(Self {
            queries,
            keys: kv,
            size,
        })
    }
}

/// The matrices at both ends of the layers.
pub struct Ends {
    /// The embedding, a row for each token.
    pub embedding: Linear,
    /// The final normalisation.
    pub norm: Vec<f32>,
    /// `None`: the embedding is tied to the head.
    pub head: Option<Linear>,
}

impl Ends {
    /// Loads the tensors with these names: embedding, normalisation, head.
    pub fn load(
        keys: Keys<'_>,
        weights: &Weights,
        names: [&str; 3],
        vocabulary: usize,
        width: usize,
    ) -> Result<Self, LoadError> {
        let [embedding, norm, head] = names;
        let tied = !weights.has(head) || keys.switch("tie_word_embeddings");
        Ok(Self {
            embedding: Linear::load(weights, embedding, vocabulary, width)?,
            norm: weights.floats(norm, &[width])?,
            head: if tied {
                None
            } else {
                Some(Linear::load(weights, head, vocabulary, width)?)
            },
        })
    }

    /// Their names in GGUF files.
    pub const GGUF: [&'static str; 3] = ["token_embd.weight", "output_norm.weight", "output.weight"];
    /// Their names in most files of transformers.
    pub const TRANSFORMERS: [&'static str; 3] =
        ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"];
}

/// The rotary positions described by the file.
pub fn rope(keys: Keys<'_>, size: usize) -> Result<Rope, LoadError> {
    let (base, scaling) = match keys {
        Keys::Gguf(..) => (keys.maybe_number("rope.freq_base")?, gguf_scaling(keys)?),
        Keys::Json(json) => {
            // Newer files keep all parameters in one object, older ones keep the base beside it.
            let inner = ["rope_parameters", "rope_scaling"]
                .iter()
                .find_map(|k| json.get(k).filter(|v| v.is_object()));
            let inner = inner.map(Keys::Json);
            let base = match inner {
                Some(inner) => inner.maybe_number("rope_theta")?,
                None => None,
            };
            let base = if base.is_some() {
                base
            } else {
                keys.maybe_number("rope_theta")?
            };
            (base, inner.map_or(Ok(Scaling::None), json_scaling)?)
        }
    };
    let base = base.unwrap_or(10000.0);
    if base <= 1.0 {
        return Err(bad("the frequency base of rope", &base, "it must be above one"));
    }
    Ok(Rope::new(size, base, scaling))
}

fn gguf_scaling(keys: Keys<'_>) -> Result<Scaling, LoadError> {
    match keys.text("rope.scaling.type") {
        None | Some("none") => Ok(Scaling::None),
        Some("linear") => Ok(Scaling::Linear(keys.positive("rope.scaling.factor")?)),
        Some("yarn") => Ok(Scaling::Yarn {
            factor: keys.positive("rope.scaling.factor")?,
            original: keys.count("rope.scaling.original_context_length")?,
        }),
        Some(other) => Err(bad(
            &keys.name("rope.scaling.type"),
            other,
            "this scaling is not supported",
        )),
    }
}

fn json_scaling(keys: Keys<'_>) -> Result<Scaling, LoadError> {
    match keys.text("rope_type").or_else(|| keys.text("type")) {
        None | Some("default") => Ok(Scaling::None),
        Some("linear") => Ok(Scaling::Linear(keys.positive("factor")?)),
        Some("yarn") => Ok(Scaling::Yarn {
            factor: keys.positive("factor")?,
            original: keys.count("original_max_position_embeddings")?,
        }),
        Some(other) => Err(bad("rope_type", other, "this scaling is not supported")),
    }
}
