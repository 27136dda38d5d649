//! Models: from a file to logits.
//!
//! [`Model::load`] opens a GGUF file or a folder of transformers, checks that sizes and tensors agree, and packs ternary weights for
//! the kernels. [`Model::forward`] takes a batch of [`Step`]s, each with some tokens of one [`Sequence`]: one in decode, many in
//! prefill. All computation uses slices of buffers that are kept between calls.
//!
//! - `decoder`: a stack of layers, of which Llama, Qwen2, Qwen3, `BitNet` b1.58, Mamba, Mamba-2 and Granite 4 H are made; `rwkv7` is a stack of its own
//! - [`Embedder`]: sentence embeddings by BERT models
//! - [`Sequence`]: the state of a text, in `pages` of keys and values or as a recurrent state
//! - `attention`, `rope`, `ops`, `linear`: the operations
//! - `weights`, `keys`, `unread`: checked tensors and settings of a file, and the refusal of those that are not applied

#![allow(
    clippy::cast_precision_loss,
    reason = "sizes and positions stay below 2^24, where f32 is exact"
)]
#![allow(
    clippy::inline_always,
    reason = "an inner loop uses wide registers only inside the function compiled for them"
)]

mod attention;
mod convolution;
mod decoder;
mod decoder_load;
mod embedder;
mod embedder_load;
mod error;
mod experts;
mod feed_forward;
mod granite_load;
mod keys;
mod kquants;
mod linear;
mod load;
mod mamba;
mod mamba2;
mod mamba2_load;
mod mamba_load;
mod network;
mod ops;
mod options;
mod packed;
mod pages;
mod parallel;
mod rope;
mod rwkv7;
mod rwkv7_load;
mod rwkv7_weights;
mod self_attention;
mod sequence;
mod shards;
mod step;
mod transformer_load;
mod unread;
mod weights;

pub use embedder::Embedder;
pub use error::{BadSave, CannotRewind, ForwardError, LoadError};
pub use load::{ModelInfo, Opened, Source};
pub(crate) use ops::exp;
pub use options::LoadOptions;
pub use pages::KvKind;
pub use sequence::Sequence;
pub use step::{Model, Step, Wanted};
