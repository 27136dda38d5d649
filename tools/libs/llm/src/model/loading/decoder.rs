//! Shared by the loaders of [`Decoder`](crate::model::architectures::decoder::Decoder)s: names of tensors, heads, attention layers, rope, and the matrices at both ends.

use super::keys::{Keys, bad};
use super::weights::Weights;
use crate::model::error::LoadError;
use crate::model::layers::linear::Linear;
use crate::model::layers::rope::{FAST, Pairs, Rope, SLOW, Scaling, yarn_gain};
use crate::model::layers::self_attention::{Biases, SelfAttention};

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

    /// The bias of a layer's matrix: required if `stated`, where `config.json` says whether there is one. GGUF files do not say it; a bias
    /// belongs to the model if it is there.
    fn bias(
        &self,
        layer: usize,
        tensor: &str,
        length: usize,
        stated: bool,
    ) -> Result<Option<Vec<f32>>, LoadError> {
        let name = self.name(layer, tensor);
        let name = format!("{}.bias", name.strip_suffix(".weight").unwrap_or(&name));
        if stated || (self.gguf && self.weights.has(&name)) {
            return self.weights.floats(&name, &[length]).map(Some);
        }
        Ok(None)
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
            biases: Biases {
                query: self.bias(n, "attn_q", queries, heads.biases != Biased::None)?,
                key: self.bias(n, "attn_k", keys, heads.biases != Biased::None)?,
                value: self.bias(n, "attn_v", keys, heads.biases != Biased::None)?,
                output: self.bias(n, "attn_output", width, heads.biases == Biased::All)?,
            },
            window: None,
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
    /// The projections that have a bias by `config.json`.
    pub biases: Biased,
}

/// Which projections of attention have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Biased {
    /// None of them, or those with one in a GGUF file.
    None,
    /// Those of queries, keys and values.
    Inputs,
    /// These and that of the output.
    All,
}

