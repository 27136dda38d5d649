//! The models that are loaded, and those that can be.
//!
//! A request asks for a name and gets a [`Resident`], loaded on the way when it was not. It keeps it for as long as it
//! takes, so a model that is unloaded or makes room for another is gone for later requests only; its memory is free once
//! the last request is done, and what is loaded in its place waits for that.
//!
//! - [`known`]: which model a name stands for, and where it lies
//! - [`routing`]: which one answers when the request leaves that open
//! - [`resident`]: a model in memory
//! - [`embedding`]: a model that makes vectors of texts
//! - [`forward`]: how the engine drives it

pub mod embedding;
pub mod forward;
pub mod known;
pub mod resident;
mod room;
pub mod routing;
mod spare;
mod status;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use log::{info, warn};
use sigmavault_facts::report;

pub use known::{AUTO, Found, Known};
pub use resident::Resident;
pub use status::{Entry, Loaded, Status};

use forward::Driven;
use room::Occupant;
use routing::Ask;

use crate::config::Config;
use crate::openai::error::ApiError;
use crate::yielding::{Pace, Pressure};
use sigmavault_catalogue::{Catalogue, Use};
use sigmavault_facts::Files;

/// How long a model that is loaded waits for one that makes room.
const PATIENCE: Duration = Duration::from_mins(2);

/// Every model of this machine.
#[derive(Debug)]
pub struct Models {
    files: Files,
    config: Config,
    file: Option<std::path::PathBuf>,
    known: RwLock<Arc<Known>>,
    threads: usize,
    table: Mutex<Vec<Arc<Resident>>>,
    /// Out of the table and perhaps still in memory, with the bytes that they take.
    leaving: Mutex<Vec<(Weak<Driven>, u64)>>,
    loading: tokio::sync::Mutex<()>,
    embedding: tokio::sync::Mutex<Option<Arc<embedding::Embedding>>>,
    last_failure: Mutex<Option<String>>,
    pace: Mutex<(Pace, Pressure)>,
}

impl Models {
    /// The models of this machine; `file` is the one of the command line. Nothing is loaded yet.
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

    /// Reads the catalogue, the tier and the folder of models again.
    pub fn reread(&self) {
        let known = Arc::new(known(&self.files, &self.config, self.file.as_deref()));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Why the last load failed, when it did.
    fn failure(&self) -> Option<String> {
        self.last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Resident>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resident(&self, id: &str) -> Option<Arc<Resident>> {
        self.table()
            .iter()
            .find(|resident| resident.found.id == id)
            .cloned()
    }

    /// Whether the model that a name stands for is loaded.
    pub fn is_loaded(&self, name: &str) -> bool {
        self.known()
            .find(name, Ask::ANY, &[])
            .is_ok_and(|found| self.resident(&found.id).is_some())
    }

    /// What a name stands for now.
    fn find(&self, name: &str, ask: Ask) -> Result<Found, ApiError> {
        let loaded: Vec<String> = self
            .table()
            .iter()
            .map(|resident| resident.found.id.clone())
            .collect();
        self.known().find(name, ask, &loaded)
    }

    /// The model of this name for what is asked, loaded when it was not; and why it is this one, when the name left that open.
    pub async fn acquire(&self, name: &str, ask: Ask) -> Result<(Arc<Resident>, Option<String>), ApiError> {
        let found = match self.find(name, ask) {
            Ok(found) => found,
            // It may have been pulled since.
            Err(_) => {
                self.reread();
                self.find(name, ask)?
            }
        };
        if found.use_ == Use::Embedding {
            return Err(ApiError::invalid(
                "model",
                format!(
                    "{} makes embeddings and cannot answer; use /v1/embeddings",
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

    /// Loads a model, unless it is loaded; its real name.
    pub async fn load(&self, name: &str) -> Result<String, ApiError> {
        self.reread();
        self.acquire(name, Ask::ANY)
            .await
            .map(|(resident, _)| resident.found.id.clone())
    }

    /// Unloads a model for later requests; its real name.
    pub fn unload(&self, name: &str) -> Result<String, ApiError> {
        let id = self.loaded_id(name)?;
        self.let_go(|resident| resident.found.id == id);
        info!("{id} is unloaded once its requests are done");
        Ok(id)
    }

    /// Sets whether a loaded model must not make room for others; its real name.
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

    /// One load at a time; others wait and may find theirs done.
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

    /// Takes models out of the table. Those that still have requests stay in memory until these are done.
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

    /// Bytes of models that are out of the table and still in memory.
    fn leaving_bytes(&self) -> u64 {
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving
            .iter()
            .filter(|(model, _)| model.strong_count() > 0)
            .map(|(_, bytes)| bytes)
            .sum()
    }

    /// Most bytes that models may take, where the machine's memory is known.
    fn limit(&self) -> Option<u64> {
        let memory = self.known().memory()?;
        Some(memory / 100 * u64::from(self.config.model.memory_percent))
    }

    /// Unloads what was not wanted for longest until the new one fits, and waits until its memory is free.
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
                reason: format!("there is no room for {}: the loaded models are pinned", found.id),
            });
        };
        for id in &going {
            info!("{id} makes room for {}", found.id);
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
                    "loading {} while requests still use what makes room for it",
                    found.id
                );
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Unloads everything, and waits until what is kept of texts is on disk. Texts that are not done are cut off.
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

    /// The pace, and the pressure that led to it.
    pub fn pace(&self) -> (Pace, Pressure) {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a model reads its weights from the disk, or did so shortly before.
    pub fn read_weights(&self) -> bool {
        self.table().iter().any(|resident| resident.reads_weights())
    }

    /// Sets the pace of every model.
    pub fn set_pace(&self, pace: Pace, pressure: Pressure) {
        let before = std::mem::replace(
            &mut *self.pace.lock().unwrap_or_else(PoisonError::into_inner),
            (pace, pressure),
        );
        // An engine that is told wakes up, and this comes every second.
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

fn failed_load(id: &str, why: &str) -> ApiError {
    warn!("cannot load {id}: {why}");
    ApiError::NoModel {
        reason: format!("{id} cannot be loaded: {why}"),
    }
}
