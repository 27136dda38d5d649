//! Models: from a file to logits.
//!
//! [`Model::load`] opens a GGUF file or a folder of transformers, checks that sizes and tensors agree, and packs ternary weights for
//! the kernels. [`Model::forward`] takes a batch of [`Step`](crate::inference::Step)s, each with some tokens of one [`Sequence`]: one in decode, many in
//! prefill. All computation uses slices of buffers that are kept between calls.
//!
//! - `loading`: checked settings and tensors of a file, the refusal of those that are not applied, and a loader for each architecture
//! - `architectures`: `decoder`, a stack of layers of which Llama, Qwen2, Qwen3, `BitNet` b1.58, Mamba, Mamba-2 and Granite 4 H are made;
//!   `rwkv7`, a stack of its own; and [`Embedder`], sentence embeddings by BERT models
//! - `layers`: attention, recurrences, feed-forward parts and experts, and the operations that they are made of
//! - [`Sequence`]: the state of a sequence, in `pages` of keys and values or as a recurrent state

#![allow(
    clippy::cast_precision_loss,
    reason = "sizes and positions stay below 2^24, where f32 is exact"
)]
#![allow(
    clippy::inline_always,
    reason = "an inner loop uses wide registers only inside the function compiled for them"
)]

mod architectures;
mod error;
mod forward;
mod layers;
mod loading;
mod network;
mod options;
mod pages;
mod parallel;
mod sequence;

pub use architectures::embedder::Embedder;
pub use error::{BadSave, LoadError};
pub use forward::Model;
pub(crate) use layers::ops::exp;
pub use loading::open::{ModelInfo, Opened, Source};
pub use options::LoadOptions;
pub use pages::KvKind;
pub use sequence::Sequence;
