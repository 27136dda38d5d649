//! What is known of a model without loading it.

use std::path::Path;

use sigmavault_catalogue::Use;

use super::error::ModelsError;
use super::known::AUTO;
use super::registry::Models;
use super::routing::Ask;
use super::status::created;

/// A model, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its real name.
    pub id: String,
    /// Its architecture, when the catalogue tells it or it is loaded.
    pub architecture: Option<String>,
    /// Size of its file, or of the files in its folder, in bytes.
    pub bytes: u64,
    /// SHA-256 of its file in hexadecimal, when the catalogue tells it.
    pub digest: Option<String>,
    /// Modification time of its file, in seconds since 1970.
    pub created: u64,
    /// Its context length in tokens, if known.
    pub context: Option<u32>,
    /// Whether it makes vectors of texts, and no text.
    pub embedding: bool,
    /// Whether it is a GGUF file.
    pub gguf: bool,
    /// Its licence, when the catalogue tells it.
    pub licence: Option<String>,
}

impl Models {
    /// Describes the model that a name resolves to.
    pub fn describe(&self, name: &str) -> Result<Described, ModelsError> {
        let found = match self.find(name, Ask::ANY) {
            Err(_) if name != AUTO => {
                self.reread();
                self.find(name, Ask::ANY)
            }
            found => found,
        }?;
        let resident = self.resident(&found.id);
        let listed = self.known().listed(&found.id);
        let loaded = resident.map(|resident| resident.info.clone());
        Ok(Described {
            architecture: loaded
                .as_ref()
                .map(|info| info.architecture.clone())
                .or_else(|| listed.as_ref().map(|model| model.architecture.clone())),
            context: found
                .context
                .or_else(|| u32::try_from(loaded.as_ref()?.context).ok()),
            bytes: size(&found.path),
            digest: listed
                .as_ref()
                .and_then(|model| Some(model.files.first()?.sha256.to_string())),
            created: created(&found.path),
            embedding: found.use_ == Use::Embedding,
            gguf: found
                .path
                .extension()
                .is_some_and(|extension| extension == "gguf"),
            licence: listed.map(|model| model.licence),
            id: found.id,
        })
    }
}

impl Models {
    /// The chat template of a model that is loaded and has one.
    pub fn template_of(&self, id: &str) -> Option<String> {
        let resident = self.resident(id)?;
        let template = resident.template().ok()?;
        Some(template.source().to_owned())
    }
}

/// Bytes of a file, or of the files in a folder.
fn size(path: &Path) -> u64 {
    let Ok(about) = std::fs::metadata(path) else {
        return 0;
    };
    if !about.is_dir() {
        return about.len();
    }
    let files = std::fs::read_dir(path).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}
