//! Resolving names to models and their files.

use std::path::{Path, PathBuf};

use sigmavault_catalogue::{CACHE_FOLDER, Catalogue, Model, Store, Unusable, Use};
use sigmavault_facts::{Files, report};
use sigmavault_types::Tier;

use super::error::ModelsError;
use super::routing::{Ask, Candidate, choose};
use crate::config::ModelConfig;

/// The name by which a request leaves the choice of the model to the service.
pub const AUTO: &str = "auto";

/// Architectures whose state does not, or hardly, grow with the text.
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
    /// The file or folder to open.
    pub path: PathBuf,
    /// Where packed weights are kept for the next start; `None` for a file named on the command line.
    pub panels: Option<PathBuf>,
    /// Memory it needs, in bytes.
    pub memory_bytes: u64,
    /// Its context length in tokens, if that is known before loading.
    pub context: Option<u32>,
    /// Whether its state stays the same size however long the text is.
    pub recurrent: bool,
    /// Its use.
    pub use_: Use,
    /// Its publisher.
    pub owner: String,
    /// Why this model was chosen, if the name left the choice open.
    pub reason: Option<String>,
}

/// Everything that is known about models without loading them.
#[derive(Debug)]
pub struct Known {
    catalogue: Catalogue,
    store: Store,
    /// The service's own folder.
    cache: PathBuf,
    tier: Option<Tier>,
    tier_reason: String,
    memory: Option<u64>,
    config: ModelConfig,
    file: Option<Found>,
}

impl Known {
    /// Reads this machine's facts and catalogue. `file` is the model named on the command line.
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
            Err(error) => (None, format!("the model tier is unknown: {error}"), None),
        };
        Self {
            catalogue,
            store,
            cache: files.path(CACHE_FOLDER),
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

    /// The catalogue's entry of a model, or the one that it was installed with.
    pub fn listed(&self, id: &str) -> Option<Model> {
        let known = self.catalogue.get(id).cloned();
        known.or_else(|| Some(self.store.installed(id)?.model))
    }

    /// The folder of models.
    pub fn folder(&self) -> &Path {
        self.store.folder()
    }

    /// Finds a model for a request, resolving `auto` and aliases. `loaded` names the models in memory.
    pub fn find(&self, name: &str, ask: Ask, loaded: &[String]) -> Result<Found, ModelsError> {
        if name == AUTO {
            return self.automatic(ask, loaded);
        }
        if let Some(file) = self.file.as_ref().filter(|file| file.id == name) {
            return Ok(file.clone());
        }
        let choices = self.choices(name)?;
        self.first_there(&choices, ask.tokens)
            .ok_or_else(|| self.absent(name, &choices))
    }

    /// The model for embeddings when the request says `auto`.
    pub fn embedding(&self) -> Result<Found, ModelsError> {
        self.find(&self.config.embedding, Ask::ANY, &[])
            .map_err(|error| match error {
                ModelsError::Unknown(model) => ModelsError::Unavailable(format!(
                    "the catalogue has no model {model:?} for embeddings; see `embedding` in ryzan.toml"
                )),
                other => other,
            })
    }

    /// The model from the command line, the settings or the machine's tier, in this order; failing that, the largest
    /// installed model that fits. Unless the settings name a model, another one of the tier or in memory may be a better
    /// match for the request.
    fn automatic(&self, ask: Ask, loaded: &[String]) -> Result<Found, ModelsError> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let (name, why) = match (self.config.load.as_str(), self.tier) {
            ("none", _) => {
                return Err(ModelsError::Unavailable(
                    "no model is configured: `load` in ryzan.toml is \"none\"".to_owned(),
                ));
            }
            (AUTO, Some(tier)) => (tier.name(), self.tier_reason.clone()),
            (AUTO, None) => (Tier::Draft350m.name(), self.tier_reason.clone()),
            (name, _) => (name, format!("{name} is set in ryzan.toml")),
        };
        let Ok(choices) = self.choices(name) else {
            return self.any(name).ok_or_else(|| {
                ModelsError::Unavailable(format!(
                    "the catalogue has no model {name:?}; see: sigmavault model list"
                ))
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
        best(ask, there, loaded).ok_or_else(|| self.absent(name, &choices))
    }

    /// The models that a name resolves to, in the order in which they are tried.
    fn choices(&self, name: &str) -> Result<Vec<Model>, ModelsError> {
        // The name becomes a path component, so a client must not escape the folder of models with it.
        if !is_plain(name) {
            return Err(ModelsError::Unknown(name.to_owned()));
        }
        match self.catalogue.resolve_all(name, self.memory) {
            Ok(models) => Ok(models.into_iter().cloned().collect()),
            // Pulled under an earlier catalogue.
            Err(_) => match self.store.installed(name) {
                Some(installed) => Ok(vec![installed.model]),
                None => Err(ModelsError::Unknown(name.to_owned())),
            },
        }
    }

    /// The first installed model whose context is long enough; failing that, the first installed one.
    fn first_there(&self, choices: &[Model], tokens: usize) -> Option<Found> {
        let there: Vec<Found> = choices.iter().filter_map(|model| self.there(model)).collect();
        let takes = |found: &&Found| found.context.is_none_or(|context| tokens < context as usize);
        there.iter().find(takes).or(there.first()).cloned()
    }

    /// The largest installed chat model that fits into the memory set aside for models.
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

    /// Every installed model, sorted by name.
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

    /// Aliases with the installed models they currently resolve to, sorted.
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

    /// Why none of the models that a name stands for can be used.
    fn absent(&self, name: &str, choices: &[Model]) -> ModelsError {
        let ids: Vec<&str> = choices.iter().map(|model| model.id.as_str()).collect();
        let stands = match ids.as_slice() {
            [id] if *id == name => String::new(),
            ids => format!(" ({})", ids.join(", ")),
        };
        let broken = choices.iter().find_map(|model| match self.store.usable(model) {
            Ok(_) | Err(Unusable::Absent) => None,
            Err(why) => Some(why),
        });
        let reason = match broken {
            Some(why) => format!("{name}{stands} cannot be used: {why}"),
            None => {
                let get = ids.first().copied().unwrap_or(name);
                format!("{name}{stands} is not on this machine; get it with: sigmavault model pull {get}")
            }
        };
        ModelsError::Unavailable(reason)
    }

    fn there(&self, model: &Model) -> Option<Found> {
        let file = self.store.main_file(model)?;
        // An index names several files with tensors: their folder is opened.
        let is_index = file.extension().is_some_and(|extension| extension == "json");
        let path = file
            .parent()
            .filter(|_| is_index)
            .map_or(file.clone(), Path::to_owned);
        Some(Found {
            id: model.id.clone(),
            panels: Some(self.cache.join(&model.id).join(panels_name(&path))),
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

/// The model named on the command line, of which only the size is known.
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

/// The best match for a request among these.
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

/// Whether a name is a plain path component.
fn is_plain(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.+".contains(letter);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}

/// The name of the packed weights of a model file.
fn panels_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or(path.as_os_str());
    Path::new(name).with_added_extension("panels")
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
