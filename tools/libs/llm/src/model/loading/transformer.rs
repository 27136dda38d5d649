//! Loading Llama, Mistral, Qwen2, Qwen3 and `BitNet` b1.58, from GGUF or from a folder of transformers.

use sigmavault_ternary::Precision;

use super::decoder::{Biased, Ends, Heads, Tensors, rope};
use super::keys::{Keys, bad};
use super::weights::Weights;
use crate::model::architectures::decoder::{Block, Decoder, Factors, Feed, Mixer};
use crate::model::error::LoadError;
use crate::model::layers::feed_forward::{FeedForward, Gate};
use crate::model::layers::rope::Pairs;
use crate::model::layers::self_attention::SelfAttention;
use crate::model::network::Spare;
use crate::model::options::LoadOptions;
use crate::model::pages::Shape;
use crate::model::sequence::Memory;

/// The model family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama, and Mistral, which differs by its window.
    Llama,
    /// Qwen2, whose projections of queries, keys and values have biases.
    Qwen2,
    /// Qwen3, whose query and key heads are normalised.
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
    let names = keys.either(JSON, GGUF);
    refuse_other_forms(family, keys)?;
    let width = keys.count(names.width)?;
    let heads = Heads {
        biases: biases(family, keys)?,
        ..Heads::of(keys, width, keys.maybe_count(names.kv_heads)?)?
    };
    let config = Config {
        family,
        width,
        feed_forward: keys.count(names.feed_forward)?,
        heads,
        scale: scale(keys)?,
        epsilon: keys.positive(names.epsilon)?,
    };
    let layers = keys.count(names.layers)?;
    let windows = windows(family, keys, layers)?;
    let rope = rope(keys, weights, heads.size)?;
    let tensors = Tensors {
        weights,
        gguf: keys.is_gguf(),
    };
    let blocks = windows
        .into_iter()
        .enumerate()
        .map(|(n, window)| block(&tensors, &config, n, window))
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
            Family::Llama | Family::Qwen2 | Family::Qwen3 => options.precision,
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
    /// The factor of attention scores, if it is not that of the head's size.
    scale: Option<f32>,
    epsilon: f32,
}

/// Rejects forms that change the result and that the engine does not compute.
fn refuse_other_forms(family: Family, keys: Keys<'_>) -> Result<(), LoadError> {
    if keys.is_gguf() {
        for key in ["expert_count", "expert_used_count"] {
            keys.only_number(
                key,
                0.0,
                "experts are not supported in models of this architecture",
            )?;
        }
        keys.only_switch(
            "attention.causal",
            true,
            "tokens that see later ones are not supported",
        )?;
        return keys.only_number("pooling_type", 0.0, "this is a model for embeddings");
    }
    match family {
        Family::BitNet => keys.only_text("hidden_act", &["relu2"], "only relu2 is supported")?,
        _ => keys.only_text("hidden_act", &["silu", "swish"], "only silu is supported")?,
    }
    keys.only_switch(
        "mlp_bias",
        false,
        "feed-forward parts with a bias are not supported",
    )?;
    keys.only_switch(
        "rope_interleaved",
        false,
        "heads in another order are not supported",
    )?;
    keys.only_switch("is_encoder_decoder", false, "encoders are not supported")?;
    keys.only_switch("add_cross_attention", false, "encoders are not supported")?;
    if family == Family::BitNet
        && let Some(packing) = keys.object("quantization_config")?
    {
        packing.only_text("quant_method", &["bitnet"], "only bitnet is supported")?;
        packing.only_text(
            "linear_class",
            &["autobitlinear"],
            "only autobitlinear is supported",
        )?;
        packing.only_text("quantization_mode", &["offline"], "only offline is supported")?;
        packing.only_switch("use_rms_norm", false, "more normalisations are not supported")?;
    }
    Ok(())
}

/// The projections that have a bias by `config.json`.
fn biases(family: Family, keys: Keys<'_>) -> Result<Biased, LoadError> {
    if keys.is_gguf() {
        return Ok(Biased::None);
    }
    if family == Family::Qwen2 {
        // Older files say it, and have no key for the output's.
        keys.only_switch("attention_bias", true, "Qwen2 has biases")?;
        return Ok(Biased::Inputs);
    }
    Ok(if keys.switch("attention_bias")? {
        Biased::All
    } else {
        Biased::None
    })
}

/// The factor of attention scores, if the file has one; zero stands for none.
fn scale(keys: Keys<'_>) -> Result<Option<f32>, LoadError> {
    if !keys.is_gguf() {
        return Ok(None);
    }
    Ok(keys
        .maybe_number("attention.scale")?
        .filter(|scale| *scale != 0.0))
}

/// How many of the latest tokens the layers see; `None`: all of them.
fn windows(family: Family, keys: Keys<'_>, layers: usize) -> Result<Vec<Option<usize>>, LoadError> {
    if keys.is_gguf() {
        let window = keys
            .count_or_none("attention.sliding_window")?
            .filter(|window| *window > 0);
        return Ok(vec![window; layers]);
    }
    let window = keys.maybe_count("sliding_window")?;
    // Qwen has the key and says whether it applies, and from which layer on.
    let used = keys
        .maybe_switch("use_sliding_window")?
        .unwrap_or(family == Family::Llama);
    let first = keys.count_or_none("max_window_layers")?.unwrap_or(0);
    let Some(types) = keys.texts("layer_types")? else {
        let at = |n| window.filter(|_| used && n >= first);
        return Ok((0..layers).map(at).collect());
    };
    if types.len() != layers {
        let reason = "it must have an entry for each layer";
        return Err(bad("layer_types", &format!("{} entries", types.len()), reason));
    }
    types
        .into_iter()
        .map(|name| match (name, window) {
            ("full_attention", _) => Ok(None),
            ("sliding_attention", Some(window)) => Ok(Some(window)),
            ("sliding_attention", None) => Err(LoadError::MissingKey("sliding_window".to_owned())),
            (other, _) => Err(bad("layer_types", other, "layers of this type are not supported")),
        })
        .collect()
}

fn block(
    tensors: &Tensors<'_>,
    config: &Config,
    n: usize,
    window: Option<usize>,
) -> Result<Block, LoadError> {
    let Config {
        family,
        width,
        feed_forward,
        heads,
        scale,
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
        scale: scale.unwrap_or(plain.scale),
        pairs: match family {
            // Converters turn the rows of these around.
            Family::Llama if tensors.gguf => Pairs::Neighbours,
            _ => plain.pairs,
        },
        window,
        ..plain
    };
    let part = FeedForward {
        kind: match family {
            Family::Llama | Family::Qwen2 | Family::Qwen3 => Gate::Silu,
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
