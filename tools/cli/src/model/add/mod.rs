//! `sigmavault model add`: a model from a file, a folder or a URL, described by what it says of itself.
//!
//! - [`given`]: what was named: a GGUF file, its parts, a folder of transformers, a URL
//! - [`describe`], [`safetensors`]: the entry of the catalogue that it would have
//! - [`copy`], [`join`]: how its files get into the folder of models
//! - [`command`], [`error`]: the command

mod command;
mod copy;
mod describe;
mod error;
mod given;
mod join;
mod safetensors;

pub use command::{Order, run, show};
