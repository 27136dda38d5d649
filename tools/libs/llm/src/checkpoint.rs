//! A model with its tokenizer, as one file or folder has them.
//!
//! [`Checkpoint::load`] and [`examine`] go the same way, up to the weights themselves: what the one refuses, the other does, with the same
//! words.

use std::path::Path;

use thiserror::Error;

use crate::model::{Embedder, LoadError, LoadOptions, Model, Opened, Source};
use crate::template::{ChatTemplate, TemplateError};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// Why a checkpoint cannot be run.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The model cannot be loaded.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// The tokenizer cannot be loaded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// A model with its tokenizer.
#[derive(Debug)]
pub struct Checkpoint {
    /// The model.
    pub model: Model,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Its chat template; models without one only continue a text.
    pub template: Result<ChatTemplate, TemplateError>,
}

/// An embedding model with its tokenizer.
#[derive(Debug)]
pub struct EmbeddingCheckpoint {
    /// The model.
    pub embedder: Embedder,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
}

impl EmbeddingCheckpoint {
    /// Loads the model at `path`, a GGUF file or a folder.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let (embedder, opened) = Embedder::load_with_source(path)?;
        let tokenizer = tokenizer(opened.source())?;
        Ok(Self { embedder, tokenizer })
    }
}

/// What a checkpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Writing text.
    Text,
    /// Embedding texts.
    Embeddings,
}

impl Checkpoint {
    /// Loads the model at `path`, a file or a folder.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, CheckpointError> {
        let (model, opened) = Model::load_with_source(path, options)?;
        let tokenizer = tokenizer(opened.source())?;
        let template = match opened.source() {
            Source::Gguf(metadata) => ChatTemplate::from_gguf(metadata, &tokenizer),
            Source::Folder(folder) => ChatTemplate::from_json(&folder.join("tokenizer.json"), &tokenizer),
        };
        Ok(Self {
            model,
            tokenizer,
            template,
        })
    }
}

/// Whether the checkpoint at `path` can be run, and for what: the answer of loading it, without the memory that it needs. Ternary weights
/// are read, which takes as long as reading the file; others are used as they are in the file and cannot be invalid.
pub fn examine(path: &Path) -> Result<Purpose, CheckpointError> {
    let opened = Opened::examine(path)?;
    tokenizer(opened.source())?;
    Ok(if opened.embeds() {
        Purpose::Embeddings
    } else {
        Purpose::Text
    })
}

fn tokenizer(source: Source<'_>) -> Result<Tokenizer, TokenizerError> {
    match source {
        Source::Gguf(metadata) => Tokenizer::from_gguf(metadata),
        Source::Folder(folder) => Tokenizer::from_json(&folder.join("tokenizer.json")),
    }
}
