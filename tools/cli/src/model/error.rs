//! Errors common to all commands.

use std::io;

use sigmavault_catalogue::{CatalogueError, StoreError, UnknownModel};

/// Message without any installed model.
pub const NONE: &str = "no model is on this machine; get one with: sigmavault model pull";

/// Why a command on models failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The catalogue could not be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The name is not in the catalogue.
    #[error(transparent)]
    Unknown(#[from] UnknownModel),
    /// The folder of models could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No model is installed.
    #[error("{NONE}")]
    None,
    /// This model is not installed.
    #[error("the model {0} is not on this machine; get it with: sigmavault model pull {0}")]
    NotHere(String),
    /// No model was named, and the tier is unknown.
    #[error("this machine's model tier is unknown ({0}); name a model, see: sigmavault model list")]
    NoTier(String),
    /// The terminal failed during a question.
    #[error("cannot ask: {0}")]
    Ask(io::Error),
}
