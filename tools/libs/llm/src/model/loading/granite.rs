//! Loading Granite 4 H, Mamba-2 layers with occasional attention layers, each followed by a gated part or experts, from GGUF
//! (`granitehybrid`) or a folder of transformers (`granitemoehybrid`).

use super::decoder::{Ends, Heads, Tensors, rope};
use super::keys::{Keys, bad};
use super::mamba2;
use super::weights::{Tensor, Weights};
use crate::model::architectures::decoder::{Block, Decoder, Factors, Feed, Mixer};
use crate::model::error::LoadError;
use crate::model::layers::experts::Experts;
use crate::model::layers::feed_forward::{FeedForward, Gate};
use crate::model::layers::linear::Linear;
use crate::model::layers::mamba2::Sizes;
use crate::model::layers::rope::Pairs;
use crate::model::layers::self_attention::SelfAttention;
use crate::model::network::Spare;
use crate::model::options::LoadOptions;
use crate::model::pages::Shape;
use crate::model::sequence::Memory;

/// Loads the model.
pub fn load(
    keys: Keys<'_>,
    weights: &Weights,
    vocabulary: usize,
    options: &LoadOptions,
) -> Result<Decoder, LoadError> {
    let gguf = keys.is_gguf();
    let either = |theirs, ours| keys.either(theirs, ours);
    let width = keys.count(either("hidden_size", "embedding_length"))?;
    let kinds = kinds(keys)?;
    let heads = heads(keys, &kinds, width)?;
    refuse_other_forms(keys)?;
    let rope = match heads {
        Some(heads) => has_rope(keys)?
            .then(|| rope(keys, weights, heads.size))
            .transpose()?,
        None => None,
    };
    let factor = |theirs, ours| {
        let found = keys.maybe_number(either(theirs, ours))?;
        // Converters write zero for absent factors.
        Ok::<_, LoadError>(found.filter(|factor| *factor != 0.0))
    };
    let factors = Factors {
        embedding: factor("embedding_multiplier", "embedding_scale")?.unwrap_or(1.0),
        residual: factor("residual_multiplier", "residual_scale")?.unwrap_or(1.0),
        logits: 1.0 / factor("logits_scaling", "logit_scale")?.unwrap_or(1.0),
    };
    let layers = Layers {
        tensors: Tensors { weights, gguf },
        width,
        epsilon: keys.positive(either("rms_norm_eps", "attention.layer_norm_rms_epsilon"))?,
        heads,
        scale: factor("attention_multiplier", "attention.scale")?.or((!gguf).then_some(1.0)),
        sizes: kinds
            .contains(&Kind::Mamba)
            .then(|| mamba2::sizes(keys))
            .transpose()?,
        feed: FeedSizes::of(keys)?,
    };
    let (mut attention, mut recurrent) = (0, 0);
    let blocks = kinds
        .iter()
        .enumerate()
        .map(|(n, kind)| {
            let mixer = match kind {
                Kind::Attention => {
                    attention += 1;
                    Mixer::Attention(layers.attention(n, attention - 1)?)
                }
                Kind::Mamba => {
                    let at = recurrent;
                    recurrent += layers.sizes.map_or(0, Sizes::memory);
                    layers.mamba(n, at)?
                }
            };
            Ok(Block {
                norm: layers.tensors.vector(n, "attn_norm", width)?,
                mixer,
                feed_forward: Some((layers.tensors.vector(n, "ffn_norm", width)?, layers.feed(n)?)),
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let ends = Ends::load(
        keys,
        weights,
        if gguf { Ends::GGUF } else { Ends::TRANSFORMERS },
        vocabulary,
        width,
    )?;
    Ok(Decoder {
        width,
        memory: Memory {
            attention: heads.map(|heads| Shape {
                layers: attention,
                heads: heads.keys,
                size: heads.size,
                kind: options.kv,
            }),
            recurrent,
        },
        epsilon: layers.epsilon,
        precision: options.precision,
        factors,
        rope,
        embedding: ends.embedding,
        blocks,
        norm: ends.norm,
        head: ends.head,
        spare: Spare::default(),
    })
}

/// The mixer of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Attention,
    Mamba,
}

/// The kinds of the layers: in GGUF, those without key and value heads are Mamba layers.
fn kinds(keys: Keys<'_>) -> Result<Vec<Kind>, LoadError> {
    if keys.is_gguf() {
        let layers = keys.count("block_count")?;
        let counts = keys.counts("attention.head_count_kv", layers)?;
        let kind = |count| if count == 0 { Kind::Mamba } else { Kind::Attention };
        return Ok(counts.into_iter().map(kind).collect());
    }
    let layers = keys.count("num_hidden_layers")?;
    let Some(names) = keys.texts("layer_types")? else {
        return Ok(vec![Kind::Mamba; layers]);
    };
    if names.len() != layers {
        let reason = "it must have an entry for each layer";
        return Err(bad("layer_types", &format!("{} entries", names.len()), reason));
    }
    let kind = |name: &str| match name {
        "attention" | "full_attention" => Ok(Kind::Attention),
        "mamba" | "linear_attention" => Ok(Kind::Mamba),
        _ => Err(bad("layer_types", name, "layers are of attention or of mamba")),
    };
    names.into_iter().map(kind).collect()
}

/// The heads of the attention layers, if there are any.
fn heads(keys: Keys<'_>, kinds: &[Kind], width: usize) -> Result<Option<Heads>, LoadError> {
    if !kinds.contains(&Kind::Attention) {
        return Ok(None);
    }
    if !keys.is_gguf() {
        return Heads::of(keys, width, keys.maybe_count("num_key_value_heads")?).map(Some);
    }
    let key = "attention.head_count_kv";
    let mut counts = keys.counts(key, kinds.len())?;
    counts.retain(|count| *count > 0);
    counts.dedup();
    match counts[..] {
        [count] => Heads::of(keys, width, Some(count)).map(Some),
        _ => Err(bad(
            &keys.name(key),
            &format!("{counts:?}"),
            "attention layers with different heads are not supported",
        )),
    }
}

/// Whether attention uses positions.
fn has_rope(keys: Keys<'_>) -> Result<bool, LoadError> {
    if keys.is_gguf() {
        // The converter has no better key for it.
        return Ok(keys.maybe_switch("rope.scaling.finetuned")?.unwrap_or(true));
    }
    Ok(keys.text("position_embedding_type")? == Some("rope"))
}

/// Rejects forms that no published model has.
fn refuse_other_forms(keys: Keys<'_>) -> Result<(), LoadError> {
    keys.only_text(
        "normalization_function",
        &["rmsnorm"],
        "only rmsnorm is supported",
    )?;
    keys.only_switch("is_encoder_decoder", false, "encoders are not supported")?;
    for key in ["attention_bias", "mamba_proj_bias"] {
        keys.only_switch(key, false, "projections with a bias are not supported")?;
    }
    keys.only_switch(
        "mamba_conv_bias",
        true,
        "convolutions without a bias are not supported",
    )?;
    mamba2::refuse_other_steps(keys)
}

/// The sizes of feed-forward parts.
#[derive(Debug, Clone, Copy)]
struct FeedSizes {
    /// The number of experts, and how many of them a token uses; `None` in dense models.
    experts: Option<(usize, usize)>,
    /// The inner width of an expert.
    expert: usize,
    /// The inner width of the shared part; zero if there is none.
    shared: usize,
}

impl FeedSizes {
    fn of(keys: Keys<'_>) -> Result<Self, LoadError> {
        let names = keys.either(
            [
                "num_local_experts",
                "num_experts_per_tok",
                "intermediate_size",
                "shared_intermediate_size",
            ],
            [
                "expert_count",
                "expert_used_count",
                "feed_forward_length",
                "expert_shared_feed_forward_length",
            ],
        );
        let experts = match keys.count_or_none(names[0])? {
            None | Some(0) => None,
            Some(count) => Some((count, keys.count(names[1])?)),
        };
        if let Some((count, used)) = experts
            && used > count
        {
            return Err(bad(&keys.name(names[1]), &used, "there are fewer experts"));
        }
        let shared = keys.count_or_none(names[3])?.unwrap_or(0);
        let Some(_) = experts else {
            // In GGUF files, a sole shared part has the name of a dense model's.
            let key = if keys.is_gguf() { names[2] } else { names[3] };
            return Ok(Self {
                experts,
                expert: 0,
                shared: keys.count(key)?,
            });
        };
        Ok(Self {
            experts,
            expert: keys.count(names[2])?,
            shared,
        })
    }
}

/// Everything needed to load a layer.
struct Layers<'a> {
    tensors: Tensors<'a>,
    width: usize,
    epsilon: f32,
    heads: Option<Heads>,
    /// The factor of attention scores, if the file has one.
    scale: Option<f32>,
    sizes: Option<Sizes>,
    feed: FeedSizes,
}

impl Layers<'_> {
    /// The attention of layer `n`, number `index` of those with attention.
    fn attention(&self, n: usize, index: usize) -> Result<SelfAttention, LoadError> {
        let heads = self
            .heads
            .ok_or_else(|| LoadError::MissingKey("the heads of attention".to_owned()))?;
        let plain = self.tensors.attention(n, self.width, heads, self.epsilon)?;
        Ok(SelfAttention {
            index,
            scale: self.scale.unwrap_or(plain.scale),
            pairs: if self.tensors.gguf {
                Pairs::Neighbours
            } else {
                Pairs::Halves
            },
            ..plain
        })
    }

    /// The Mamba-2 part of layer `n`, whose state is at `at` in that of a sequence.
    fn mamba(&self, n: usize, at: usize) -> Result<Mixer, LoadError> {
        let sizes = self
            .sizes
            .ok_or_else(|| LoadError::MissingKey("the sizes of Mamba".to_owned()))?;
        let tensors = if self.tensors.gguf {
            mamba2::Tensors::gguf(self.tensors.weights, n)
        } else {
            mamba2::Tensors::transformers(self.tensors.weights, "model", n)
        };
        mamba2::layer(&tensors, sizes, self.width, at, self.epsilon).map(Mixer::Mamba2)
    }

    /// The feed-forward part of layer `n`.
    fn feed(&self, n: usize) -> Result<Feed, LoadError> {
        let Some((count, used)) = self.feed.experts else {
            return self.shared(n, "").map(Feed::Dense);
        };
        let router = if self.tensors.gguf {
            "ffn_gate_inp"
        } else {
            "block_sparse_moe.router.layer"
        };
        Ok(Feed::Experts(Experts {
            router: self.tensors.matrix(n, router, count, self.width)?,
            used,
            parts: self.experts(n, count)?,
            shared: (self.feed.shared > 0)
                .then(|| self.shared(n, "_shexp"))
                .transpose()?,
        }))
    }

    /// The shared part; `suffix` ends its names in GGUF files.
    fn shared(&self, n: usize, ending: &str) -> Result<FeedForward, LoadError> {
        let weights = self.tensors.weights;
        let size = self.feed.shared;
        if self.tensors.gguf {
            let [gate, up, down] =
                ["gate", "up", "down"].map(|part| self.tensors.name(n, &format!("ffn_{part}{ending}")));
            return self.gated(
                &weights.tensor(&gate)?,
                &weights.tensor(&up)?,
                &weights.tensor(&down)?,
                size,
            );
        }
        let both = self.tensors.name(n, "shared_mlp.input_linear");
        let down = self.tensors.name(n, "shared_mlp.output_linear");
        let both = weights.tensor(&both)?;
        self.gated(
            &both.part(0, 2)?,
            &both.part(1, 2)?,
            &weights.tensor(&down)?,
            size,
        )
    }

    /// The experts, each a part of tensors that contain all of them.
    fn experts(&self, n: usize, count: usize) -> Result<Vec<FeedForward>, LoadError> {
        let (weights, size, width) = (self.tensors.weights, self.feed.expert, self.width);
        let shaped = |name, rows, columns| {
            let tensor = weights.tensor(name)?;
            if tensor.shape != [count, rows, columns] {
                return Err(tensor.misshapen(&[count, rows, columns]));
            }
            Ok(tensor)
        };
        if self.tensors.gguf {
            let [gate, up, down] =
                ["gate", "up", "down"].map(|part| self.tensors.name(n, &format!("ffn_{part}_exps")));
            let (gate, up) = (shaped(&gate, size, width)?, shaped(&up, size, width)?);
            let down = shaped(&down, width, size)?;
            let one = |e| {
                self.gated(
                    &gate.part(e, count)?,
                    &up.part(e, count)?,
                    &down.part(e, count)?,
                    size,
                )
            };
            return (0..count).map(one).collect();
        }
        let both = self.tensors.name(n, "block_sparse_moe.input_linear");
        let down = self.tensors.name(n, "block_sparse_moe.output_linear");
        let (both, down) = (shaped(&both, 2 * size, width)?, shaped(&down, width, size)?);
        let one = |e| {
            let both = both.part(e, count)?;
            self.gated(&both.part(0, 2)?, &both.part(1, 2)?, &down.part(e, count)?, size)
        };
        (0..count).map(one).collect()
    }

    /// A gated part from these three tensors, with inner width `size`.
    fn gated(
        &self,
        gate: &Tensor<'_>,
        up: &Tensor<'_>,
        down: &Tensor<'_>,
        size: usize,
    ) -> Result<FeedForward, LoadError> {
        let weights = self.tensors.weights;
        Ok(FeedForward {
            kind: Gate::Silu,
            gate: Linear::of(weights, gate, size, self.width)?,
            up: Linear::of(weights, up, size, self.width)?,
            down: Linear::of(weights, down, self.width, size)?,
            sub_norm: None,
        })
    }
}
