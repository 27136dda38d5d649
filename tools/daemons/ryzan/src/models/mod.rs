//! The models that are loaded, and those that can be.

use serde::Serialize;

use crate::openai::error::ApiError;

/// A name that a request can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub id: String,
    /// The model it stands for.
    pub resolved: String,
    /// Who made the model.
    pub owner: String,
    /// When its file was made, in seconds since 1970.
    pub created: u64,
    /// Whether it is loaded.
    pub loaded: bool,
}

/// How the service stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// The model that `auto` means, as it was asked for.
    pub model: Option<String>,
    /// The real model behind it.
    pub resolved_model: Option<String>,
    /// Why there is none, or why it is this one.
    pub reason: String,
}

/// Every model of this machine.
#[derive(Debug, Default)]
pub struct Models {}

impl Models {
    /// Names that a request can use, sorted.
    pub fn entries(&self) -> Vec<Entry> {
        Vec::new()
    }

    /// How the service stands.
    pub fn status(&self) -> Status {
        Status {
            reason: self.none().to_string(),
            ..Status::default()
        }
    }

    /// Samples for `/metrics`.
    pub fn metrics(&self) -> String {
        String::new()
    }

    /// Loads a model, unless it is loaded; its real name.
    pub async fn load(&self, _model: &str) -> Result<String, ApiError> {
        Err(self.none())
    }

    /// Unloads a model; its real name.
    pub async fn unload(&self, _model: &str) -> Result<String, ApiError> {
        Err(self.none())
    }

    /// Pins a model; its real name.
    pub async fn pin(&self, _model: &str, _pinned: bool) -> Result<String, ApiError> {
        Err(self.none())
    }

    /// Why there is nothing to answer with.
    pub fn none(&self) -> ApiError {
        ApiError::NoModel {
            reason: "no model is on this machine; get one with: sigmavault model pull".to_owned(),
        }
    }
}
