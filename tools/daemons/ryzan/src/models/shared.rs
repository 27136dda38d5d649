//! What the registry shares with loading tasks and with the models themselves: one lock, and a condition that tells of every change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use log::{info, warn};
use sigmavault_catalogue::Use;
use tokio::sync::Notify;

use super::embedding::Embedding;
use super::error::ModelsError;
use super::known::Known;
use super::resident::{Resident, ResidentError};
use crate::yielding::pace::{Pace, Pressure};

/// The state, and its condition.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

/// The state of the models.
#[derive(Debug)]
pub struct State {
    /// Every model of this machine.
    pub known: Arc<Known>,
    /// The models in memory that requests may use.
    pub loaded: Vec<Arc<Resident>>,
    /// The embedding model in memory.
    pub embedding: Option<Arc<Embedding>>,
    /// Why the last load failed, if it did.
    pub last_failure: Option<String>,
    /// How much of the processor the models may use.
    pub pace: Pace,
    /// The pressure that decided the pace.
    pub pressure: Pressure,
    /// Bytes of models in memory, those of evicted models that requests still use included.
    occupied: u64,
    /// The uses for which a model is being loaded.
    loading: Vec<Use>,
}

/// The turn to load a model. Dropping it gives the next one its turn.
#[derive(Debug)]
pub struct Turn {
    shared: Arc<Shared>,
    of: Use,
}

/// The memory of a model, counted until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Shared {
    /// Nothing is loaded.
    pub fn new(known: Known) -> Self {
        Self {
            state: Mutex::new(State {
                known: Arc::new(known),
                loaded: Vec::new(),
                embedding: None,
                last_failure: None,
                pace: Pace::Full,
                pressure: Pressure::default(),
                occupied: 0,
                loading: Vec::new(),
            }),
            changed: Notify::new(),
        }
    }

    /// The state. No task may wait while it holds this.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a model could not be loaded. The state of the service tells it of models that answer.
    fn failed(&self, of: Use, id: &str, reason: &str) -> ModelsError {
        warn!("cannot load {id}: {reason}");
        let error = ModelsError::Unavailable(format!("{id} cannot be loaded: {reason}"));
        if of == Use::Chat {
            self.lock().last_failure = Some(error.to_string());
        }
        error
    }

    /// Waits until `ready` gives something.
    async fn wait_until<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T> + Send) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let done = ready(&mut self.lock());
            if let Some(done) = done {
                return done;
            }
            changed.await;
        }
    }

    /// Waits for the turn to load a model: one at a time is loaded for each use.
    pub async fn turn(self: &Arc<Self>, of: Use) -> Turn {
        self.wait_until(|state| {
            let free = !state.loading.contains(&of);
            free.then(|| state.loading.push(of))
        })
        .await;
        Turn {
            shared: Arc::clone(self),
            of,
        }
    }

    /// Counts `bytes` as soon as all models together take at most `limit`.
    pub async fn reserve_within(self: &Arc<Self>, bytes: u64, limit: u64) -> Reservation {
        self.wait_until(|state| {
            let sum = state.occupied.saturating_add(bytes);
            (sum <= limit).then(|| state.occupied = sum)
        })
        .await;
        self.reservation(bytes)
    }

    /// Counts `bytes` at once.
    pub fn reserve(self: &Arc<Self>, bytes: u64) -> Reservation {
        let mut state = self.lock();
        state.occupied = state.occupied.saturating_add(bytes);
        drop(state);
        self.reservation(bytes)
    }

    fn reservation(self: &Arc<Self>, bytes: u64) -> Reservation {
        Reservation {
            shared: Arc::clone(self),
            bytes,
        }
    }

    /// Removes models. Those with requests under way stay in memory until these are done.
    pub fn evict(&self, goes: impl Fn(&Resident) -> bool) {
        let evicted: Vec<Arc<Resident>> = self
            .lock()
            .loaded
            .extract_if(.., |resident| goes(resident))
            .collect();
        // Their engines end without the lock.
        drop(evicted);
    }
}

impl Turn {
    /// Loads a model on a thread for blocking tasks, and keeps it by `keep`. It goes on when the caller has gone.
    pub async fn load<T: Send + Sync + 'static, R>(
        self,
        id: String,
        load: impl FnOnce() -> Result<T, ResidentError> + Send + 'static,
        keep: impl FnOnce(&mut State, Arc<T>) -> R + Send + 'static,
    ) -> Result<Arc<T>, ModelsError> {
        let (shared, of, name) = (Arc::clone(&self.shared), self.of, id.clone());
        let loading = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let loaded = Arc::new(load().map_err(|error| error.to_string())?);
            info!("loaded {name} in {} ms", began.elapsed().as_millis());
            let replaced = keep(&mut self.shared.lock(), Arc::clone(&loaded));
            // What it replaces ends without the lock.
            drop((replaced, self));
            Ok(loaded)
        });
        let loaded = loading.await.unwrap_or_else(|error| Err(error.to_string()));
        loaded.map_err(|reason| shared.failed(of, &id, &reason))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.shared.lock().loading.retain(|of| *of != self.of);
        self.shared.changed.notify_waiters();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shared.lock().occupied -= self.bytes;
        self.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sigmavault_catalogue::Catalogue;
    use sigmavault_facts::Files;

    use super::*;

    fn shared() -> Arc<Shared> {
        let folder = tempfile::tempdir().unwrap();
        let known = Known::of(
            &Files::new(folder.path()),
            Catalogue::default(),
            crate::config::ModelConfig::default(),
            None,
        );
        Arc::new(Shared::new(known))
    }

    async fn waits<T>(task: &mut tokio::task::JoinHandle<T>) -> bool {
        tokio::time::timeout(Duration::from_millis(50), task)
            .await
            .is_err()
    }

    #[tokio::test]
    async fn memory_is_given_when_it_is_free() {
        let shared = shared();
        let (first, second) = (shared.reserve(60), shared.reserve(50));
        let mut third = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.reserve_within(40, 100).await }
        });
        assert!(waits(&mut third).await);
        drop(second);
        let third = third.await.unwrap();
        assert_eq!(shared.lock().occupied, 100);
        drop((first, third));
        assert_eq!(shared.lock().occupied, 0);
    }

    #[tokio::test]
    async fn one_model_is_loaded_at_a_time_for_each_use() {
        let shared = shared();
        let chat = shared.turn(Use::Chat).await;
        let embedding = shared.turn(Use::Embedding).await;
        let mut second = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.turn(Use::Chat).await }
        });
        assert!(waits(&mut second).await);
        drop(chat);
        let second = second.await.unwrap();
        drop((embedding, second));
        assert!(shared.lock().loading.is_empty());
    }
}
