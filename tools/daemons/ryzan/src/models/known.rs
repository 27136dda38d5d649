//! Which model a name stands for, and where it lies.

use std::path::{Path, PathBuf};

use sigmavault_catalogue::{Catalogue, Model, Store, Use};
use sigmavault_facts::{Files, report};
use sigmavault_types::Tier;

use super::routing::{Ask, Candidate, choose};
use crate::config::ModelConfig;
use crate::openai::error::ApiError;

/// What `auto` is called in requests.
pub const AUTO: &str = "auto";

/// Architectures whose memory of a text does not grow with it, or hardly.
const RECURRENT: [&str; 6] = [
    "mamba",
    "mamba2",
    "granitehybrid",
    "granitemoehybrid",
    "rwkv7",
    "rwkv",
];

/// A model that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its real name.
    pub id: String,
    /// What is opened.
    pub path: PathBuf,
    /// Where what is packed of it is kept for the next start; a file of the command line leaves nothing behind.
    pub panels: Option<PathBuf>,
    /// Memory that it needs, in bytes.
    pub memory_bytes: u64,
    /// The longest text it was made for, in tokens, when that is known before it is loaded.
    pub context: Option<u32>,
    /// Whether what it remembers of a text does not grow with the text.
    pub recurrent: bool,
    /// What it is for.
    pub use_: Use,
    /// Who made it.
    pub owner: String,
    /// Why it is this one, when the name left that open.
    pub reason: Option<String>,
}

/// What is known about models without loading any.
#[derive(Debug)]
pub struct Known {
    catalogue: Catalogue,
    store: Store,
    tier: Option<Tier>,
    tier_reason: String,
    memory: Option<u64>,
    config: ModelConfig,
    file: Option<Found>,
}

impl Known {
    /// What this machine and its catalogue say. `file` is the model of the command line.
    pub fn of(files: &Files, catalogue: Catalogue, config: ModelConfig, file: Option<&Path>) -> Self {
        let store = if config.folder.as_os_str().is_empty() {
            Store::of(files)
        } else {
            Store::at(&config.folder)
        };
        let (tier, tier_reason, memory) = match report::hardware(files) {
            Ok(report) => {
                let seen = report.memory.limit_bytes.unwrap_or(report.memory.seen_bytes);
                (Some(report.model.tier), report.model.reason, Some(seen))
            }
            Err(error) => (None, format!("no tier is known: {error}"), None),
        };
        Self {
            catalogue,
            store,
            tier,
            tier_reason,
            memory,
            config,
            file: file.map(given),
        }
    }

    /// The machine's tier.
    pub const fn tier(&self) -> Option<Tier> {
        self.tier
    }

    /// The machine's memory in bytes, as the detector saw it.
    pub const fn memory(&self) -> Option<u64> {
        self.memory
    }

    /// Where models lie.
    pub fn folder(&self) -> &Path {
        self.store.folder()
    }

    /// The model of this name for what is asked; `auto` and aliases are resolved. `loaded` are the names of those in memory.
    pub fn find(&self, name: &str, ask: Ask, loaded: &[String]) -> Result<Found, ApiError> {
        if name == AUTO {
            return self.automatic(ask, loaded);
        }
        if let Some(file) = self.file.as_ref().filter(|file| file.id == name) {
            return Ok(file.clone());
        }
        let choices = self.choices(name)?;
        self.first_there(&choices, ask.tokens)
            .ok_or_else(|| absent(name, &choices))
    }

    /// What embeddings use when the request says `auto`.
    pub fn embedding(&self) -> Result<Found, ApiError> {
        self.find(&self.config.embedding, Ask::ANY, &[])
            .map_err(|error| match error {
                ApiError::ModelNotFound { model } => ApiError::NoModel {
                    reason: format!(
                        "the catalogue has no model {model:?} for embeddings; see `embedding` in ryzan.toml"
                    ),
                },
                other => other,
            })
    }

