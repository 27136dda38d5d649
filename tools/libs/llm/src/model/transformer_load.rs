//! Loading Qwen3 and `BitNet` b1.58, from GGUF or from a folder of transformers.

use sigmavault_ternary::Precision;

use super::decoder::{Block, Decoder, Factors, Mixer};
use super::error::LoadError;
use super::feed_forward::{FeedForward, Gate};
use super::keys::{Keys, bad};
use super::linear::Linear;
use super::load::LoadOptions;
use super::network::Spare;
use super::pages::Shape;
use super::rope::{Rope, Scaling};
use super::self_attention::SelfAttention;
use super::sequence::Memory;
use super::weights::Weights;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Qwen3.
    Qwen3,
    /// `BitNet` b1.58 2B4T.
    BitNet,
}

/// The same values under their two names.
struct Names {
    width: &'static str,
    feed_forward: &'static str,
    layers: &'static str,
    heads: &'static str,
    kv_heads: &'static str,
    head_size: &'static str,
    epsilon: &'static str,
}

const GGUF: Names = Names {
    width: "embedding_length",
    feed_forward: "feed_forward_length",
    layers: "block_count",
    heads: "attention.head_count",
    kv_heads: "attention.head_count_kv",
    head_size: "attention.key_length",
    epsilon: "attention.layer_norm_rms_epsilon",
};

const JSON: Names = Names {
    width: "hidden_size",
    feed_forward: "intermediate_size",
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    kv_heads: "num_key_value_heads",
    head_size: "head_dim",
    epsilon: "rms_norm_eps",
};

/// Loads the model. `BitNet` has its own precision, whatever the options say.
pub fn load(
    family: Family,
    keys: Keys<'_>,
    weights: &Weights,
    vocabulary: usize,
    options: &LoadOptions,
) -> Result<Decoder, LoadError> {
    let names = if matches!(keys, Keys::Gguf(..)) {
        GGUF
    } else {
        JSON
    };
    let (width, heads) = (keys.count(names.width)?, keys.count(names.heads)?);
    let kv_heads = keys.maybe_count(names.kv_heads)?.unwrap_or(heads);
    let head_size = match keys.maybe_count(names.head_size)? {
        Some(size) => size,
        None if width % heads == 0 => width / heads,
        None => {
            return Err(bad(
                &keys.name(names.heads),
                &heads,
                "the width cannot be divided by it",
            ));
        }
    };
    if heads % kv_heads != 0 {
        return Err(bad(
            &keys.name(names.kv_heads),
            &kv_heads,
            "the query heads cannot be divided among them",
        ));
    }
    if head_size % 2 != 0 || head_size > 1024 {
        return Err(bad(
            &keys.name(names.head_size),
            &head_size,
            "heads must be even and at most 1024 large",
        ));
    }
    let value_size = if matches!(keys, Keys::Gguf(..)) {
        keys.maybe_count("attention.value_length")?
    } else {
        None
    };
    if value_size.is_some_and(|size| size != head_size) {
        return Err(bad(
            &keys.name("attention.value_length"),
            &head_size,
            "keys and values of two sizes are not supported",
        ));
    }
    let config = Config {
        family,
        width,
        feed_forward: keys.count(names.feed_forward)?,
        heads,
        kv_heads,
        head_size,
        epsilon: keys.positive(names.epsilon)?,
    };
    let layers = keys.count(names.layers)?;
    let rope = rope(keys, head_size)?;
    let tensors = Tensors {
        weights,
        gguf: matches!(keys, Keys::Gguf(..)),
    };
    let blocks = (0..layers)
        .map(|n| block(&tensors, &config, n))
        .collect::<Result<_, _>>()?;
    let (embedding, norm, head) = if tensors.gguf {
        ("token_embd.weight", "output_norm.weight", "output.weight")
    } else {
        ("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight")
    };
    let tied = !weights.has(head) || (!tensors.gguf && keys.switch("tie_word_embeddings"));
    Ok(Decoder {
        width,
        memory: Memory {
            attention: Some(Shape {
                layers,
                heads: kv_heads,
                size: head_size,
                kind: options.kv,
            }),
            recurrent: 0,
        },
        epsilon: config.epsilon,
        precision: match family {
            Family::Qwen3 => options.precision,
            Family::BitNet => Precision::Int8PerToken,
        },
        factors: Factors::default(),
        rope: Some(rope),
        embedding: Linear::load(weights, embedding, vocabulary, width)?,
        blocks,
        norm: weights.floats(norm, &[width])?,
        head: if tied {
            None
        } else {
            Some(Linear::load(weights, head, vocabulary, width)?)
        },
        spare: Spare::default(),
    })
}

