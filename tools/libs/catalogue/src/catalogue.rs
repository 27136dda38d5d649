use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sigmavault_facts::{FactError, Files};

use crate::model::Model;

/// The vendor's catalogue.
pub const VENDOR_PATH: &str = "/usr/lib/sigmavault/models.toml";

/// The site's additions and changes: `*.toml`, read in the order of their names.
pub const SITE_FOLDER: &str = "/etc/sigmavault/models.d";

/// Who added a model to the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It ships with the system.
    Vendor,
    /// The site added or changed it.
    Site,
}

/// A catalogue that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file cannot be read.
    #[error("the catalogue of models: {0}")]
    Read(#[from] FactError),
    /// A file is not valid TOML, or has unknown keys.
    #[error("{} is not a valid catalogue of models: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: Box<toml::de::Error>,
    },
    /// An entry is invalid.
    #[error("{}: the model {model:?}: {fault}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The model.
        model: String,
        /// What is wrong.
        fault: String,
    },
    /// A mirror that is not a URL.
    #[error("{}: mirror {mirror:?} must begin with https:// or http://", path.display())]
    Mirror {
        /// The file.
        path: PathBuf,
        /// The invalid value.
        mirror: String,
    },
}

/// No model has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no model {name:?}; {}", names(.known))]
pub struct UnknownModel {
    /// The name.
    pub name: String,
    /// The known names.
    pub known: Vec<String>,
}

fn names(known: &[String]) -> String {
    if known.is_empty() {
        format!("the catalogue is empty; is {VENDOR_PATH} there?")
    } else {
        format!("there are: {}", known.join(", "))
    }
}

/// All models on offer: the site's first, then the vendor's, each in the order of its files.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    models: Vec<(Model, Origin)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Document {
    /// Where to fetch files from instead of their own URLs: `MIRROR/MODEL/FILE`.
    mirror: Option<String>,
    #[serde(default, rename = "model")]
    models: Vec<Model>,
}

impl Catalogue {
    /// Reads the vendor's catalogue and the site's changes. Either may be missing.
    pub fn load(files: &Files) -> Result<Self, CatalogueError> {
        let vendor = match files.text(VENDOR_PATH) {
            Ok(text) => parse(&text, files.path(VENDOR_PATH))?,
            Err(error) if error.is_missing() => Document::default(),
            Err(error) => return Err(error.into()),
        };
        let mut documents = Vec::new();
        for name in files.names(SITE_FOLDER)? {
            if name.strip_suffix(".toml").is_some() {
                let path = format!("{SITE_FOLDER}/{name}");
                documents.push(parse(&files.text(&path)?, files.path(&path))?);
            }
        }
        Ok(Self::merge(vendor, documents))
    }

    /// Parses a catalogue in the format of the vendor's file.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        Ok(Self::merge(parse(text, PathBuf::from(VENDOR_PATH))?, Vec::new()))
    }

    fn merge(vendor: Document, site: Vec<Document>) -> Self {
        let mut mirror = vendor.mirror;
        let mut models: Vec<(Model, Origin)> = Vec::new();
        for document in site {
            mirror = document.mirror.or(mirror);
            for model in document.models {
                match models.iter_mut().find(|(other, _)| other.id == model.id) {
                    Some((other, _)) => *other = model,
                    None => models.push((model, Origin::Site)),
                }
            }
        }
        for model in vendor.models {
            if models.iter().all(|(other, _)| other.id != model.id) {
                models.push((model, Origin::Vendor));
            }
        }
        if let Some(mirror) = mirror {
            let mirror = mirror.trim_end_matches('/');
            for (model, _) in &mut models {
                for file in &mut model.files {
                    file.url = format!("{mirror}/{}/{}", model.id, file.name);
                }
            }
        }
        Self { models }
    }

    /// All models.
    pub fn models(&self) -> impl ExactSizeIterator<Item = &Model> {
        self.models.iter().map(|(model, _)| model)
    }

    /// Who added the model of this id.
    pub fn origin(&self, id: &str) -> Option<Origin> {
        self.models
            .iter()
            .find(|(model, _)| model.id == id)
            .map(|(_, origin)| *origin)
    }

    /// The model of this id.
    pub fn get(&self, id: &str) -> Option<&Model> {
        self.models().find(|model| model.id == id)
    }

    /// The model that a name, either an id or an alias, stands for. Of several models with the alias, it is the first in
    /// catalogue order that a machine with `memory` bytes is large enough for, or the one that needs the least memory if the
    /// machine is too small for all of them; without `memory`, it is the first.
    pub fn resolve(&self, name: &str, memory: Option<u64>) -> Result<&Model, UnknownModel> {
        if let Some(model) = self.get(name) {
            return Ok(model);
        }
        let called = || self.models().filter(|model| model.is_called(name));
        let fits = |model: &&Model| memory.is_none_or(|memory| model.machine_bytes <= memory);
        called()
            .find(fits)
            .or_else(|| called().min_by_key(|model| model.memory_bytes))
            .ok_or_else(|| self.unknown(name))
    }

    /// The models that the names of a tier stand for, joined by `+`.
    pub fn resolve_all(&self, names: &str, memory: Option<u64>) -> Result<Vec<&Model>, UnknownModel> {
        names.split('+').map(|name| self.resolve(name, memory)).collect()
    }

    /// All aliases, with the ids of the models that have them.
    pub fn aliases(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut aliases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for model in self.models() {
            for alias in &model.aliases {
                aliases.entry(alias).or_default().push(&model.id);
            }
        }
        aliases
    }

    fn unknown(&self, name: &str) -> UnknownModel {
        let mut known: Vec<String> = self.models().map(|model| model.id.clone()).collect();
        known.sort();
        UnknownModel {
            name: name.to_owned(),
            known,
        }
    }
}

fn parse(text: &str, path: PathBuf) -> Result<Document, CatalogueError> {
    let document: Document = match toml::from_str(text) {
        Ok(document) => document,
        Err(source) => {
            return Err(CatalogueError::Syntax {
                path,
                source: Box::new(source),
            });
        }
    };
    if let Some(mirror) = &document.mirror
        && !mirror.starts_with("https://")
        && !mirror.starts_with("http://")
    {
        return Err(CatalogueError::Mirror {
            path,
            mirror: mirror.clone(),
        });
    }
    for (at, model) in document.models.iter().enumerate() {
        let twice = document.models[..at].iter().any(|other| other.id == model.id);
        let twice = twice.then(|| "it occurs twice".to_owned());
        if let Some(fault) = model.fault().or(twice) {
            return Err(CatalogueError::Entry {
                path,
                model: model.id.clone(),
                fault,
            });
        }
    }
    Ok(document)
}
