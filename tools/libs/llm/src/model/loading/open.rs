//! Opening a model: its architecture, and its properties.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sigmavault_gguf::{Metadata, support};

use super::embedder;
use super::granite;
use super::keys::{Keys, Ledger, bad};
use super::mamba;
use super::mamba2;
use super::packed;
use super::rwkv7;
use super::shards;
use super::transformer::{self, Family};
use super::unread;
use super::weights::{Dry, Weights, is_gguf, read_json};
use crate::model::architectures::embedder::Embedder;
use crate::model::error::LoadError;
use crate::model::network::Network;
use crate::model::options::LoadOptions;

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
    pub(in crate::model) weights: Weights,
    /// The settings that were read.
    read: Ledger,
    /// The files.
    files: Vec<PathBuf>,
    /// The `config.json` of a folder, and the folder.
    folder: Option<(Json, PathBuf)>,
    /// The `1_Pooling/config.json` of sentence-transformers, and what of it was read.
    pooling: Option<Json>,
    read_pooling: Ledger,
}

impl Opened {
    /// Opens a GGUF file, a safetensors file, or a folder with `config.json` and safetensors files.
    pub(in crate::model) fn open(path: &Path) -> Result<Self, LoadError> {
        let files = shards::files(path)?;
        if path.is_dir() || !is_gguf(path) {
            return Self::open_safetensors(path, files);
        }
        Ok(Self {
            weights: Weights::open_gguf(path)?,
            read: Ledger::default(),
            files,
            folder: None,
            pooling: None,
            read_pooling: Ledger::default(),
        })
    }

    /// Takes ternary weights from their packed file, which is written first if necessary.
    pub(in crate::model) fn use_panels(&mut self, options: &LoadOptions) -> Result<(), LoadError> {
        if let Some(panels) = &options.panels {
            let key = packed::key(&self.files, options.hash)?;
            let panels = packed::open(&self.weights, panels, &key)?;
            self.weights.use_panels(panels);
        }
        Ok(())
    }

    /// Checks everything about the model but its tokenizer: that the architecture is known, that tensors and settings are complete, agree,
    /// and are all applied. With [`Dry::Numbers`], ternary weights are read too, as only their packing tells whether they are valid.
    pub(in crate::model) fn check(&mut self, dry: Dry, path: &Path) -> Result<(), LoadError> {
        self.weights.set_dry(Some(dry));
        let checked = if self.embeds() {
            self.keys()
                .and_then(|(keys, _)| embedder::load(keys, self.pooling(), &self.weights))
                .map(drop)
        } else {
            network(self, path, &LoadOptions::default()).map(drop)
        };
        self.weights.set_dry(None);
        checked?;
        if let Some(obstacle) = self
            .weights
            .index()
            .and_then(|index| support::of_model(index).into_iter().next())
        {
            return Err(obstacle.into());
        }
        self.refuse_unread()
    }

    /// Opens a model and checks it, its weights included.
    pub(crate) fn examine(path: &Path) -> Result<Self, LoadError> {
        let mut opened = Self::open(path)?;
        opened.check(Dry::Numbers, path)?;
        Ok(opened)
    }

    /// Whether it is a model for embeddings.
    pub(crate) fn embeds(&self) -> bool {
        self.keys().is_ok_and(|(_, architecture)| architecture == "bert")
    }

    /// The settings of sentence-transformers in a folder, if it has them.
    fn pooling(&self) -> Option<Keys<'_>> {
        self.pooling
            .as_ref()
            .map(|json| Keys::json(json, &self.read_pooling))
    }

    fn refuse_unread(&self) -> Result<(), LoadError> {
        let (_, architecture) = self.keys()?;
        match (&self.folder, self.weights.metadata()) {
            (None, Some(metadata)) => unread::refuse_gguf(metadata, &self.read, architecture)?,
            (Some((config, _)), _) => unread::refuse_json(config, &self.read, architecture)?,
            (None, None) => {}
        }
        if let Some(pooling) = &self.pooling
            && self.embeds()
        {
            unread::refuse_json(pooling, &self.read_pooling, architecture)?;
        }
        unread::refuse_tensors(&self.weights, architecture)
    }

    fn open_safetensors(path: &Path, files: Vec<PathBuf>) -> Result<Self, LoadError> {
        let weights = Weights::open_safetensors(&files)?;
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(Path::new("."))
        };
        let folder = folder.to_owned();
        let config = if weights.has(rwkv7::MARK) {
            // The published RWKV checkpoints have no config.json.
            serde_json::json!({ "model_type": "rwkv7" })
        } else {
            read_json(&folder.join("config.json"))?
        };
        let beside = folder.join("1_Pooling/config.json");
        let pooling = beside.exists().then(|| read_json(&beside)).transpose()?;
        Ok(Self {
            weights,
            read: Ledger::default(),
            files,
            folder: Some((config, folder)),
            pooling,
            read_pooling: Ledger::default(),
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
                Ok((Keys::gguf(metadata, name, &self.read), name))
            }
            (Some((config, _)), _) => {
                let name = config.get("model_type").and_then(Json::as_str);
                Ok((
                    Keys::json(config, &self.read),
                    name.ok_or_else(|| missing("model_type"))?,
                ))
            }
            (None, None) => Err(missing("general.architecture")),
        }
    }
}

