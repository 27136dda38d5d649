//! Loading Mamba, from GGUF or from a folder of transformers.

use sigmavault_ternary::Precision;

use super::decoder::Ends;
use super::keys::{Keys, bad};
use super::mamba2::{BACKBONE, WIDEST_KERNEL, refuse_other_layers};
use super::weights::Weights;
use crate::model::architectures::decoder::{Block, Decoder, Factors, Mixer};
use crate::model::error::LoadError;
use crate::model::layers::convolution::Convolution;
use crate::model::layers::linear::{Linear, finer};
use crate::model::layers::mamba::{Mamba, Sizes};
use crate::model::network::Spare;
use crate::model::sequence::Memory;

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
    refuse_other_forms(keys)?;
    let blocks = (0..layers)
        .map(|n| block(weights, gguf, n, width, sizes))
        .collect::<Result<_, _>>()?;
    let ends = if gguf { Ends::GGUF } else { BACKBONE };
    let ends = Ends::load(keys, weights, ends, vocabulary, width)?;
    Ok(Decoder {
        width,
        memory: Memory {
            attention: None,
            recurrent: layers * sizes.memory(),
        },
        epsilon,
        precision: finer(precision),
        factors: Factors::default(),
        rope: None,
        embedding: ends.embedding,
        blocks,
        norm: ends.norm,
        head: ends.head,
        spare: Spare::default(),
    })
}

fn sizes(keys: Keys<'_>) -> Result<Sizes, LoadError> {
    let names = keys.either(
        ["intermediate_size", "state_size", "conv_kernel", "time_step_rank"],
        [
            "ssm.inner_size",
            "ssm.state_size",
            "ssm.conv_kernel",
            "ssm.time_step_rank",
        ],
    );
    let [inner, states, kernel, rank] = names.map(|name| keys.count(name));
    let sizes = Sizes {
        inner: inner?,
        states: states?,
        kernel: kernel?,
        rank: rank?,
    };
    if sizes.kernel > WIDEST_KERNEL || sizes.states > 4096 || sizes.inner > 1 << 20 || sizes.rank > 1 << 20 {
        return Err(bad(
            &keys.name(names[1]),
            &sizes.states,
            "the layer would be larger than any model has",
        ));
    }
    Ok(sizes)
}

/// Rejects forms of the layer that no published model of this architecture has.
fn refuse_other_forms(keys: Keys<'_>) -> Result<(), LoadError> {
    keys.only_switch(
        "ssm.dt_b_c_rms",
        false,
        "FalconMamba, which normalises what the input selects, is not supported",
    )?;
    refuse_other_layers(keys)
}

fn block(weights: &Weights, gguf: bool, n: usize, width: usize, sizes: Sizes) -> Result<Block, LoadError> {
    let Sizes {
        inner,
        states,
        kernel,
        rank,
    } = sizes;
    let name = |ours: &str, theirs: &str| {
        if gguf {
            format!("blk.{n}.{ours}")
        } else {
            format!("backbone.layers.{n}.{theirs}")
        }
    };
    let vector = |ours, theirs, shape: &[usize]| weights.floats(&name(ours, theirs), shape);
    let matrix = |ours, theirs, rows, columns| Linear::load(weights, &name(ours, theirs), rows, columns);
    let mut decay = vector("ssm_a", "mixer.A_log", &[inner, states])?;
    if !gguf {
        for a in &mut decay {
            *a = -a.exp();
        }
    }
    let layer = Mamba {
        sizes,
        at: n * sizes.memory(),
        input: matrix("ssm_in.weight", "mixer.in_proj.weight", 2 * inner, width)?,
        convolution: Convolution::new(
            &vector("ssm_conv1d.weight", "mixer.conv1d.weight", &[inner, kernel])?,
            vector("ssm_conv1d.bias", "mixer.conv1d.bias", &[inner])?,
        ),
        selection: matrix("ssm_x.weight", "mixer.x_proj.weight", sizes.selected(), inner)?,
        step: matrix("ssm_dt.weight", "mixer.dt_proj.weight", inner, rank)?,
        step_bias: vector("ssm_dt.bias", "mixer.dt_proj.bias", &[inner])?,
        decay,
        skip: vector("ssm_d", "mixer.D", &[inner])?,
        output: matrix("ssm_out.weight", "mixer.out_proj.weight", width, inner)?,
    };
    Ok(Block {
        norm: vector("attn_norm.weight", "norm.weight", &[width])?,
        mixer: Mixer::Mamba(layer),
        feed_forward: None,
    })
}
