//! From a path to a model: which architecture it is, and what is known about it.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sigmavault_gguf::{File, Metadata};
use sigmavault_ternary::Precision;

use super::error::LoadError;
use super::keys::{Keys, bad};
use super::network::Network;
use super::pages::KvKind;
use super::transformer_load::{self, Family};
use super::weights::{Weights, read_json};

/// What the caller chooses.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// How inputs of ternary products are rounded. `BitNet` has its own and ignores this.
    pub precision: Precision,
    /// In what keys and values are kept.
    pub kv: KvKind,
    /// The longest sequence, if shorter than the model's own.
    pub context: Option<usize>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { precision: Precision::Int8Blocks, kv: KvKind::F16, context: None }
    }
}

/// What is known about a model.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// Architecture, as the file names it.
    pub architecture: String,
    /// The model's own name, or that of its file.
    pub name: String,
    /// Tokens known.
    pub vocabulary: usize,
    /// Most tokens of a sequence.
    pub context: usize,
    /// Layers.
    pub layers: usize,
    /// Bytes of weights in memory.
    pub bytes: usize,
    /// Bytes of weights read for each token while decoding; keys and values come on top.
    pub bytes_per_token: usize,
    /// Bytes that a token adds to a sequence.
    pub bytes_per_position: usize,
    /// Whether sequences have a state that cannot be cut back.
    pub recurrent: bool,
}

/// Where tokenizer and chat template come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// From the metadata of the GGUF file.
    Gguf(&'a Metadata),
    /// From `tokenizer.json` and `tokenizer_config.json` in this folder.
    Folder(&'a Path),
}

/// A file with what its header says.
#[derive(Debug)]
pub(super) enum Opened {
    Gguf(Weights),
    Folder { folder: PathBuf, config: Json, weights: Weights },
}

impl Opened {
    /// Opens a GGUF file, a folder with `config.json` and `model.safetensors`, or that safetensors file.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        if path.extension().is_some_and(|e| e == "gguf") {
            let file = File::open(path).map_err(|source| LoadError::Gguf { path: path.to_owned(), source })?;
            return Ok(Self::Gguf(Weights::Gguf(file)));
        }
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) }.to_owned();
        let config = read_json(&folder.join("config.json"))?;
        let tensors = if path.is_dir() { folder.join("model.safetensors") } else { path.to_owned() };
        Ok(Self::Folder { folder, config, weights: Weights::open_safetensors(&tensors)? })
    }

    pub fn source(&self) -> Source<'_> {
        match self {
            Self::Gguf(Weights::Gguf(file)) => Source::Gguf(file.metadata()),
            Self::Gguf(Weights::Safetensors(_)) => Source::Folder(Path::new(".")),
            Self::Folder { folder, .. } => Source::Folder(folder),
        }
    }
}

/// Loads the network of an opened file and says what it is.
pub(super) fn network(
    opened: &Opened,
    path: &Path,
    options: &LoadOptions,
) -> Result<(Box<dyn Network>, ModelInfo), LoadError> {
    let (keys, weights, architecture) = match opened {
        Opened::Gguf(weights) => {
            let Weights::Gguf(file) = weights else { unreachable!("opened from a GGUF file") };
            let metadata = file.metadata();
            let name = metadata.architecture().ok_or_else(|| LoadError::MissingKey("general.architecture".to_owned()))?;
            (Keys::Gguf(metadata, name), weights, name)
        }
        Opened::Folder { config, weights, .. } => {
            let name = config.get("model_type").and_then(Json::as_str);
            let name = name.ok_or_else(|| LoadError::MissingKey("model_type".to_owned()))?;
            (Keys::Json(config), weights, name)
        }
    };
    let vocabulary = vocabulary(keys, weights)?;
    let network: Box<dyn Network> = match architecture {
        "qwen3" => {
            let Options { precision, kv } = options.into();
            Box::new(transformer_load::load(Family::Qwen3, keys, weights, vocabulary, precision, kv)?)
        }
        "bitnet-b1.58" | "bitnet-25" | "bitnet" => {
            refuse_silu_bitnet(keys)?;
            let Options { precision, kv } = options.into();
            Box::new(transformer_load::load(Family::BitNet, keys, weights, vocabulary, precision, kv)?)
        }
        other => {
            return Err(LoadError::Architecture {
                name: other.to_owned(),
                reason: "known are qwen3 and bitnet",
            });
        }
    };
    let gguf = matches!(keys, Keys::Gguf(..));
    let own = keys.count(if gguf { "context_length" } else { "max_position_embeddings" })?;
    let memory = network.memory();
    let named = match keys {
        Keys::Gguf(metadata, _) => metadata.string("general.name"),
        Keys::Json(json) => json.get("_name_or_path").and_then(Json::as_str).filter(|n| !n.is_empty()),
    };
    let file_name = || path.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let info = ModelInfo {
        architecture: architecture.to_owned(),
        name: named.map_or_else(file_name, str::to_owned),
        vocabulary,
        context: options.context.map_or(own, |wanted| wanted.min(own)),
        layers: keys.count(if gguf { "block_count" } else { "num_hidden_layers" })?,
        bytes: network.bytes(),
        bytes_per_token: network.bytes_per_token(),
        bytes_per_position: memory.attention.map_or(0, |shape| shape.page_bytes() / super::pages::PAGE),
        recurrent: memory.recurrent > 0,
    };
    Ok((network, info))
}

struct Options {
    precision: Precision,
    kv: KvKind,
}

impl From<&LoadOptions> for Options {
    fn from(options: &LoadOptions) -> Self {
        Self { precision: options.precision, kv: options.kv }
    }
}

/// The vocabulary is as large as the embedding has rows: metadata often leaves padding out.
fn vocabulary(keys: Keys<'_>, weights: &Weights) -> Result<usize, LoadError> {
    let names: &[&str] = match keys {
        Keys::Gguf(..) => &["token_embd.weight"],
        Keys::Json(_) => &["model.embed_tokens.weight", "backbone.embeddings.weight"],
    };
    let name = names.iter().find(|n| weights.has(n)).unwrap_or(&names[0]);
    let tensor = weights.tensor(name)?;
    match tensor.shape[..] {
        [rows, _] if rows > 0 && u32::try_from(rows).is_ok() => Ok(rows),
        _ => Err(tensor.misshapen(&[1, 1])),
    }
}

/// The first `BitNet` models (1bitLLM) carry the same architecture name but use silu; nothing in the file says so but the base of
/// their rope.
fn refuse_silu_bitnet(keys: Keys<'_>) -> Result<(), LoadError> {
    if let Keys::Gguf(_, "bitnet") = keys {
        let base = keys.maybe_number("rope.freq_base")?.unwrap_or(10000.0);
        if base < 100_000.0 {
            return Err(bad(
                &keys.name("rope.freq_base"),
                &base,
                "this is one of the first BitNet models, whose activation differs; BitNet b1.58 2B4T is supported",
            ));
        }
    }
    Ok(())
}
