//! Opening a model: its architecture, and its properties.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sigmavault_gguf::Metadata;

use super::error::LoadError;
use super::granite_load;
use super::keys::{Keys, bad};
use super::mamba_load;
use super::mamba2_load;
use super::network::Network;
use super::options::LoadOptions;
use super::packed;
use super::rwkv7_load;
use super::shards;
use super::transformer_load::{self, Family};
use super::weights::{Weights, read_json};

/// The properties of a model.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// The architecture, as named in the file.
    pub architecture: String,
    /// The model's own name, or that of its file.
    pub name: String,
    /// The size of the vocabulary.
    pub vocabulary: usize,
    /// The context length: the most tokens of a sequence.
    pub context: usize,
    /// The number of layers.
    pub layers: usize,
    /// Bytes of weights in memory.
    pub bytes: usize,
    /// Bytes of weights read for each token in decode, without keys and values.
    pub bytes_per_token: usize,
    /// Bytes of a sequence per token.
    pub bytes_per_position: usize,
    /// Whether sequences have a recurrent state, which cannot be truncated.
    pub recurrent: bool,
}

/// The source of tokenizer and chat template.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// From the metadata of the GGUF file.
    Gguf(&'a Metadata),
    /// From `tokenizer.json` and `tokenizer_config.json` in this folder.
    Folder(&'a Path),
}

/// An opened model file, with its header.
#[derive(Debug)]
pub struct Opened {
    pub(super) weights: Weights,
    /// The `config.json` of a folder, and the folder.
    folder: Option<(Json, PathBuf)>,
}

impl Opened {
    /// Opens a GGUF file, a safetensors file, or a folder with `config.json` and safetensors files.
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
            let key = packed::key(&files, options.hash)?;
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
            // The published RWKV checkpoints have no config.json.
            serde_json::json!({ "model_type": "rwkv7" })
        } else {
            read_json(&folder.join("config.json"))?
        };
        Ok(Self {
            weights,
            folder: Some((config, folder)),
        })
    }

    /// The source of tokenizer and chat template.
    pub fn source(&self) -> Source<'_> {
        match (&self.folder, self.weights.metadata()) {
            (Some((_, folder)), _) => Source::Folder(folder),
            (None, Some(metadata)) => Source::Gguf(metadata),
            (None, None) => Source::Folder(Path::new(".")),
        }
    }

    /// The metadata, and the architecture.
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

/// Loads the network of an opened file. Also returns its properties.
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
                reason: "supported are qwen3, bitnet, granitehybrid, mamba, mamba2 and rwkv7",
            });
        }
    };
    let memory = network.memory();
    let own = keys.maybe_count(if gguf {
        "context_length"
    } else {
        "max_position_embeddings"
    })?;
    // A recurrence has no limit of its own.
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

/// The size of the vocabulary is the number of rows of the embedding, as metadata often leaves padding out.
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

/// Rejects the first `BitNet` models (1bitLLM), which have the same architecture name but use silu; they differ only in the base of
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
