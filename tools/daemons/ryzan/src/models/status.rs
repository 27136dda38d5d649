//! The state of the models, for people and programs.

use serde::Serialize;

use super::known::AUTO;
use super::registry::Models;
use super::routing::Ask;
use crate::meters::sample;
use crate::yielding::pace::{Pace, Pressure};

/// A name that a request can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub id: String,
    /// The model it resolves to.
    pub resolved: String,
    /// The publisher of the model.
    pub owner: String,
    /// Modification time of its file, in seconds since 1970.
    pub created: u64,
    /// Whether it is loaded.
    pub loaded: bool,
}

/// The state of the service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// `auto` when it can be resolved.
    pub model: Option<String>,
    /// The model that `auto` resolves to.
    pub resolved_model: Option<String>,
    /// Whether that model is loaded.
    pub loaded: bool,
    /// Recent decoding speed of all models together, in tokens per second.
    pub tokens_per_second: f64,
    /// Bytes of weights, running sequences and cached prefixes.
    pub memory_bytes: u64,
    /// The context length of that model in tokens; 0 without a model.
    pub context: u64,
    /// The machine's tier.
    pub tier: Option<String>,
    /// Why this model was chosen, or why there is none.
    pub reason: String,
    /// How much of the processor the models may use.
    pub pace: Pace,
    /// The pressure that decided the pace.
    pub pressure: Pressure,
    /// Every loaded model.
    pub models: Vec<Loaded>,
}

/// A loaded model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loaded {
    /// Its real name.
    pub id: String,
    /// Its architecture, as its file names it.
    pub architecture: String,
    /// Context length in tokens.
    pub context: usize,
    /// Bytes of weights, running sequences and cached prefixes.
    pub memory_bytes: u64,
    /// Of these, bytes of running sequences and cached prefixes.
    pub cache_bytes: u64,
    /// Whether it is exempt from eviction.
    pub pinned: bool,
    /// Requests under way.
    pub running: usize,
    /// Requests waiting.
    pub waiting: usize,
    /// Compute threads; 0 while paused.
    pub threads: usize,
    /// Recent decoding speed in tokens per second.
    pub tokens_per_second: f64,
}

impl Models {
    /// Names that a request can use: `auto`, aliases and installed models.
    pub fn entries(&self) -> Vec<Entry> {
        let known = self.known();
        let auto = self
            .find(AUTO, Ask::ANY)
            .ok()
            .map(|found| (AUTO.to_owned(), found));
        let own = known
            .all_there()
            .into_iter()
            .map(|found| (found.id.clone(), found));
        auto.into_iter()
            .chain(known.aliases())
            .chain(own)
            .map(|(id, found)| Entry {
                loaded: self.resident(&found.id).is_some(),
                created: created(&found.path),
                id,
                resolved: found.id,
                owner: found.owner,
            })
            .collect()
    }

    /// The state of the service.
    pub fn status(&self) -> Status {
        let known = self.known();
        let found = self.find(AUTO, Ask::ANY);
        let resident = found.as_ref().ok().and_then(|found| self.resident(&found.id));
        let models: Vec<Loaded> = self
            .loaded()
            .iter()
            .map(|resident| {
                let status = resident.status();
                Loaded {
                    id: resident.found.id.clone(),
                    architecture: resident.info.architecture.clone(),
                    context: resident.info.context,
                    memory_bytes: resident.memory_bytes(),
                    cache_bytes: resident.cache_bytes(),
                    pinned: resident.is_pinned(),
                    running: status.running,
                    waiting: status.queued,
                    threads: status.threads,
                    tokens_per_second: status.tokens_per_second,
                }
            })
            .collect();
        let failure = self.failure();
        let (pace, pressure) = self.pace();
        let context = match (&resident, &found) {
            (Some(resident), _) => resident.info.context as u64,
            (None, Ok(found)) => found.context.map_or(0, u64::from),
            (None, Err(_)) => 0,
        };
        Status {
            model: found.is_ok().then(|| AUTO.to_owned()),
            resolved_model: found.as_ref().ok().map(|found| found.id.clone()),
            loaded: resident.is_some(),
            tokens_per_second: models.iter().map(|model| model.tokens_per_second).sum(),
            memory_bytes: models.iter().map(|model| model.memory_bytes).sum(),
            context,
            tier: known.tier().map(|tier| tier.name().to_owned()),
            reason: match (failure, found) {
                (Some(failure), _) => failure,
                (None, Ok(found)) => found.reason.unwrap_or_default(),
                (None, Err(error)) => error.to_string(),
            },
            pace,
            pressure,
            models,
        }
    }

    /// Samples for `/metrics`.
    pub fn metrics(&self) -> String {
        let status = self.status();
        let sum = |of: fn(&Loaded) -> usize| status.models.iter().map(of).sum::<usize>();
        let mut text = String::new();
        for (name, help, value) in [
            ("ryzan_models_loaded", "Models in memory.", status.models.len()),
            (
                "ryzan_requests_running",
                "Requests under way.",
                sum(|model| model.running),
            ),
            (
                "ryzan_requests_waiting",
                "Requests waiting.",
                sum(|model| model.waiting),
            ),
            ("ryzan_threads", "Compute threads.", sum(|model| model.threads)),
        ] {
            sample(&mut text, name, help, "gauge", value);
        }
        for (name, help, value) in [
            (
                "ryzan_tokens_per_second",
                "Recent decoding speed in tokens per second.",
                status.tokens_per_second,
            ),
            (
                "ryzan_pressure_io_percent",
                "I/O pressure that determines the pace.",
                f64::from(status.pressure.io),
            ),
            (
                "ryzan_pressure_cpu_percent",
                "CPU pressure that determines the pace.",
                f64::from(status.pressure.cpu),
            ),
            (
                "ryzan_pressure_memory_percent",
                "Memory pressure that determines the pace.",
                f64::from(status.pressure.memory),
            ),
        ] {
            sample(&mut text, name, help, "gauge", value);
        }
        sample(
            &mut text,
            "ryzan_memory_bytes",
            "Bytes of weights, running sequences and cached prefixes.",
            "gauge",
            status.memory_bytes,
        );
        text
    }
}

pub(super) fn created(path: &std::path::Path) -> u64 {
    let modified = std::fs::metadata(path).and_then(|found| found.modified()).ok();
    modified
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_secs())
}
