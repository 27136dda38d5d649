//! What can fail while a model is loaded or run.

use std::path::PathBuf;

use thiserror::Error;

/// A model could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file or folder could not be read.
    #[error("reading {path}: {source}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The GGUF file is damaged or of an unknown kind.
    #[error("{path}: {source}")]
    Gguf {
        /// The file.
        path: PathBuf,
        /// What the reader found.
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
    /// The architecture is not one of those this engine runs.
    #[error("models of architecture {name:?} are not supported: {reason}")]
    Architecture {
        /// The name in the file.
        name: String,
        /// Why not, or what is supported.
        reason: &'static str,
    },
    /// A value that the architecture needs is not in the metadata.
    #[error("the model's metadata has no {0}")]
    MissingKey(String),
    /// A value in the metadata cannot be.
    #[error("the model's metadata says {key} = {value}: {reason}")]
    BadValue {
        /// Its key.
        key: String,
        /// What it says.
        value: String,
        /// Why this cannot be.
        reason: &'static str,
    },
    /// A tensor that the architecture needs is not in the file.
    #[error("the model has no tensor {0}")]
    MissingTensor(String),
    /// A tensor's shape does not follow from the metadata.
    #[error("tensor {name} has shape {found:?} where the metadata asks for {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape, slowest dimension first.
        found: Vec<usize>,
        /// The shape that the metadata asks for.
        expected: Vec<usize>,
    },
    /// A tensor is stored in a type that cannot be used in its place.
    #[error("tensor {name} is stored as {kind}, which cannot be used there")]
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
        /// What the packer found.
        reason: String,
    },
}

/// A step could not be computed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ForwardError {
    /// A token id is not in the vocabulary.
    #[error("token {token} is outside the vocabulary of {vocabulary}")]
    Token {
        /// The id.
        token: u32,
        /// The vocabulary's size.
        vocabulary: usize,
    },
    /// The sequence would become longer than the model's context.
    #[error("{length} tokens do not fit into the context of {context}")]
    Context {
        /// Tokens with those of this step.
        length: usize,
        /// The longest sequence the model takes.
        context: usize,
    },
    /// The sequence was made by another model.
    #[error("the sequence belongs to another model")]
    ForeignSequence,
    /// A tensor operation of candle failed.
    #[error("computing {0}")]
    Tensor(String),
}

/// A recurrent state holds no history: it cannot be taken back to an earlier token.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "a sequence of {length} tokens cannot be cut to {wanted}: fork a recurrent sequence before the tokens that may be taken back"
)]
pub struct CannotRewind {
    /// Tokens in the sequence.
    pub length: usize,
    /// Tokens asked for.
    pub wanted: usize,
}

/// Saved bytes are not a sequence of this model.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the saved sequence cannot be used: {0}")]
pub struct BadSave(pub &'static str);
