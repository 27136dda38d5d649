//! The registry: every model of this machine, and the life of those that are loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use log::{info, warn};
use sigmavault_catalogue::{Catalogue, Use};
use sigmavault_facts::{Files, report};

use super::error::ModelsError;
use super::eviction::{self, Occupant};
use super::known::{AUTO, Found, Known};
use super::resident::{self, Resident};
use super::routing::Ask;
use super::shared::{Reservation, Shared, State};
use crate::config::Config;
use crate::yielding::pace::{Pace, Pressure};

/// How long loading waits for an evicted model to free its memory.
const PATIENCE: Duration = Duration::from_mins(2);

/// Every model of this machine.
#[derive(Debug)]
pub struct Models {
    files: Files,
    config: Config,
    file: Option<PathBuf>,
    pub(super) threads: usize,
    pub(super) shared: Arc<Shared>,
}

impl Models {
    /// The models of this machine; `file` is the one named on the command line. Nothing is loaded yet.
    pub fn new(files: Files, config: Config, file: Option<&Path>) -> Self {
        let physical = report::hardware(&files)
            .ok()
            .and_then(|report| usize::try_from(report.cpu.physical_cores).ok());
        Self {
            threads: resident::threads(config.engine.threads, physical),
            shared: Arc::new(Shared::new(known(&files, &config, file))),
            files,
            file: file.map(Path::to_owned),
            config,
        }
    }

    /// Rereads the catalogue, the tier and the folder of models.
    pub fn reread(&self) {
        let known = Arc::new(known(&self.files, &self.config, self.file.as_deref()));
        self.shared.lock().known = known;
    }

