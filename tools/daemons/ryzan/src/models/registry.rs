//! The registry: every model of this machine, and the life of those that are loaded.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use log::{info, warn};
use sigmavault_catalogue::{Catalogue, Use};
use sigmavault_facts::{Files, report};

use super::embedding::Embedding;
use super::forward::Driven;
use super::known::{AUTO, Found, Known};
use super::resident::{self, Resident};
use super::room::{self, Occupant};
use super::routing::Ask;
use crate::config::Config;
use crate::openai::error::ApiError;
use crate::yielding::pace::{Pace, Pressure};

/// How long loading waits for an evicted model to free its memory.
const PATIENCE: Duration = Duration::from_mins(2);

/// Every model of this machine.
#[derive(Debug)]
pub struct Models {
    files: Files,
    config: Config,
    file: Option<std::path::PathBuf>,
    known: RwLock<Arc<Known>>,
    pub(super) threads: usize,
    table: Mutex<Vec<Arc<Resident>>>,
    /// Unloaded models that may still be in memory, with their sizes in bytes.
    leaving: Mutex<Vec<(Weak<Driven>, u64)>>,
    loading: tokio::sync::Mutex<()>,
    pub(super) embedding: tokio::sync::Mutex<Option<Arc<Embedding>>>,
    last_failure: Mutex<Option<String>>,
    pace: Mutex<(Pace, Pressure)>,
}

impl Models {
    /// The models of this machine; `file` is the one named on the command line. Nothing is loaded yet.
    pub fn new(files: Files, config: Config, file: Option<&Path>) -> Self {
        let physical = report::hardware(&files)
            .ok()
            .and_then(|report| usize::try_from(report.cpu.physical_cores).ok());
        let known = known(&files, &config, file);
        Self {
            threads: resident::threads(config.engine.threads, physical),
            files,
            file: file.map(Path::to_owned),
            known: RwLock::new(Arc::new(known)),
            config,
            table: Mutex::default(),
            leaving: Mutex::default(),
            loading: tokio::sync::Mutex::default(),
            embedding: tokio::sync::Mutex::default(),
            last_failure: Mutex::default(),
            pace: Mutex::new((Pace::Full, Pressure::default())),
        }
    }

