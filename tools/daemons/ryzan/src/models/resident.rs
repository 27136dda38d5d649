//! A model in memory.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, UNIX_EPOCH};

use nix::sys::statvfs::statvfs;
use sigmavault_catalogue::CACHE_FOLDER;
use sigmavault_facts::Files;
use sigmavault_llm::checkpoint::{Checkpoint, CheckpointError};
use sigmavault_llm::constraint::Constraint;
use sigmavault_llm::engine::{
    DiskTierOptions, Engine, EngineOptions, EngineStatus, Generation, Request, SubmitError,
};
use sigmavault_llm::model::{LoadOptions, ModelInfo};
use sigmavault_llm::template::ChatTemplate;
use sigmavault_llm::tokenizer::Tokenizer;

use sigmavault_ternary::Isa;

use super::error::ModelsError;
use super::forward::{Driven, Kept};
use super::known::Found;
use crate::config::EngineConfig;

/// Number of compiled constraints kept.
const CONSTRAINTS: usize = 8;

/// Size of the schemas whose constraints are kept, all together, in bytes; in memory they take some hundred times as much.
const KEPT_CONSTRAINTS: usize = 24 << 10;

/// Size of the longest text by which a constraint is found, in bytes.
const LARGEST_CONSTRAINT: usize = 128 << 10;

/// Size of a schema, in bytes, from which constraints are compiled one at a time.
const LARGE_CONSTRAINT: usize = 4 << 10;

/// Bytes that packed weights leave free on their file system.
const KEEP_FREE: u64 = 512 << 20;

/// The reason why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ResidentError {
    /// The model cannot be run.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// The engine's thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A constraint that was compiled.
#[derive(Debug)]
struct Known {
    text: String,
    /// Size of its schemas.
    bytes: usize,
    constraint: Constraint,
}

/// A model in memory, with everything needed to answer requests.
#[derive(Debug)]
pub struct Resident {
    /// The result of the lookup.
    pub found: Found,
    /// Facts from its files.
    pub info: ModelInfo,
    /// The tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    template: Result<ChatTemplate, String>,
    /// Recently used schemas and grammars, compiled; the most recent last.
    constraints: Mutex<Vec<Known>>,
    /// Held while a large constraint is compiled.
    compiling: Mutex<()>,
    engine: Engine,
    model: Weak<Driven>,
    threads: usize,
    pinned: AtomicBool,
    used: AtomicU64,
    began: Instant,
}

impl Resident {
    /// Loads a model that may use at most `limit` bytes, sequences included. The first load packs the weights, which takes as
    /// long as reading the file.
    pub fn load(
        found: Found,
        files: Files,
        config: &EngineConfig,
        threads: usize,
        limit: Option<u64>,
        kept: Kept,
    ) -> Result<Self, ResidentError> {
        let options = LoadOptions {
            context: (config.context > 0).then_some(config.context),
            panels: found
                .panels
                .clone()
                .filter(|panels| has_room(panels, &found.path)),
            ..LoadOptions::default()
        };
        let Checkpoint {
            model,
            tokenizer,
            template,
        } = Checkpoint::load(&found.path, &options)?;
        let (tokenizer, template) = (Arc::new(tokenizer), template.map_err(|error| error.to_string()));
        let info = model.info().clone();
        let prefix_bytes = config.cache_mebibytes << 20;
        // Sequences may use what the weights leave, up to the size of one full context.
        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(info.bytes as u64));
        let longest = info.bytes_per_position.saturating_mul(info.context);
        let options = EngineOptions {
            state_bytes: prefix_bytes.max(longest.min(usize::try_from(left).unwrap_or(usize::MAX))),
            prefix_bytes,
            disk_tier: disk_tier(&found, &files, config),
            parallel: config.parallel_requests,
            queue: config.waiting_requests,
            threads,
            rest_after: (config.rest_seconds > 0).then(|| Duration::from_secs(config.rest_seconds.into())),
            ..EngineOptions::default()
        };
        let driven = Arc::new(Driven::new(model, threads, files, kept));
        let model = Arc::downgrade(&driven);
        let engine = Engine::start(driven, Arc::clone(&tokenizer), options).map_err(ResidentError::Thread)?;
        Ok(Self {
            found,
            info,
            tokenizer,
            template,
            constraints: Mutex::default(),
            compiling: Mutex::default(),
            engine,
            model,
            threads,
            pinned: AtomicBool::new(false),
            used: AtomicU64::new(0),
            began: Instant::now(),
        })
    }

    /// Its chat template. Models without one only continue text.
    pub fn template(&self) -> Result<&ChatTemplate, ModelsError> {
        self.template.as_ref().map_err(|reason| ModelsError::NoTemplate {
            model: self.found.id.clone(),
            reason: reason.clone(),
        })
    }

    /// The constraint for this schema or grammar, whose schemas have this many bytes, from the cache if possible: every turn of a
    /// conversation repeats the same functions.
    pub fn constraint<E>(
        &self,
        text: &str,
        bytes: usize,
        compile: impl FnOnce() -> Result<Constraint, E>,
    ) -> Result<Constraint, E> {
        {
            let mut known = self.constraints.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = known.iter().position(|known| known.text == text) {
                let latest = known.remove(at);
                let constraint = latest.constraint.fork();
                known.push(latest);
                return Ok(constraint);
            }
        }
        let alone = (bytes >= LARGE_CONSTRAINT)
            .then(|| self.compiling.lock().unwrap_or_else(PoisonError::into_inner));
        let constraint = compile()?;
        drop(alone);
        // A schema of that size is hardly ever used twice.
        if bytes <= KEPT_CONSTRAINTS && text.len() <= LARGEST_CONSTRAINT {
            let mut known = self.constraints.lock().unwrap_or_else(PoisonError::into_inner);
            known.push(Known {
                text: text.to_owned(),
                bytes,
                constraint: constraint.fork(),
            });
            let mut sum: usize = known.iter().map(|known| known.bytes).sum();
            while known.len() > CONSTRAINTS || sum > KEPT_CONSTRAINTS {
                sum -= known.remove(0).bytes;
            }
        }
        Ok(constraint)
    }

    /// Queues a request.
    pub fn submit(&self, request: Request) -> Result<Generation, ModelsError> {
        self.engine.submit(request).map_err(|error| match error {
            SubmitError::Busy { queued } => ModelsError::Busy(queued),
            SubmitError::TooLong { .. } | SubmitError::TooLarge { .. } => ModelsError::TooLong {
                at: "messages".to_owned(),
                message: error.to_string(),
            },
            SubmitError::EmptyPrompt | SubmitError::UnknownToken(_) => {
                ModelsError::invalid("prompt", error.to_string())
            }
            SubmitError::Sampling(inner) => ModelsError::invalid(inner.parameter, inner.to_string()),
            SubmitError::ShutDown => ModelsError::Unavailable(format!(
                "{} is being unloaded; send the request again",
                self.found.id
            )),
        })
    }

    /// Stops the engine, cutting off unfinished answers, and returns once its prefix cache is on disk.
    pub fn close(&self) {
        self.engine.close();
    }

    /// The engine's state.
    pub fn status(&self) -> EngineStatus {
        self.engine.status()
    }

    /// Threads at full pace.
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Sets the number of threads that compute; 0 pauses.
    pub fn set_threads(&self, threads: usize) {
        self.engine.set_threads(threads);
    }

    /// Whether weights are being read from disk, or were read moments ago.
    pub fn reads_weights(&self) -> bool {
        self.model.upgrade().is_some_and(|model| model.reads_weights())
    }

    /// Releases the memory of the weights until the next request.
    pub fn rest(&self) {
        self.engine.rest();
    }

    /// Bytes of weights, running sequences and cached prefixes.
    pub fn memory_bytes(&self) -> u64 {
        self.info.bytes as u64 + self.cache_bytes()
    }

    /// Bytes of running sequences and cached prefixes.
    pub fn cache_bytes(&self) -> u64 {
        let status = self.status();
        (status.reserved_bytes + status.prefix_bytes) as u64
    }

    /// Marks it as used now.
    pub fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used.store(now, Ordering::Relaxed);
    }

    /// When it was last used.
    pub fn last_used(&self) -> Instant {
        self.began + Duration::from_millis(self.used.load(Ordering::Relaxed))
    }

    /// Whether it is exempt from eviction.
    pub fn is_pinned(&self) -> bool {
        self.pinned.load(Ordering::Relaxed)
    }

    /// Sets whether it is exempt from eviction.
    pub fn set_pinned(&self, pinned: bool) {
        self.pinned.store(pinned, Ordering::Relaxed);
    }
}