/// Sizes of a model.
#[derive(Debug, Clone, Copy)]
struct Config {
    family: Family,
    width: usize,
    feed_forward: usize,
    heads: usize,
    kv_heads: usize,
    head_size: usize,
    epsilon: f32,
}

/// The tensors of a layer, by their GGUF names.
struct Tensors<'a> {
    weights: &'a Weights,
    gguf: bool,
}

impl Tensors<'_> {
    fn name(&self, layer: usize, tensor: &str) -> String {
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

    fn matrix(&self, layer: usize, tensor: &str, rows: usize, columns: usize) -> Result<Linear, LoadError> {
        Linear::load(self.weights, &self.name(layer, tensor), rows, columns)
    }

    fn vector(&self, layer: usize, tensor: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        self.weights.floats(&self.name(layer, tensor), &[length])
    }
}

fn block(tensors: &Tensors<'_>, config: &Config, n: usize) -> Result<Block, LoadError> {
    let Config {
        family,
        width,
        feed_forward,
        head_size,
        epsilon,
        ..
    } = *config;
    let (queries, keys) = (config.heads * head_size, config.kv_heads * head_size);
    let only = |wanted: Family, tensor: &str, length: usize| {
        (family == wanted)
            .then(|| tensors.vector(n, tensor, length))
            .transpose()
    };
    let attention = SelfAttention {
        index: n,
        heads: config.heads,
        kv_heads: config.kv_heads,
        size: head_size,
        scale: 1.0 / (head_size as f32).sqrt(),
        epsilon,
        query: tensors.matrix(n, "attn_q", queries, width)?,
        key: tensors.matrix(n, "attn_k", keys, width)?,
        value: tensors.matrix(n, "attn_v", keys, width)?,
        output: tensors.matrix(n, "attn_output", width, queries)?,
        query_norm: only(Family::Qwen3, "attn_q_norm", head_size)?,
        key_norm: only(Family::Qwen3, "attn_k_norm", head_size)?,
        sub_norm: only(Family::BitNet, "attn_sub_norm", queries)?,
    };
    let part = FeedForward {
        kind: match family {
            Family::Qwen3 => Gate::Silu,
            Family::BitNet => Gate::SquareRelu,
        },
        gate: tensors.matrix(n, "ffn_gate", feed_forward, width)?,
        up: tensors.matrix(n, "ffn_up", feed_forward, width)?,
        down: tensors.matrix(n, "ffn_down", width, feed_forward)?,
        sub_norm: only(Family::BitNet, "ffn_sub_norm", feed_forward)?.map(|weight| (weight, epsilon)),
    };
    Ok(Block {
        norm: tensors.vector(n, "attn_norm", width)?,
        mixer: Mixer::Attention(attention),
        feed_forward: Some((tensors.vector(n, "ffn_norm", width)?, part)),
    })
}

fn rope(keys: Keys<'_>, size: usize) -> Result<Rope, LoadError> {
    let (base, scaling) = match keys {
        Keys::Gguf(..) => (keys.maybe_number("rope.freq_base")?, gguf_scaling(keys)?),
        Keys::Json(json) => {
            // Newer files keep all of it in one object, older ones the base beside it.
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
