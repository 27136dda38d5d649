//! From a path to a model: which architecture it is, and what is known about it.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sigmavault_gguf::Metadata;
use sigmavault_ternary::Precision;

use super::error::LoadError;
use super::granite_load;
use super::keys::{Keys, bad};
use super::mamba_load;
use super::mamba2_load;
use super::network::Network;
use super::packed;
use super::pages::KvKind;
use super::rwkv7_load;
use super::shards;
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
    /// Where ternary weights are kept packed for the next start, which maps them. None: they are packed in memory.
    pub panels: Option<PathBuf>,
    /// The SHA-256 of the model file, if known, by which packed weights are told to be its own. Else a fingerprint is taken.
    pub hash: Option<[u8; 32]>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            precision: Precision::Int8Blocks,
            kv: KvKind::F16,
            context: None,
            panels: None,
            hash: None,
        }
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

/// The file of a model, with what its header says.
#[derive(Debug)]
pub struct Opened {
    pub(super) weights: Weights,
    /// The `config.json` of a folder, and the folder.
    folder: Option<(Json, PathBuf)>,
}

impl Opened {
    /// Opens a GGUF file, a safetensors file, or a folder with `config.json` and such files.
    pub(super) fn open(path: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        let files = shards::files(path)?;
        let mut opened = if path.extension().is_some_and(|e| e == "gguf") && !path.is_dir() {
            Self {
                weights: Weights::open_gguf(path)?,
                folder: None,
            }
        } else {
            Self::open_safetensors(path, &files)?
        };
        if let Some(panels) = &options.panels {
            let key = options.hash.map_or_else(|| packed::key(&files), Ok)?;
            let panels = packed::open(&opened.weights, panels, &key)?;
            opened.weights.use_panels(panels);
        }
        Ok(opened)
    }

    fn open_safetensors(path: &Path, files: &[PathBuf]) -> Result<Self, LoadError> {
        let weights = Weights::open_safetensors(files)?;
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(Path::new("."))
        };
        let folder = folder.to_owned();
        let config = if weights.has(rwkv7_load::MARK) {
            // The published RWKV checkpoints come without one.
            serde_json::json!({ "model_type": "rwkv7" })
        } else {
            read_json(&folder.join("config.json"))?
        };
        Ok(Self {
            weights,
            folder: Some((config, folder)),
        })
    }

    /// Where tokenizer and chat template come from.
    pub fn source(&self) -> Source<'_> {
        match (&self.folder, self.weights.metadata()) {
            (Some((_, folder)), _) => Source::Folder(folder),
            (None, Some(metadata)) => Source::Gguf(metadata),
            (None, None) => Source::Folder(Path::new(".")),
        }
    }

    /// Where its numbers stand, and what architecture they say it is.
    fn keys(&self) -> Result<(Keys<'_>, &str), LoadError> {
        let missing = |key: &str| LoadError::MissingKey(key.to_owned());
        match (&self.folder, self.weights.metadata()) {
            (None, Some(metadata)) => {
                let name = metadata
                    .architecture()
                    .ok_or_else(|| missing("general.architecture"))?;
                Ok((Keys::Gguf(metadata, name), name))
            }
            (Some((config, _)), _) => {
                let name = config.get("model_type").and_then(Json::as_str);
                Ok((Keys::Json(config), name.ok_or_else(|| missing("model_type"))?))
            }
            (None, None) => Err(missing("general.architecture")),
        }
    }
}

/// Loads the network of an opened file and says what it is.
pub(super) fn network(
    opened: &Opened,
    path: &Path,
    options: &LoadOptions,
) -> Result<(Box<dyn Network>, ModelInfo), LoadError> {
    let (keys, architecture) = opened.keys()?;
    let weights = &opened.weights;
    let gguf = matches!(keys, Keys::Gguf(..));
    let vocabulary = vocabulary(keys, weights)?;
    let network: Box<dyn Network> = match architecture {
        "qwen3" => Box::new(transformer_load::load(
            Family::Qwen3,
            keys,
            weights,
            vocabulary,
            options,
        )?),
        "bitnet-b1.58" | "bitnet-25" | "bitnet" => {
            refuse_silu_bitnet(keys)?;
            Box::new(transformer_load::load(
                Family::BitNet,
                keys,
                weights,
                vocabulary,
                options,
            )?)
        }
        "rwkv7" => Box::new(rwkv7_load::load(
            gguf.then_some(keys),
            weights,
            vocabulary,
            options.precision,
        )?),
        "granitehybrid" | "granitemoehybrid" => {
            Box::new(granite_load::load(keys, weights, vocabulary, options)?)
        }
        "mamba" => Box::new(mamba_load::load(keys, weights, vocabulary, options.precision)?),
        "mamba2" => Box::new(mamba2_load::load(keys, weights, vocabulary, options.precision)?),
        other => {
            return Err(LoadError::Architecture {
                name: other.to_owned(),
                reason: "known are qwen3, bitnet, granitehybrid, mamba, mamba2 and rwkv7",
            });
        }
    };
    let memory = network.memory();
    let own = keys.maybe_count(if gguf {
        "context_length"
    } else {
        "max_position_embeddings"
    })?;
    // A recurrence has no end of its own.
    let own = match own {
        Some(own) => own,
        None if memory.attention.is_none() => usize::MAX,
        None => {
            return Err(LoadError::MissingKey(keys.name(if gguf {
                "context_length"
            } else {
                "max_position_embeddings"
            })));
        }
    };
    let named = match keys {
        Keys::Gguf(metadata, _) => metadata.string("general.name"),
        Keys::Json(json) => json
            .get("_name_or_path")
            .and_then(Json::as_str)
            .filter(|n| !n.is_empty()),
    };
    let file_name = || {
        path.file_stem()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned())
    };
    let info = ModelInfo {
        architecture: architecture.to_owned(),
        name: named.map_or_else(file_name, str::to_owned),
        vocabulary,
        context: options.context.map_or(own, |wanted| wanted.min(own)),
        layers: network.layer_count(),
        bytes: network.bytes(),
        bytes_per_token: network.bytes_per_token(),
        bytes_per_position: memory
            .attention
            .map_or(0, |shape| shape.page_bytes() / super::pages::PAGE),
        recurrent: memory.recurrent > 0,
    };
    Ok((network, info))
}

/// The vocabulary is as large as the embedding has rows: metadata often leaves padding out.
fn vocabulary(keys: Keys<'_>, weights: &Weights) -> Result<usize, LoadError> {
    let names: &[&str] = match keys {
        Keys::Gguf(..) => &["token_embd.weight"],
        Keys::Json(_) => &[
            "model.embed_tokens.weight",
            "backbone.embeddings.weight",
            "emb.weight",
        ],
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
