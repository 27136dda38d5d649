//! Loading Mamba-2, from GGUF or from a folder of transformers.

use sigmavault_ternary::Precision;

use super::decoder::Ends;
use super::keys::{Keys, bad};
use super::weights::Weights;
use crate::model::architectures::decoder::{Block, Decoder, Factors, Mixer};
use crate::model::error::LoadError;
use crate::model::layers::convolution::Convolution;
use crate::model::layers::linear::Linear;
use crate::model::layers::mamba2::{Mamba2, Sizes};
use crate::model::network::Spare;
use crate::model::sequence::Memory;

/// The largest width of a convolution in tokens; the published models have 4.
pub const WIDEST_KERNEL: usize = 64;

/// The names of [`Ends`] in transformers' files of Mamba.
pub const BACKBONE: [&str; 3] = [
    "backbone.embeddings.weight",
    "backbone.norm_f.weight",
    "lm_head.weight",
];

/// Loads the model.
pub fn load(
    keys: Keys<'_>,
    weights: &Weights,
    vocabulary: usize,
    precision: Precision,
) -> Result<Decoder, LoadError> {
    let gguf = keys.is_gguf();
    let width = keys.count(if gguf { "embedding_length" } else { "hidden_size" })?;
    let layers = keys.count(if gguf { "block_count" } else { "num_hidden_layers" })?;
    let epsilon = keys.positive(if gguf {
        "attention.layer_norm_rms_epsilon"
    } else {
        "layer_norm_epsilon"
    })?;
    let sizes = sizes(keys)?;
    refuse_other_layers(keys)?;
    keys.only_switch(
        "rms_norm",
        true,
        "layers without a normalisation are not supported",
    )?;
    keys.only_switch(
        "norm_before_gate",
        false,
        "a normalisation before the gate is not supported",
    )?;
    let blocks = (0..layers)
        .map(|n| {
            let (norm, tensors) = if gguf {
                (format!("blk.{n}.attn_norm.weight"), Tensors::gguf(weights, n))
            } else {
                (
                    format!("backbone.layers.{n}.norm.weight"),
                    Tensors::transformers(weights, "backbone", n),
                )
            };
            Ok(Block {
                norm: weights.floats(&norm, &[width])?,
                mixer: Mixer::Mamba2(layer(&tensors, sizes, width, n * sizes.memory(), epsilon)?),
                feed_forward: None,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let ends = if gguf { Ends::GGUF } else { BACKBONE };
    let ends = Ends::load(keys, weights, ends, vocabulary, width)?;
    Ok(Decoder {
        width,
        memory: Memory {
            attention: None,
            recurrent: layers * sizes.memory(),
        },
        epsilon,
        precision,
        factors: Factors::default(),
        rope: None,
        embedding: ends.embedding,
        blocks,
        norm: ends.norm,
        head: ends.head,
        spare: Spare::default(),
    })
}

/// The sizes of Mamba-2 layers, checked for consistency.
pub fn sizes(keys: Keys<'_>) -> Result<Sizes, LoadError> {
    let (heads, head) = if keys.is_gguf() {
        let (inner, heads) = (keys.count("ssm.inner_size")?, keys.count("ssm.time_step_rank")?);
        if inner % heads != 0 {
            return Err(bad(
                &keys.name("ssm.inner_size"),
                &inner,
                "the heads do not divide it",
            ));
        }
        (heads, inner / heads)
    } else {
        let names = if keys.has("mamba_n_heads") {
            ("mamba_n_heads", "mamba_d_head")
        } else {
            ("num_heads", "head_dim")
        };
        (keys.count(names.0)?, keys.count(names.1)?)
    };
    let names = if keys.is_gguf() {
        ["ssm.group_count", "ssm.state_size", "ssm.conv_kernel"]
    } else if keys.has("mamba_n_heads") {
        ["mamba_n_groups", "mamba_d_state", "mamba_d_conv"]
    } else {
        ["n_groups", "state_size", "conv_kernel"]
    };
    let [groups, states, kernel] = names.map(|name| keys.count(name));
    let sizes = Sizes {
        heads,
        head,
        groups: groups?,
        states: states?,
        kernel: kernel?,
    };
    if heads % sizes.groups != 0 {
        return Err(bad(
            &keys.name(names[0]),
            &sizes.groups,
            "the heads cannot be divided among them",
        ));
    }
    if sizes.kernel > WIDEST_KERNEL || sizes.states > 4096 || sizes.inner() > 1 << 20 {
        return Err(bad(
            &keys.name(names[1]),
            &sizes.states,
            "the layer would be larger than any model has",
        ));
    }
    Ok(sizes)
}

/// Rejects forms of Mamba and Mamba-2 that no published model has.
pub fn refuse_other_layers(keys: Keys<'_>) -> Result<(), LoadError> {
    if keys.is_gguf() {
        keys.only_number("attention.head_count", 0.0, "Mamba has no attention")?;
        keys.only_number("feed_forward_length", 0.0, "Mamba has no feed-forward part")?;
    }
    keys.only_switch("use_bias", false, "projections with a bias are not supported")?;
    keys.only_switch(
        "use_conv_bias",
        true,
        "convolutions without a bias are not supported",
    )?;
    refuse_other_steps(keys)
}

/// Rejects an activation that no published Mamba model has, and limited time steps.
pub fn refuse_other_steps(keys: Keys<'_>) -> Result<(), LoadError> {
    keys.only_text("hidden_act", &["silu", "swish"], "only silu is supported")?;
    keys.only_unlimited("time_step_limit", "limits of the time step are not supported")
}

/// The tensors of one layer under the names of its file.
pub struct Tensors<'a> {
    weights: &'a Weights,
    prefix: String,
    gguf: bool,
}

impl<'a> Tensors<'a> {
    /// The names in a GGUF file.
    pub fn gguf(weights: &'a Weights, n: usize) -> Self {
        Self {
            weights,
            prefix: format!("blk.{n}.ssm_"),
            gguf: true,
        }
    }

    /// The names in a file of transformers, with the prefix `root`.
    pub fn transformers(weights: &'a Weights, root: &str, n: usize) -> Self {
        let mixer = if root == "backbone" { "mixer" } else { "mamba" };
        Self {
            weights,
            prefix: format!("{root}.layers.{n}.{mixer}."),
            gguf: false,
        }
    }

    fn name(&self, gguf: &str, transformers: &str) -> String {
        format!("{}{}", self.prefix, if self.gguf { gguf } else { transformers })
    }
}

/// One Mamba-2 layer, whose state is at `at` in that of a sequence.
pub fn layer(
    tensors: &Tensors<'_>,
    sizes: Sizes,
    width: usize,
    at: usize,
    epsilon: f32,
) -> Result<Mamba2, LoadError> {
    let Sizes {
        heads,
        groups,
        kernel,
        ..
    } = sizes;
    let (inner, channels) = (sizes.inner(), sizes.channels());
    let vector = |gguf: &str, transformers: &str, shape: &[usize]| {
        tensors.weights.floats(&tensors.name(gguf, transformers), shape)
    };
    let matrix = |gguf: &str, transformers: &str, rows: usize, columns: usize| {
        Linear::load(tensors.weights, &tensors.name(gguf, transformers), rows, columns)
    };
    let convolution = Convolution::new(
        &vector("conv1d.weight", "conv1d.weight", &[channels, kernel])?,
        vector("conv1d.bias", "conv1d.bias", &[channels])?,
    );
    let mut decay = vector("a", "A_log", &[heads])?;
    if !tensors.gguf {
        for a in &mut decay {
            *a = -a.exp();
        }
    }
    let norm = if tensors.gguf {
        tensors
            .weights
            .floats(&tensors.name("norm.weight", ""), &[groups, inner / groups])?
    } else {
        vector("", "norm.weight", &[inner])?
    };
    Ok(Mamba2 {
        sizes,
        at,
        input: matrix("in.weight", "in_proj.weight", sizes.projected(), width)?,
        convolution,
        step_bias: vector("dt.bias", "dt_bias", &[heads])?,
        decay,
        skip: vector("d", "D", &[heads])?,
        norm,
        epsilon,
        output: matrix("out.weight", "out_proj.weight", width, inner)?,
    })
}