    /// The model of the command line, or of the settings, or of the machine's tier; failing that, the largest one that
    /// is there and fits. Unless the settings name one, another one of the tier or in memory may suit what is asked better.
    fn automatic(&self, ask: Ask, loaded: &[String]) -> Result<Found, ApiError> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let (name, why) = match (self.config.load.as_str(), self.tier) {
            ("none", _) => {
                return Err(ApiError::NoModel {
                    reason: "no model is to be used: `load` in ryzan.toml is \"none\"".to_owned(),
                });
            }
            (AUTO, Some(tier)) => (tier.name(), self.tier_reason.clone()),
            (AUTO, None) => (Tier::Draft350m.name(), self.tier_reason.clone()),
            (name, _) => (name, format!("{name} is set in ryzan.toml")),
        };
        let Ok(choices) = self.choices(name) else {
            return self.any(name).ok_or_else(|| ApiError::NoModel {
                reason: format!("the catalogue has no model {name:?}; see: sigmavault model list"),
            });
        };
        let mut there: Vec<Found> = choices.iter().filter_map(|model| self.there(model)).collect();
        for found in &mut there {
            found.reason = Some(format!("{name} is {}: {why}", found.id));
        }
        if there.is_empty() {
            there.extend(self.any(name));
        }
        if self.config.load == AUTO {
            let more = |found: &Found| {
                found.use_ == Use::Chat
                    && loaded.contains(&found.id)
                    && there.iter().all(|own| own.id != found.id)
            };
            let more: Vec<Found> = self.all_there().into_iter().filter(more).collect();
            there.extend(more);
        }
        best(ask, there, loaded).ok_or_else(|| absent(name, &choices))
    }

    /// The models that a name stands for, in the order in which they are tried.
    fn choices(&self, name: &str) -> Result<Vec<Model>, ApiError> {
        // The name becomes that of a folder, and a client must not lead out of the folder of models by it.
        if !is_plain(name) {
            return Err(ApiError::ModelNotFound {
                model: name.to_owned(),
            });
        }
        match self.catalogue.resolve_all(name, self.memory) {
            Ok(models) => Ok(models.into_iter().cloned().collect()),
            // Got under a catalogue that has since changed.
            Err(_) => match self.store.installed(name) {
                Some(installed) if installed.model.id == name && has_plain_files(&installed.model) => {
                    Ok(vec![installed.model])
                }
                _ => Err(ApiError::ModelNotFound {
                    model: name.to_owned(),
                }),
            },
        }
    }

    /// The first that is there and takes a text of this length; failing that, the first that is there.
    fn first_there(&self, choices: &[Model], tokens: usize) -> Option<Found> {
        let there: Vec<Found> = choices.iter().filter_map(|model| self.there(model)).collect();
        let takes = |found: &&Found| found.context.is_none_or(|context| tokens < context as usize);
        there.iter().find(takes).or(there.first()).cloned()
    }

    /// The largest chat model that is there and fits into the memory set aside for models.
    fn any(&self, wanted: &str) -> Option<Found> {
        let limit = self
            .memory
            .map(|memory| memory / 100 * u64::from(self.config.memory_percent));
        let mut found = self
            .all_there()
            .into_iter()
            .filter(|found| found.use_ == Use::Chat && limit.is_none_or(|limit| found.memory_bytes <= limit))
            .max_by_key(|found| found.memory_bytes)?;
        found.reason = Some(format!("{wanted} is not on this machine, {} is", found.id));
        Some(found)
    }

    /// Every model that is there, sorted by name.
    pub fn all_there(&self) -> Vec<Found> {
        let mut all: Vec<Found> = self
            .catalogue
            .models()
            .filter_map(|model| self.there(model))
            .collect();
        for name in self.store.names().unwrap_or_default() {
            if all.iter().all(|found| found.id != name)
                && let Some(found) = self
                    .store
                    .installed(&name)
                    .filter(|installed| installed.model.id == name && has_plain_files(&installed.model))
                    .and_then(|installed| self.there(&installed.model))
            {
                all.push(found);
            }
        }
        all.extend(self.file.clone());
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.dedup_by(|a, b| a.id == b.id);
        all
    }

    /// Aliases and the models they stand for now, sorted; only those that are there.
    pub fn aliases(&self) -> Vec<(String, Found)> {
        let names = self.catalogue.aliases();
        let single = names.keys().map(|name| (*name).to_owned());
        let tiers = Tier::ALL
            .map(Tier::name)
            .into_iter()
            .filter(|name| name.contains('+'))
            .map(str::to_owned);
        let mut aliases: Vec<(String, Found)> = single
            .chain(tiers)
            .filter_map(|name| self.find(&name, Ask::ANY, &[]).ok().map(|found| (name, found)))
            .collect();
        aliases.sort_by(|a, b| a.0.cmp(&b.0));
        aliases
    }

    fn there(&self, model: &Model) -> Option<Found> {
        let path = self.store.main_file(model)?;
        Some(Found {
            id: model.id.clone(),
            panels: Some(path.with_added_extension("panels")),
            path,
            memory_bytes: model.memory_bytes,
            context: Some(model.context),
            recurrent: RECURRENT.contains(&model.architecture.as_str()),
            use_: model.use_,
            owner: model.publisher.clone(),
            reason: None,
        })
    }
}

/// The model of the command line: nothing is known about it but its length.
fn given(path: &Path) -> Found {
    let named = if path.is_dir() {
        path.file_name()
    } else {
        path.file_stem()
    };
    let bytes = std::fs::metadata(path).map_or(0, |found| found.len());
    Found {
        id: named.map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned()),
        path: path.to_owned(),
        panels: None,
        memory_bytes: bytes + bytes / 4,
        context: None,
        recurrent: false,
        use_: Use::Chat,
        owner: "local".to_owned(),
        reason: Some(format!("{} was named on the command line", path.display())),
    }
}

/// The one of these that suits what is asked.
fn best(ask: Ask, mut there: Vec<Found>, loaded: &[String]) -> Option<Found> {
    let candidates: Vec<Candidate<'_>> = there
        .iter()
        .map(|found| Candidate {
            id: &found.id,
            context: found.context,
            bytes: found.memory_bytes,
            recurrent: found.recurrent,
            loaded: loaded.contains(&found.id),
        })
        .collect();
    let (at, why) = choose(ask, &candidates)?;
    let mut found = there.swap_remove(at);
    if at > 0 || found.reason.is_none() {
        found.reason = Some(format!("{}: {why}", found.id));
    }
    Some(found)
}

/// Whether a name is one of a folder or file and leads nowhere else.
fn is_plain(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.+".contains(letter);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}

fn has_plain_files(model: &Model) -> bool {
    model.files.iter().all(|file| is_plain(&file.name))
}

fn absent(name: &str, choices: &[Model]) -> ApiError {
    let ids: Vec<&str> = choices.iter().map(|model| model.id.as_str()).collect();
    let stands = match ids.as_slice() {
        [id] if *id == name => String::new(),
        ids => format!(" ({})", ids.join(", ")),
    };
    let get = ids.first().copied().unwrap_or(name);
    ApiError::NoModel {
        reason: format!("{name}{stands} is not on this machine; get it with: sigmavault model pull {get}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["qwen3-1.7b", "bitnet-7b+mamba", "a_b"] {
            assert!(is_plain(name), "{name}");
        }
        let long = "a".repeat(201);
        for name in [
            "", ".", "..", "../x", "a/b", "/etc", "a\\b", "a\0", ".hidden", "é", &long,
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