    /// Rereads the catalogue, the tier and the folder of models.
    pub fn reread(&self) {
        let known = Arc::new(known(&self.files, &self.config, self.file.as_deref()));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Why the last load failed, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        self.last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn table(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Resident>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn resident(&self, id: &str) -> Option<Arc<Resident>> {
        self.table()
            .iter()
            .find(|resident| resident.found.id == id)
            .cloned()
    }

    /// Whether the model that a name resolves to is loaded.
    pub fn is_loaded(&self, name: &str) -> bool {
        self.known()
            .find(name, Ask::ANY, &[])
            .is_ok_and(|found| self.resident(&found.id).is_some())
    }

    /// Resolves a name.
    pub(super) fn find(&self, name: &str, ask: Ask) -> Result<Found, ApiError> {
        let loaded: Vec<String> = self
            .table()
            .iter()
            .map(|resident| resident.found.id.clone())
            .collect();
        self.known().find(name, ask, &loaded)
    }

    /// The real name of the model that a name resolves to.
    pub fn resolve(&self, name: &str) -> Result<String, ApiError> {
        let found = self.find(name, Ask::ANY).or_else(|_| {
            // It may have been pulled in the meantime.
            self.reread();
            self.find(name, Ask::ANY)
        });
        found.map(|found| found.id)
    }

    /// The model of this name, loaded if necessary; and why it was chosen, if the name left the choice open.
    pub async fn acquire(&self, name: &str, ask: Ask) -> Result<(Arc<Resident>, Option<String>), ApiError> {
        let found = match self.find(name, ask) {
            Ok(found) => found,
            // It may have been pulled in the meantime.
            Err(_) => {
                self.reread();
                self.find(name, ask)?
            }
        };
        if found.use_ == Use::Embedding {
            return Err(ApiError::invalid(
                "model",
                format!(
                    "{} is an embedding model and cannot answer; use /v1/embeddings",
                    found.id
                ),
            ));
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
    pub async fn load(&self, name: &str) -> Result<String, ApiError> {
        self.reread();
        self.acquire(name, Ask::ANY)
            .await
            .map(|(resident, _)| resident.found.id.clone())
    }

    /// Unloads a model: later requests cannot use it. Returns its real name.
    pub fn unload(&self, name: &str) -> Result<String, ApiError> {
        let id = self.loaded_id(name)?;
        self.let_go(|resident| resident.found.id == id);
        info!("{id} will be unloaded once its requests are done");
        Ok(id)
    }

    /// Sets whether a loaded model is exempt from eviction. Returns its real name.
    pub fn pin(&self, name: &str, pinned: bool) -> Result<String, ApiError> {
        let id = self.loaded_id(name)?;
        if let Some(resident) = self.resident(&id) {
            resident.set_pinned(pinned);
        }
        Ok(id)
    }

    fn loaded_id(&self, name: &str) -> Result<String, ApiError> {
        let id = if self.resident(name).is_some() {
            name.to_owned()
        } else {
            self.find(name, Ask::ANY)?.id
        };
        match self.resident(&id) {
            Some(_) => Ok(id),
            None => Err(ApiError::NoModel {
                reason: format!("{id} is not loaded"),
            }),
        }
    }

    /// Loads one model at a time. A caller that had to wait may find its model loaded.
    async fn load_found(&self, found: Found) -> Result<Arc<Resident>, ApiError> {
        let _turn = self.loading.lock().await;
        if let Some(resident) = self.resident(&found.id) {
            return Ok(resident);
        }
        self.make_room(&found).await?;
        let (id, began) = (found.id.clone(), Instant::now());
        info!("loading {id} from {}", found.path.display());
        let (files, config, threads) = (self.files.clone(), self.config.engine.clone(), self.threads);
        let limit = self.limit();
        let load = move || Resident::load(found, files, &config, threads, limit);
        let loaded = tokio::task::spawn_blocking(load).await;
        let failed = |why: String| {
            let error = failed_load(&id, &why);
            *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            error
        };
        let resident = match loaded {
            Ok(Ok(resident)) => Arc::new(resident),
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(error) => return Err(failed(error.to_string())),
        };
        info!("loaded {id} in {} ms", began.elapsed().as_millis());
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut table = self.table();
        table.push(Arc::clone(&resident));
        resident.set_threads(self.pace().0.threads(self.threads));
        drop(table);
        Ok(resident)
    }

    /// Removes models from the table. Those with requests under way stay in memory until these are done.
    fn let_go(&self, goes: impl Fn(&Resident) -> bool) {
        let mut table = self.table();
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving.retain(|(model, _)| model.strong_count() > 0);
        table.retain(|resident| {
            let goes = goes(resident);
            if goes {
                leaving.push((resident.model(), resident.found.memory_bytes));
            }
            !goes
        });
    }

    /// Bytes of models that were removed from the table and are still in memory.
    fn leaving_bytes(&self) -> u64 {
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving
            .iter()
            .filter(|(model, _)| model.strong_count() > 0)
            .map(|(_, bytes)| bytes)
            .sum()
    }

    /// Maximum memory of all models in bytes, if the machine's memory is known.
    fn limit(&self) -> Option<u64> {
        let memory = self.known().memory()?;
        Some(memory / 100 * u64::from(self.config.model.memory_percent))
    }

    /// Evicts the least recently used models until the new one fits, and waits until their memory is free.
    async fn make_room(&self, found: &Found) -> Result<(), ApiError> {
        let Some(limit) = self.limit() else {
            return Ok(());
        };
        if found.memory_bytes > limit {
            return Err(ApiError::NoModel {
                reason: format!(
                    "{} needs {} bytes of memory and models may take {limit}; see `memory-percent` in ryzan.toml",
                    found.id, found.memory_bytes
                ),
            });
        }
        let occupants: Vec<Occupant> = self
            .table()
            .iter()
            .map(|resident| Occupant {
                id: resident.found.id.clone(),
                bytes: resident.found.memory_bytes,
                pinned: resident.is_pinned(),
                last_used: resident.last_used(),
            })
            .collect();
        let Some(going) = room::going(&occupants, limit - found.memory_bytes) else {
            return Err(ApiError::NoModel {
                reason: format!(
                    "there is no memory for {}: the loaded models are pinned",
                    found.id
                ),
            });
        };
        for id in &going {
            info!("evicting {id} for {}", found.id);
        }
        self.let_go(|resident| going.contains(&resident.found.id));
        let staying: u64 = occupants
            .iter()
            .filter(|occupant| !going.contains(&occupant.id))
            .map(|occupant| occupant.bytes)
            .sum();
        let until = Instant::now() + PATIENCE;
        while staying + found.memory_bytes + self.leaving_bytes() > limit {
            if Instant::now() > until {
                warn!(
                    "loading {} while requests still use the models evicted for it",
                    found.id
                );
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Unloads all models, cutting off unfinished answers, and waits until their prefix caches are on disk.
    pub async fn close(&self) {
        let models: Vec<Arc<Resident>> = self.table().drain(..).collect();
        let closed = tokio::task::spawn_blocking(move || {
            for resident in models {
                resident.close();
            }
        });
        if let Err(error) = closed.await {
            warn!("models were not closed: {error}");
        }
    }

    /// The pace, and the pressure it results from.
    pub fn pace(&self) -> (Pace, Pressure) {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a model is reading its weights from disk, or did so moments ago.
    pub fn read_weights(&self) -> bool {
        self.table().iter().any(|resident| resident.reads_weights())
    }

    /// Sets the pace of every model.
    pub fn set_pace(&self, pace: Pace, pressure: Pressure) {
        let before = std::mem::replace(
            &mut *self.pace.lock().unwrap_or_else(PoisonError::into_inner),
            (pace, pressure),
        );
        // Every call wakes an engine, and this function runs every second.
        let low = |pressure: Pressure| pressure.memory >= self.config.yielding.memory_pause;
        let (changed, now_low) = (before.0 != pace, !low(before.1) && low(pressure));
        for resident in self.table().iter() {
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

pub(super) fn failed_load(id: &str, why: &str) -> ApiError {
    warn!("cannot load {id}: {why}");
    ApiError::NoModel {
        reason: format!("{id} cannot be loaded: {why}"),
    }
}
