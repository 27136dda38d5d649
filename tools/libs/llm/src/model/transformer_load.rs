//! Loading Qwen3 and `BitNet` b1.58, from GGUF or from a folder of transformers.

use sigmavault_ternary::Precision;

use super::decoder::{Block, Decoder, Factors, Feed, Mixer};
use super::decoder_load::{Ends, Heads, Tensors, rope};
use super::error::LoadError;
use super::feed_forward::{FeedForward, Gate};
use super::keys::Keys;
use super::network::Spare;
use super::options::LoadOptions;
use super::pages::Shape;
use super::self_attention::SelfAttention;
use super::sequence::Memory;
use super::weights::Weights;

/// The model family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Qwen3.
    Qwen3,
    /// `BitNet` b1.58 2B4T.
    BitNet,
}

/// The names of values in the two formats.
struct Names {
    width: &'static str,
    feed_forward: &'static str,
    layers: &'static str,
    kv_heads: &'static str,
    epsilon: &'static str,
}

const GGUF: Names = Names {
    width: "embedding_length",
    feed_forward: "feed_forward_length",
    layers: "block_count",
    kv_heads: "attention.head_count_kv",
    epsilon: "attention.layer_norm_rms_epsilon",
};

const JSON: Names = Names {
    width: "hidden_size",
    feed_forward: "intermediate_size",
    layers: "num_hidden_layers",
    kv_heads: "num_key_value_heads",
    epsilon: "rms_norm_eps",
};

/// Loads the model. `BitNet` has its own precision, independent of the options.
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
    let width = keys.count(names.width)?;
    let heads = Heads::of(keys, width, keys.maybe_count(names.kv_heads)?)?;
    let config = Config {
        family,
        width,
        feed_forward: keys.count(names.feed_forward)?,
        heads,
        epsilon: keys.positive(names.epsilon)?,
    };
    let layers = keys.count(names.layers)?;
    let rope = rope(keys, heads.size)?;
    let tensors = Tensors {
        weights,
        gguf: matches!(keys, Keys::Gguf(..)),
    };
    let blocks = (0..layers)
        .map(|n| block(&tensors, &config, n))
        .collect::<Result<_, _>>()?;
    let ends = if tensors.gguf {
        Ends::GGUF
    } else {
        Ends::TRANSFORMERS
    };
    let ends = Ends::load(keys, weights, ends, vocabulary, width)?;
    Ok(Decoder {
        width,
        memory: Memory {
            attention: Some(Shape {
                layers,
                heads: heads.keys,
                size: heads.size,
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
        embedding: ends.embedding,
        blocks,
        norm: ends.norm,
        head: ends.head,
        spare: Spare::default(),
    })
}

/// Sizes of a model.
#[derive(Debug, Clone, Copy)]
struct Config {
    family: Family,
    width: usize,
    feed_forward: usize,
    heads: Heads,
    epsilon: f32,
}

fn block(tensors: &Tensors<'_>, config: &Config, n: usize) -> Result<Block, LoadError> {
    let Config {
        family,
        width,
        feed_forward,
        heads,
        epsilon,
    } = *config;
    let only = |wanted: Family, tensor: &str, length: usize| {
        (family == wanted)
            .then(|| tensors.vector(n, tensor, length))
            .transpose()
    };
    let plain = tensors.attention(n, width, heads, epsilon)?;
    let attention = SelfAttention {
        query_norm: only(Family::Qwen3, "attn_q_norm", heads.size)?,
        key_norm: only(Family::Qwen3, "attn_k_norm", heads.size)?,
        sub_norm: only(Family::BitNet, "attn_sub_norm", heads.queries * heads.size)?,
        ..plain
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
        feed_forward: Some((tensors.vector(n, "ffn_norm", width)?, Feed::Dense(part))),
    })
}
