//! An entry of the catalogue, and its validation.

use serde::{Deserialize, Serialize};

use crate::beside::is_own;
use crate::chunks::CHUNK_BYTES;
use crate::digest::Digest;

/// Licences that a model of the vendor's catalogue may have.
pub const OPEN_LICENCES: [&str; 2] = ["Apache-2.0", "MIT"];

/// The largest file allowed, in bytes.
const LARGEST: u64 = 1 << 42;

/// An SPDX identifier, such as `Apache-2.0`.
pub type Licence = String;

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Model {
    /// Its name on the command line and of its folder: lower-case letters, digits, `-` and `.`.
    pub id: String,
    /// Its name as published.
    pub name: String,
    /// Who made it.
    pub publisher: String,
    /// Other names, such as those of the model tiers.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Its purpose.
    #[serde(default, rename = "use")]
    pub use_: Use,
    /// As in `general.architecture` of a GGUF file, or `model_type` of a `config.json`.
    pub architecture: String,
    /// The licence of its weights.
    pub licence: Licence,
    /// Where the licence can be read.
    pub licence_url: String,
    /// The context length that it was trained for, in tokens.
    pub context: u32,
    /// The memory that weights, a cache of 4096 tokens and the engine need, in bytes.
    pub memory_bytes: u64,
    /// The smallest memory of a machine for which an alias selects it, in bytes.
    #[serde(default)]
    pub machine_bytes: u64,
    /// Its files; the first is the one to open.
    #[serde(rename = "file")]
    pub files: Vec<ModelFile>,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// Generating text.
    #[default]
    Chat,
    /// Sentence embeddings.
    Embedding,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModelFile {
    /// Its name in the folder of the model.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 of the whole file.
    pub sha256: Digest,
    /// Its URL.
    pub url: String,
    /// The SHA-256 of every 8 MiB, if published; then only damaged pieces are fetched again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<Digest>,
}

impl Model {
    /// The size of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum: u64, file| sum.saturating_add(file.bytes))
    }

    /// Whether this is its id or one of its aliases.
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// The first fault of an entry of the catalogue, if any.
    pub(crate) fn fault(&self) -> Option<String> {
        let (web, text) = (["http://", "https://"], "url must begin with https:// or http://");
        let elsewhere = |file: &&ModelFile| !web.iter().any(|scheme| file.url.starts_with(scheme));
        self.recorded_fault().or_else(|| {
            let file = self.files.iter().find(elsewhere)?;
            Some(format!("file {:?}: {text}", file.name))
        })
    }

    /// The first fault of the record of an installed model, if any. Its files may come from a folder of this machine.
    pub(crate) fn recorded_fault(&self) -> Option<String> {
        if let Some(fault) = id_fault(&self.id) {
            return Some(format!("id {:?} {fault}", self.id));
        }
        if let Some(alias) = self.aliases.iter().find(|alias| id_fault(alias).is_some()) {
            return Some(format!(
                "alias {alias:?} has other letters than a to z, 0 to 9, \"-\" and \".\""
            ));
        }
        for (what, text) in [
            ("name", &self.name),
            ("publisher", &self.publisher),
            ("architecture", &self.architecture),
            ("licence", &self.licence),
            ("licence-url", &self.licence_url),
        ] {
            if text.trim().is_empty() || text.chars().any(char::is_control) {
                return Some(format!("{what} is empty or has control characters"));
            }
        }
        if self.files.is_empty() {
            return Some("it has no [[model.file]]".to_owned());
        }
        for (at, file) in self.files.iter().enumerate() {
            if let Some(fault) = file.fault() {
                return Some(format!("file {:?}: {fault}", file.name));
            }
            if self.files[..at].iter().any(|other| other.name == file.name) {
                return Some(format!("file {:?} occurs twice", file.name));
            }
        }
        None
    }
}

impl ModelFile {
    fn fault(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let dotted = self.name.starts_with('.');
        if self.name.is_empty() || self.name.len() > 200 || dotted || !self.name.chars().all(plain) {
            return Some(
                "its name must be of letters, digits, \"-\", \"_\" and \".\", and not begin with a dot"
                    .to_owned(),
            );
        }
        if is_own(&self.name) {
            return Some("this name is used for what is kept about a model".to_owned());
        }
        if self.bytes == 0 || self.bytes > LARGEST {
            return Some(format!("bytes must be from 1 to {LARGEST}"));
        }
        let schemes = ["https://", "http://", "file:///"];
        let known = schemes.iter().any(|scheme| self.url.starts_with(scheme));
        if !known || self.url.chars().any(|c| c.is_control() || c == ' ') {
            return Some("url must begin with https:// or http://".to_owned());
        }
        let expected = self.bytes.div_ceil(CHUNK_BYTES);
        if !self.chunks.is_empty() && self.chunks.len() as u64 != expected {
            return Some(format!(
                "it has {} chunks where {expected} of 8 MiB make its length",
                self.chunks.len()
            ));
        }
        None
    }
}

/// Why a text is no id, which is also the name of a folder; `None` if it is one.
pub fn id_fault(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if name.is_empty() || name.len() > 64 {
        Some("must have 1 to 64 characters")
    } else if !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Some("must be of a to z, 0 to 9, \"-\" and \".\", and begin with a letter or digit")
    } else {
        None
    }
}
