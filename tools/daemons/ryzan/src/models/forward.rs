//! The model as the engine drives it: with its own threads.

use std::fmt::Debug;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{debug, warn};
use sigmavault_facts::Files;
use sigmavault_llm::inference::{Forward, ForwardError, Shape, State as _, Step};
use sigmavault_llm::model::{Model, Sequence};
use sigmavault_ternary::Pool;

use super::spare;

/// Pressure is an average over ten seconds and lags behind by some seconds.
const READING_SHOWS: Duration = Duration::from_secs(20);

/// Upper bound for reading the weights from any disk.
const LONGEST_READING: Duration = Duration::from_mins(10);

/// What is kept as long as the memory of a model is in use, and tells by being dropped that it is free.
pub type Kept = Box<dyn Debug + Send + Sync>;

/// A model and the threads that compute it.
#[derive(Debug)]
pub struct Driven {
    model: Model,
    pool: Pool,
    files: Files,
    /// When weights were last read from the disk; in the future while they are.
    read: Mutex<Option<Instant>>,
    /// The last field: memory is free once the others are dropped.
    _kept: Kept,
}

impl Driven {
    /// A model on this many threads; `files` tell how much memory is available. `kept` is dropped when its memory is free.
    pub fn new(model: Model, threads: usize, files: Files, kept: Kept) -> Self {
        Self {
            model,
            pool: Pool::new(threads.max(1)),
            files,
            read: Mutex::default(),
            _kept: kept,
        }
    }

    /// Whether weights are being read from disk, or were read so recently that pressure still shows it.
    pub fn reads_weights(&self) -> bool {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.is_some_and(|at| at.elapsed() < READING_SHOWS)
    }

    fn set_reading(&self, until: Instant) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Whether huge pages are available, and twice the memory that the weights need.
    fn has_room(&self) -> bool {
        let needed = 2 * self.model.mapped_bytes() as u64;
        spare::gives_huge_pages(&self.files)
            && spare::memory(&self.files).is_some_and(|bytes| bytes >= needed)
    }
}

impl Forward for Driven {
    type Sequence = Sequence;

    fn shape(&self) -> Shape {
        let info = self.model.info();
        Shape {
            vocabulary: info.vocabulary,
            context: info.context,
            rewindable: !info.recurrent,
            bytes_per_token: info.bytes_per_position,
            bytes_fixed: self.model.sequence().bytes(),
        }
    }

    fn sequence(&self) -> Sequence {
        self.model.sequence()
    }

    fn restore(&self, bytes: &mut dyn Read) -> Result<Sequence, String> {
        self.model.restore(bytes).map_err(|error| error.to_string())
    }

    fn forward(&self, batch: &mut [Step<'_, Sequence>]) -> Result<(), ForwardError> {
        self.model.forward(batch, &self.pool)
    }

    fn set_threads(&self, threads: usize) {
        self.pool.set_active(threads.max(1));
    }

    fn wake(&self) -> bool {
        if !self.has_room() {
            debug!("too little memory for weights in huge pages; they stay mapped from their file");
            return false;
        }
        self.set_reading(Instant::now() + LONGEST_READING);
        let result = self.model.make_resident();
        self.set_reading(Instant::now());
        if let Err(error) = &result {
            warn!("weights stay mapped from their file, which is slower: {error}");
        }
        result.is_ok()
    }

    fn rest(&self) {
        self.model.release();
    }
}
