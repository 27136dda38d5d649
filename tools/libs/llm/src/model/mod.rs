//! Models: from a file to logits.
//!
//! [`Model::load`] opens a GGUF file or a folder of transformers, checks that sizes and tensors agree, and packs ternary weights for
//! the kernels. [`Model::forward`] takes a batch of [`Step`]s, each some tokens of one [`Sequence`]: one for decoding, many for a prompt.
//! Everything runs over slices in buffers that are kept between calls.
//!
//! - `transformer`: Qwen3 and `BitNet` b1.58
//! - [`Sequence`]: what a model remembers of a text, in `pages` of keys and values or as a recurrent state
//! - `attention`, `rope`, `ops`, `linear`: the pieces
//! - `weights`, `keys`: tensors and numbers of a file, checked

mod attention;
mod error;
mod keys;
mod linear;
mod load;
mod network;
mod ops;
mod pages;
mod parallel;
mod rope;
mod sequence;
mod step;
mod transformer;
mod transformer_load;
mod weights;

pub use error::{BadSave, CannotRewind, ForwardError, LoadError};
pub use load::{LoadOptions, ModelInfo, Source};
pub use pages::KvKind;
pub use sequence::Sequence;
pub use step::{Model, Step, Wanted};
