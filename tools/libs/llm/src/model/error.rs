//! Errors of loading models.

use std::path::PathBuf;

use thiserror::Error;

/// A model could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file or folder could not be read.
    #[error("reading {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The GGUF file is damaged or of an unknown kind.
    #[error("{path}: {source}")]
    Gguf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: sigmavault_gguf::Error,
    },
    /// The safetensors file or its `config.json` is damaged.
    #[error("{path}: {reason}")]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The architecture is not supported.
    #[error("models of architecture {name:?} are not supported: {reason}")]
    Architecture {
        /// The name in the file.
        name: String,
        /// Why not, or what is supported.
        reason: &'static str,
    },
    /// A value that the architecture needs is missing.
    #[error("the model's metadata has no {0}")]
    MissingKey(String),
    /// A value in the metadata is invalid.
    #[error("the model's metadata has {key} = {value}: {reason}")]
    BadValue {
        /// Its key.
        key: String,
        /// The value.
        value: String,
        /// Why it is invalid.
        reason: &'static str,
    },
    /// A value in the metadata is none that the engine applies, so that answers would be wrong.
    #[error(
        "the model's metadata has {key} = {value}, which the engine does not apply to models of architecture {architecture:?}; \
         without it the answers would be wrong"
    )]
    UnreadKey {
        /// Its key.
        key: String,
        /// The value.
        value: String,
        /// The architecture.
        architecture: String,
    },
    /// A tensor is none that the engine uses, so that answers would be wrong.
    #[error(
        "the model has a tensor {name}{}, which the engine does not use in models of architecture {architecture:?}; \
         without it the answers would be wrong", more(*.count)
    )]
    UnusedTensor {
        /// The first such tensor.
        name: String,
        /// Their number.
        count: usize,
        /// The architecture.
        architecture: String,
    },
    /// The file cannot be run.
    #[error("{0}")]
    Obstacle(#[from] sigmavault_gguf::support::Obstacle),
    /// A tensor that the architecture needs is missing.
    #[error("the model has no tensor {0}")]
    MissingTensor(String),
    /// A tensor's shape does not match the metadata.
    #[error("tensor {name} has shape {found:?} but the metadata requires {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape, slowest dimension first.
        found: Vec<usize>,
        /// The shape that the metadata requires.
        expected: Vec<usize>,
    },
    /// A tensor is stored in a type that cannot be used for it.
    #[error("tensor {name} is stored as {kind}, which cannot be used for it")]
    Kind {
        /// The tensor.
        name: String,
        /// Its type.
        kind: String,
    },
    /// A tensor could not be repacked for the kernels.
    #[error("repacking tensor {name}: {reason}")]
    Pack {
        /// The tensor.
        name: String,
        /// Why not.
        reason: String,
    },
}

fn more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        more => format!(" and {} more", more - 1),
    }
}

/// Saved bytes are not a sequence of this model.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the saved sequence cannot be used: {0}")]
pub struct BadSave(pub &'static str);
