//! Loading RWKV-7, from GGUF or from safetensors with the names of the published checkpoints. The latter need no `config.json`: all sizes
//! follow from the tensors.

use sigmavault_ternary::Precision;

use super::keys::{Keys, bad};
use super::weights::Weights;
use crate::model::architectures::rwkv7::Rwkv7;
use crate::model::architectures::rwkv7_weights::{self, Layer, LowRank, Norm};
use crate::model::error::LoadError;
use crate::model::layers::linear::{Linear, finer};
use crate::model::network::Spare;

/// A tensor that identifies safetensors of this architecture.
pub const MARK: &str = "blocks.0.att.r_k";

/// An upper bound of the number of layers.
const MOST_LAYERS: usize = 4096;

/// Loads the model; without `keys` from safetensors.
pub fn load(
    keys: Option<Keys<'_>>,
    weights: &Weights,
    vocabulary: usize,
    precision: Precision,
) -> Result<Rwkv7, LoadError> {
    let (width, layers, head_size, feed_forward) = match keys {
        Some(keys) => {
            refuse_other_forms(keys)?;
            (
                keys.count("embedding_length")?,
                keys.count("block_count")?,
                keys.count("wkv.head_size")?,
                keys.count("feed_forward_length")?,
            )
        }
        None => sizes_of_tensors(weights)?,
    };
    if width % head_size != 0 || head_size > 1024 {
        return Err(bad("wkv.head_size", &head_size, "it must divide the width"));
    }
    let tensors = Tensors {
        weights,
        gguf: keys.is_some(),
        width,
    };
    let layers = (0..layers)
        .map(|n| layer(&tensors, n, feed_forward))
        .collect::<Result<_, _>>()?;
    let name = |gguf: &'static str, other: &'static str| if tensors.gguf { gguf } else { other };
    Ok(Rwkv7 {
        width,
        head_size,
        precision: finer(precision),
        embedding: Linear::load(
            weights,
            name("token_embd.weight", "emb.weight"),
            vocabulary,
            width,
        )?,
        embedding_norm: tensors.norm(name("token_embd_norm", "blocks.0.ln0"))?,
        layers,
        norm: tensors.norm(name("output_norm", "ln_out"))?,
        head: Linear::load(weights, name("output.weight", "head.weight"), vocabulary, width)?,
        spare: Spare::default(),
    })
}

/// Rejects forms that no published model has.
fn refuse_other_forms(keys: Keys<'_>) -> Result<(), LoadError> {
    keys.only_number(
        "attention.layer_norm_epsilon",
        rwkv7_weights::EPSILON,
        "only 1e-5 is supported",
    )?;
    keys.only_number("token_shift_count", 2.0, "layers shift twice")?;
    keys.only_number("rescale_every_n_layers", 0.0, "rescaled layers are not supported")?;
    keys.only_number("attention.head_count", 0.0, "RWKV-7 has no attention")
}

fn sizes_of_tensors(weights: &Weights) -> Result<(usize, usize, usize, usize), LoadError> {
    let matrix = |name: &str| {
        let tensor = weights.tensor(name)?;
        match tensor.shape[..] {
            [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns)),
            _ => Err(tensor.misshapen(&[1, 1])),
        }
    };
    let (_, width) = matrix("emb.weight")?;
    let (_, head_size) = matrix(MARK)?;
    let (feed_forward, _) = matrix("blocks.0.ffn.key.weight")?;
    let layers = (0..MOST_LAYERS)
        .take_while(|n| weights.has(&format!("blocks.{n}.ln1.weight")))
        .count();
    Ok((width, layers, head_size, feed_forward))
}

struct Tensors<'a> {
    weights: &'a Weights,
    gguf: bool,
    width: usize,
}