impl Heads {
    /// The heads of a file whose layers have `kv` key and value heads, or as many as query heads.
    pub fn of(keys: Keys<'_>, width: usize, kv: Option<usize>) -> Result<Self, LoadError> {
        let gguf = keys.is_gguf();
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
            biases: Biased::None,
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
        // GGUF files have no such key: a head that is there counts.
        let tied = !keys.is_gguf() && keys.switch("tie_word_embeddings")?;
        if tied {
            weights.ignore(head);
        }
        let tied = tied || !weights.has(head);
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

/// The factors of a GGUF file by which the frequencies are divided, as Llama 3.1 has them.
const FREQUENCIES: &str = "rope_freqs.weight";

/// The rotary positions described by the file.
pub fn rope(keys: Keys<'_>, weights: &Weights, size: usize) -> Result<Rope, LoadError> {
    let (base, scaling) = if keys.is_gguf() {
        match keys.maybe_count("rope.dimension_count")? {
            Some(turned) if turned != size => {
                return Err(bad(
                    &keys.name("rope.dimension_count"),
                    &turned,
                    "heads that are turned in part are not supported",
                ));
            }
            _ => (keys.maybe_number("rope.freq_base")?, gguf_scaling(keys)?),
        }
    } else {
        json_rope(keys)?
    };
    let base = base.unwrap_or(10000.0);
    if base <= 1.0 {
        return Err(bad("the frequency base of rope", &base, "it must be above one"));
    }
    let rope = Rope::new(size, base, scaling);
    if !keys.is_gguf() || !weights.has(FREQUENCIES) {
        return Ok(rope);
    }
    let factors = weights.floats(FREQUENCIES, &[size / 2])?;
    match factors
        .iter()
        .find(|factor| !(factor.is_finite() && **factor > 0.0))
    {
        Some(factor) => Err(bad(FREQUENCIES, factor, "it must be above zero")),
        None => Ok(rope.divided(&factors)),
    }
}

/// Newer files keep all parameters in one object, older ones keep the base beside it.
fn json_rope(keys: Keys<'_>) -> Result<(Option<f32>, Scaling), LoadError> {
    let partial = "heads that are turned in part are not supported";
    keys.only_number("partial_rotary_factor", 1.0, partial)?;
    let inner = match keys.object("rope_parameters")? {
        Some(inner) => Some(inner),
        None => keys.object("rope_scaling")?,
    };
    let Some(inner) = inner else {
        return Ok((keys.maybe_number("rope_theta")?, Scaling::None));
    };
    inner.only_number("partial_rotary_factor", 1.0, partial)?;
    let base = match inner.maybe_number("rope_theta")? {
        Some(base) => Some(base),
        None => keys.maybe_number("rope_theta")?,
    };
    Ok((base, json_scaling(inner)?))
}

fn gguf_scaling(keys: Keys<'_>) -> Result<Scaling, LoadError> {
    // Older files have the factor alone.
    let linear = keys.maybe_positive("rope.scale_linear")?;
    let factor = keys
        .maybe_number("rope.scaling.factor")?
        .filter(|factor| *factor != 0.0);
    let kind = keys.text("rope.scaling.type")?;
    if kind != Some("yarn") {
        keys.only_number("rope.scaling.attn_factor", 1.0, "this scaling is not supported")?;
    }
    let factor = factor.or(linear);
    match kind {
        Some("none") => Ok(Scaling::None),
        None => Ok(factor.map_or(Scaling::None, Scaling::Linear)),
        Some("linear") => Ok(Scaling::Linear(keys.positive("rope.scaling.factor")?)),
        Some("yarn") => {
            keys.only_number(
                "rope.scaling.yarn_ext_factor",
                1.0,
                "this scaling is not supported",
            )?;
            let factor = keys.positive("rope.scaling.factor")?;
            let gain = keys.maybe_positive("rope.scaling.attn_factor")?.unwrap_or(1.0)
                * keys
                    .maybe_positive("rope.scaling.yarn_attn_factor")?
                    .unwrap_or(1.0);
            Ok(Scaling::Yarn {
                factor,
                original: keys.count("rope.scaling.original_context_length")?,
                fast: keys
                    .maybe_positive("rope.scaling.yarn_beta_fast")?
                    .unwrap_or(FAST),
                slow: keys
                    .maybe_positive("rope.scaling.yarn_beta_slow")?
                    .unwrap_or(SLOW),
                gain: gain * yarn_gain(factor),
            })
        }
        Some(other) => Err(bad(
            &keys.name("rope.scaling.type"),
            other,
            "this scaling is not supported",
        )),
    }
}

fn json_scaling(keys: Keys<'_>) -> Result<Scaling, LoadError> {
    let kind = match keys.text("rope_type")? {
        Some(kind) => {
            // Both names of the same value, in some files.
            keys.only_text("type", &[kind], "rope_type says another")?;
            Some(kind)
        }
        None => keys.text("type")?,
    };
    match kind {
        None | Some("default") => Ok(Scaling::None),
        Some("linear") => Ok(Scaling::Linear(keys.positive("factor")?)),
        Some("yarn") => {
            let factor = keys.positive("factor")?;
            keys.only_switch("truncate", true, "this scaling is not supported")?;
            Ok(Scaling::Yarn {
                factor,
                original: keys.count("original_max_position_embeddings")?,
                fast: keys.maybe_positive("beta_fast")?.unwrap_or(FAST),
                slow: keys.maybe_positive("beta_slow")?.unwrap_or(SLOW),
                gain: keys
                    .maybe_positive("attention_factor")?
                    .unwrap_or_else(|| yarn_gain(factor)),
            })
        }
        Some("llama3") => Ok(Scaling::Llama3 {
            factor: keys.positive("factor")?,
            original: keys.count("original_max_position_embeddings")?,
            low: keys.positive("low_freq_factor")?,
            high: keys.positive("high_freq_factor")?,
        }),
        Some(other) => Err(bad("rope_type", other, "this scaling is not supported")),
    }
}