impl Embedder {
    /// Loads a GGUF file, or a folder with `config.json` and `model.safetensors`.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Self::load_with_source(path).map(|(model, _)| model)
    }

    /// Like [`Embedder::load`], and returns the opened file as the source of the tokenizer.
    pub fn load_with_source(path: &Path) -> Result<(Self, Opened), LoadError> {
        let mut opened = Opened::open(path)?;
        opened.check(Dry::Shapes, path)?;
        let (keys, architecture) = opened.keys()?;
        if !opened.embeds() {
            return Err(LoadError::Architecture {
                name: architecture.to_owned(),
                reason: "embeddings are computed by models of type bert",
            });
        }
        let model = embedder::load(keys, opened.pooling(), &opened.weights)?;
        Ok((model, opened))
    }
}

/// Loads the network of an opened file. Also returns its properties.
pub(in crate::model) fn network(
    opened: &Opened,
    path: &Path,
    options: &LoadOptions,
) -> Result<(Box<dyn Network>, ModelInfo), LoadError> {
    let (keys, architecture) = opened.keys()?;
    let weights = &opened.weights;
    let gguf = keys.is_gguf();
    let vocabulary = vocabulary(keys, weights)?;
    let transformer = |family| -> Result<Box<dyn Network>, LoadError> {
        Ok(Box::new(transformer::load(
            family, keys, weights, vocabulary, options,
        )?))
    };
    let network: Box<dyn Network> = match architecture {
        "llama" => transformer(Family::Llama)?,
        // GGUF files of Mistral have the architecture llama.
        "mistral" if !gguf => transformer(Family::Llama)?,
        "qwen2" => transformer(Family::Qwen2)?,
        "qwen3" => transformer(Family::Qwen3)?,
        "bitnet-b1.58" | "bitnet-25" | "bitnet" => {
            refuse_silu_bitnet(keys, architecture)?;
            transformer(Family::BitNet)?
        }
        "rwkv7" => Box::new(rwkv7::load(
            gguf.then_some(keys),
            weights,
            vocabulary,
            options.precision,
        )?),
        "granitehybrid" | "granitemoehybrid" => Box::new(granite::load(keys, weights, vocabulary, options)?),
        "mamba" => Box::new(mamba::load(keys, weights, vocabulary, options.precision)?),
        "mamba2" => Box::new(mamba2::load(keys, weights, vocabulary, options.precision)?),
        other => {
            return Err(LoadError::Architecture {
                name: other.to_owned(),
                reason: "supported are llama, qwen2, qwen3, bitnet, granitehybrid, mamba, mamba2 and rwkv7",
            });
        }
    };
    let memory = network.memory();
    let context = keys.either("max_position_embeddings", "context_length");
    let own = keys.maybe_count(context)?;
    // A recurrence has no limit of its own.
    let own = match own {
        Some(own) => own,
        None if memory.attention.is_none() => usize::MAX,
        None => return Err(LoadError::MissingKey(keys.name(context))),
    };
    let named = match (&opened.folder, opened.weights.metadata()) {
        (Some((json, _)), _) => json.get("_name_or_path").and_then(Json::as_str),
        (None, Some(metadata)) => metadata.string("general.name"),
        (None, None) => None,
    };
    let named = named.filter(|name| !name.is_empty());
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
            .map_or(0, |shape| shape.page_bytes() / crate::model::pages::PAGE),
        recurrent: memory.recurrent > 0,
    };
    Ok((network, info))
}

/// The size of the vocabulary is the number of rows of the embedding, as metadata often leaves padding out.
fn vocabulary(keys: Keys<'_>, weights: &Weights) -> Result<usize, LoadError> {
    let names: &[&str] = keys.either(
        &[
            "model.embed_tokens.weight",
            "backbone.embeddings.weight",
            "emb.weight",
        ],
        &["token_embd.weight"],
    );
    let name = names.iter().find(|n| weights.has(n)).unwrap_or(&names[0]);
    let tensor = weights.tensor(name)?;
    match tensor.shape[..] {
        [rows, _] if rows > 0 && u32::try_from(rows).is_ok() => Ok(rows),
        _ => Err(tensor.misshapen(&[1, 1])),
    }
}

/// Rejects the first `BitNet` models (1bitLLM), which have the same architecture name but use silu; they differ only in the base of
/// their rope.
fn refuse_silu_bitnet(keys: Keys<'_>, architecture: &str) -> Result<(), LoadError> {
    if keys.is_gguf() && architecture == "bitnet" {
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