impl Tensors<'_> {
    fn norm(&self, name: &str) -> Result<Norm, LoadError> {
        Ok(Norm {
            weight: self.weights.floats(&format!("{name}.weight"), &[self.width])?,
            bias: self.weights.floats(&format!("{name}.bias"), &[self.width])?,
        })
    }

    /// `blk.0.time_mix_x.weight`, or `blocks.0.att.x`.
    fn name(&self, n: usize, gguf: &str, other: &str) -> String {
        if self.gguf {
            format!("blk.{n}.{gguf}.weight")
        } else {
            format!("blocks.{n}.{other}")
        }
    }

    fn vector(&self, n: usize, gguf: &str, other: &str) -> Result<Vec<f32>, LoadError> {
        let name = self.name(n, gguf, other);
        let values = self.weights.tensor(&name)?.to_floats()?;
        if values.len() == self.width {
            return Ok(values);
        }
        Err(self.weights.tensor(&name)?.misshapen(&[self.width]))
    }

    fn matrix(
        &self,
        n: usize,
        gguf: &str,
        other: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Linear, LoadError> {
        Linear::load(
            self.weights,
            &self.name(n, gguf, &format!("{other}.weight")),
            rows,
            columns,
        )
    }

    /// The low-rank product of `letter`. In safetensors both matrices are transposed.
    fn low_rank(&self, n: usize, letter: char) -> Result<LowRank, LoadError> {
        let name = |i: u8| self.name(n, &format!("time_mix_{letter}{i}"), &format!("att.{letter}{i}"));
        let bias = if letter == 'g' {
            Vec::new()
        } else {
            self.vector(n, &format!("time_mix_{letter}0"), &format!("att.{letter}0"))?
        };
        let down = name(1);
        let shape = self.weights.tensor(&down)?.shape;
        let rank = match shape[..] {
            [rank, _] if self.gguf && rank > 0 => rank,
            [_, rank] if !self.gguf && rank > 0 => rank,
            _ => return Err(self.weights.tensor(&down)?.misshapen(&[1, self.width])),
        };
        let load = |name: &str, rows: usize, columns: usize| {
            if self.gguf {
                Linear::load(self.weights, name, rows, columns)
            } else {
                Linear::load_turned(self.weights, name, rows, columns)
            }
        };
        Ok(LowRank {
            down: load(&down, rank, self.width)?,
            up: load(&name(2), self.width, rank)?,
            bias,
        })
    }

    fn lerps(&self, n: usize) -> Result<[Vec<f32>; 6], LoadError> {
        if self.gguf {
            let fused = self
                .weights
                .floats(&self.name(n, "time_mix_lerp_fused", ""), &[6, self.width])?;
            return Ok(std::array::from_fn(|i| {
                fused[i * self.width..][..self.width].to_vec()
            }));
        }
        let one = |letter: char| self.vector(n, "", &format!("att.x_{letter}"));
        Ok([one('r')?, one('w')?, one('k')?, one('v')?, one('a')?, one('g')?])
    }
}

fn layer(tensors: &Tensors<'_>, n: usize, feed_forward: usize) -> Result<Layer, LoadError> {
    let width = tensors.width;
    let norm = |gguf: &str, other: &str| {
        tensors.norm(&if tensors.gguf {
            format!("blk.{n}.{gguf}")
        } else {
            format!("blocks.{n}.{other}")
        })
    };
    Ok(Layer {
        time_norm: norm("attn_norm", "ln1")?,
        channel_norm: norm("attn_norm_2", "ln2")?,
        lerps: tensors.lerps(n)?,
        decay: tensors.low_rank(n, 'w')?,
        rate: tensors.low_rank(n, 'a')?,
        // Files may have one for the first layer, where it is unused.
        value_mix: if n == 0 {
            for letter in ["v0", "v1", "v2"] {
                tensors.weights.ignore(&tensors.name(
                    n,
                    &format!("time_mix_{letter}"),
                    &format!("att.{letter}"),
                ));
            }
            None
        } else {
            Some(tensors.low_rank(n, 'v')?)
        },
        gate: tensors.low_rank(n, 'g')?,
        key_scale: tensors.vector(n, "time_mix_k_k", "att.k_k")?,
        key_rate: tensors.vector(n, "time_mix_k_a", "att.k_a")?,
        bonus: tensors.vector(n, "time_mix_r_k", "att.r_k")?,
        receptance: tensors.matrix(n, "time_mix_receptance", "att.receptance", width, width)?,
        key: tensors.matrix(n, "time_mix_key", "att.key", width, width)?,
        value: tensors.matrix(n, "time_mix_value", "att.value", width, width)?,
        output: tensors.matrix(n, "time_mix_output", "att.output", width, width)?,
        head_norm: norm("time_mix_ln", "att.ln_x")?,
        channel_lerp: tensors.vector(n, "channel_mix_lerp_k", "ffn.x_k")?,
        channel_key: tensors.matrix(n, "channel_mix_key", "ffn.key", feed_forward, width)?,
        channel_value: tensors.matrix(n, "channel_mix_value", "ffn.value", width, feed_forward)?,
    })
}