    /// Why the last load failed, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        self.shared.lock().last_failure.clone()
    }

    pub(super) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.shared.lock().known)
    }

    /// The models in memory.
    pub(super) fn loaded(&self) -> Vec<Arc<Resident>> {
        self.shared.lock().loaded.clone()
    }

    pub(super) fn resident(&self, id: &str) -> Option<Arc<Resident>> {
        let state = self.shared.lock();
        let mut loaded = state.loaded.iter();
        loaded.find(|resident| resident.found.id == id).cloned()
    }

    /// Whether the model that a name resolves to is loaded.
    pub fn is_loaded(&self, name: &str) -> bool {
        self.known()
            .find(name, Ask::ANY, &[])
            .is_ok_and(|found| self.resident(&found.id).is_some())
    }

    /// Resolves a name.
    pub(super) fn find(&self, name: &str, ask: Ask) -> Result<Found, ModelsError> {
        let loaded: Vec<String> = self
            .loaded()
            .iter()
            .map(|resident| resident.found.id.clone())
            .collect();
        self.known().find(name, ask, &loaded)
    }

    /// The real name of the model that a name resolves to.
    pub fn resolve(&self, name: &str) -> Result<String, ModelsError> {
        let found = self.find(name, Ask::ANY).or_else(|_| {
            // It may have been pulled in the meantime.
            self.reread();
            self.find(name, Ask::ANY)
        });
        found.map(|found| found.id)
    }

    /// The model of this name, loaded if necessary; and why it was chosen, if the name left the choice open.
    pub async fn acquire(
        &self,
        name: &str,
        ask: Ask,
    ) -> Result<(Arc<Resident>, Option<String>), ModelsError> {
        let found = match self.find(name, ask) {
            Ok(found) => found,
            // It may have been pulled in the meantime.
            Err(_) => {
                self.reread();
                self.find(name, ask)?
            }
        };
        if found.use_ == Use::Embedding {
            return Err(ModelsError::OtherUse(format!(
                "{} is an embedding model and cannot answer; use /v1/embeddings",
                found.id
            )));
        }
        let reason = found.reason.clone().filter(|_| name == AUTO);
        let resident = match self.resident(&found.id) {
            Some(resident) => resident,
            None => self.load_found(found).await?,
        };
        resident.touch();
        Ok((resident, reason))
    }

    /// Loads a model unless it is loaded. Returns its real name.
    pub async fn load(&self, name: &str) -> Result<String, ModelsError> {
        self.reread();
        self.acquire(name, Ask::ANY)
            .await
            .map(|(resident, _)| resident.found.id.clone())
    }

    /// Unloads a model: later requests cannot use it. Returns its real name.
    pub fn unload(&self, name: &str) -> Result<String, ModelsError> {
        let id = self.loaded_id(name)?;
        self.shared.evict(|resident| resident.found.id == id);
        info!("{id} will be unloaded once its requests are done");
        Ok(id)
    }

    /// Sets whether a loaded model is exempt from eviction. Returns its real name.
    pub fn pin(&self, name: &str, pinned: bool) -> Result<String, ModelsError> {
        let id = self.loaded_id(name)?;
        if let Some(resident) = self.resident(&id) {
            resident.set_pinned(pinned);
        }
        Ok(id)
    }

    fn loaded_id(&self, name: &str) -> Result<String, ModelsError> {
        let id = if self.resident(name).is_some() {
            name.to_owned()
        } else {
            self.find(name, Ask::ANY)?.id
        };
        match self.resident(&id) {
            Some(_) => Ok(id),
            None => Err(ModelsError::Unavailable(format!("{id} is not loaded"))),
        }
    }

    /// Loads one model at a time. A caller that had to wait may find its model loaded. A model whose caller has gone meanwhile is loaded all
    /// the same.
    async fn load_found(&self, found: Found) -> Result<Arc<Resident>, ModelsError> {
        let turn = self.shared.turn(Use::Chat).await;
        if let Some(resident) = self.resident(&found.id) {
            return Ok(resident);
        }
        let reservation = self.make_room(&found).await?;
        info!("loading {} from {}", found.id, found.path.display());
        let (files, config, threads) = (self.files.clone(), self.config.engine.clone(), self.threads);
        let (id, limit) = (found.id.clone(), self.limit());
        let load = move || Resident::load(found, files, &config, threads, limit, Box::new(reservation));
        let keep = move |state: &mut State, resident: Arc<Resident>| {
            state.last_failure = None;
            resident.set_threads(state.pace.threads(threads));
            state.loaded.push(resident);
        };
        turn.load(id, load, keep).await
    }

    /// Maximum memory of all models in bytes, if the machine's memory is known.
    fn limit(&self) -> Option<u64> {
        let memory = self.known().memory()?;
        Some(memory / 100 * u64::from(self.config.model.memory_percent))
    }

    /// Evicts the least recently used models until the new one fits, and waits until their memory is free.
    async fn make_room(&self, found: &Found) -> Result<Reservation, ModelsError> {
        let needed = found.memory_bytes;
        let Some(limit) = self.limit() else {
            return Ok(self.shared.reserve(needed));
        };
        if needed > limit {
            return Err(ModelsError::Unavailable(format!(
                "{} needs {needed} bytes of memory and models may take {limit}; see `memory-percent` in ryzan.toml",
                found.id
            )));
        }
        let occupants: Vec<Occupant> = self
            .loaded()
            .iter()
            .map(|resident| Occupant {
                id: resident.found.id.clone(),
                bytes: resident.found.memory_bytes,
                pinned: resident.is_pinned(),
                last_used: resident.last_used(),
            })
            .collect();
        let Some(evicted) = eviction::evicted(&occupants, limit - needed) else {
            return Err(ModelsError::Unavailable(format!(
                "there is no memory for {}: the loaded models are pinned",
                found.id
            )));
        };
        for id in &evicted {
            info!("evicting {id} for {}", found.id);
        }
        self.shared.evict(|resident| evicted.contains(&resident.found.id));
        let reserved = self.shared.reserve_within(needed, limit);
        match tokio::time::timeout(PATIENCE, reserved).await {
            Ok(reservation) => Ok(reservation),
            Err(_) => {
                warn!(
                    "loading {} while requests still use the models evicted for it",
                    found.id
                );
                Ok(self.shared.reserve(needed))
            }
        }
    }

    /// Unloads all models, cutting off unfinished answers, and waits until their prefix caches are on disk.
    pub async fn close(&self) {
        let loaded = std::mem::take(&mut self.shared.lock().loaded);
        let closed = tokio::task::spawn_blocking(move || {
            for resident in loaded {
                resident.close();
            }
        });
        if let Err(error) = closed.await {
            warn!("models were not closed: {error}");
        }
    }

    /// The pace, and the pressure it results from.
    pub fn pace(&self) -> (Pace, Pressure) {
        let state = self.shared.lock();
        (state.pace, state.pressure)
    }

    /// Whether a model is reading its weights from disk, or did so moments ago.
    pub fn read_weights(&self) -> bool {
        self.loaded().iter().any(|resident| resident.reads_weights())
    }

    /// Sets the pace of every model.
    pub fn set_pace(&self, pace: Pace, pressure: Pressure) {
        // Every call wakes an engine, and this function runs every second.
        let low = |pressure: Pressure| pressure.memory >= self.config.yielding.memory_pause;
        let mut state = self.shared.lock();
        let (changed, now_low) = (state.pace != pace, !low(state.pressure) && low(pressure));
        state.pace = pace;
        state.pressure = pressure;
        for resident in &state.loaded {
            if changed {
                resident.set_threads(pace.threads(resident.threads()));
            }
            if now_low {
                resident.rest();
            }
        }
    }
}

fn known(files: &Files, config: &Config, file: Option<&Path>) -> Known {
    let catalogue = Catalogue::load(files).unwrap_or_else(|error| {
        warn!("{error}");
        Catalogue::default()
    });
    Known::of(files, catalogue, config.model.clone(), file)
}