/// Whether packed weights can be kept: they are there, or their file system has room for them and for what else is written there.
/// Creates their folder.
fn has_room(panels: &Path, weights: &Path) -> bool {
    if panels.exists() {
        return true;
    }
    let Some(folder) = panels.parent() else {
        return false;
    };
    // Nobody else has to read it: the kernel has made the cache this user's.
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    if let Err(error) = made {
        log::warn!(
            "weights are packed in memory at every start: cannot create {}: {error}",
            folder.display()
        );
        return false;
    }
    // Packed weights are about as large as their file.
    let needed = std::fs::metadata(weights).map_or(0, |found| found.len());
    let free = statvfs(folder).map_or(u64::MAX, |found| {
        found.blocks_available().saturating_mul(found.fragment_size())
    });
    let enough = free >= needed.saturating_add(needed / 8).saturating_add(KEEP_FREE);
    if !enough {
        log::warn!(
            "weights are packed in memory at every start: {} has {free} bytes free, and they take {needed}",
            folder.display()
        );
    }
    enough
}

/// The folder for cached prefixes: on the state partition, which may be encrypted, wherever the model is. Its name identifies the
/// weights and the program's version; folders of other weights or versions are removed.
fn disk_tier(found: &Found, files: &Files, config: &EngineConfig) -> Option<DiskTierOptions> {
    found.panels.as_ref()?;
    if config.disk_cache_mebibytes == 0 {
        return None;
    }
    let facts = std::fs::metadata(&found.path).ok()?;
    let changed = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let own = format!(
        "prefixes-{}-{:x}-{:x}-{}",
        env!("CARGO_PKG_VERSION"),
        facts.len(),
        changed.as_nanos(),
        Isa::active().name()
    );
    let home = files.path(CACHE_FOLDER).join(&found.id);
    forget(&home, &own);
    Some(DiskTierOptions {
        folder: home.join(own),
        bytes: config.disk_cache_mebibytes << 20,
    })
}

/// Removes the folders of cached prefixes from this folder, apart from this one.
fn forget(home: &Path, own: &str) {
    let Ok(entries) = std::fs::read_dir(home) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("prefixes-")
            && name != own
            && let Err(error) = std::fs::remove_dir_all(entry.path())
        {
            log::warn!("cannot remove {}: {error}", entry.path().display());
        }
    }
}

/// Number of compute threads: as configured, or one per physical core.
pub fn threads(configured: usize, physical: Option<usize>) -> usize {
    let possible = std::thread::available_parallelism().map_or(1, usize::from);
    match configured {
        0 => physical.unwrap_or(possible).clamp(1, possible),
        some => some,
    }
}
