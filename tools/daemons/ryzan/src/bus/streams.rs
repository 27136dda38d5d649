//! Answers under way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use zbus::names::UniqueName;

use super::error::BusError;
use crate::caller::Caller;

/// Maximum number of answers under way.
const STREAMS: usize = 64;

/// Maximum number of answers for one user, over however many connections.
const OWN_STREAMS: usize = 16;

/// An answer under way: its caller, and the channel that stops it.
#[derive(Debug)]
struct Running {
    owner: UniqueName<'static>,
    uid: u32,
    stop: oneshot::Sender<()>,
}

/// Answers under way, by their handles; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Streams {
    running: Arc<Mutex<HashMap<u64, Running>>>,
    last: Arc<AtomicU64>,
}

impl Streams {
    fn running(&self) -> MutexGuard<'_, HashMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers an answer. Returns its handle, counted from 1, and a channel that signals when to stop.
    pub fn begin(
        &self,
        owner: UniqueName<'static>,
        caller: Caller,
    ) -> Result<(u64, oneshot::Receiver<()>), BusError> {
        let mut running = self.running();
        let own = running
            .values()
            .filter(|running| running.uid == caller.uid)
            .count();
        if running.len() >= STREAMS || own >= OWN_STREAMS {
            return Err(BusError::Busy(format!(
                "{} answers are under way, {own} of them for you; try again later",
                running.len()
            )));
        }
        let (stop, stopped) = oneshot::channel();
        let handle = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let uid = caller.uid;
        running.insert(handle, Running { owner, uid, stop });
        Ok((handle, stopped))
    }

    /// Removes an answer that has ended.
    pub fn end(&self, handle: u64) {
        self.running().remove(&handle);
    }

    /// Stops an answer of this caller; returns whether it was under way.
    pub fn stop(&self, handle: u64, owner: &UniqueName<'_>) -> bool {
        let mut running = self.running();
        if running.get(&handle).is_none_or(|running| running.owner != *owner) {
            return false;
        }
        running
            .remove(&handle)
            .is_some_and(|running| running.stop.send(()).is_ok())
    }

    /// Stops every answer of this caller.
    pub fn stop_all_of(&self, owner: &UniqueName<'_>) {
        // Dropping the sender stops the answer.
        self.running().retain(|_, running| running.owner != *owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_connections_share_one_limit() {
        let streams = Streams::default();
        let me = Caller { uid: 1000 };
        let begin = |number: usize, caller| {
            streams.begin(UniqueName::try_from(format!(":1.{number}")).unwrap(), caller)
        };
        let held: Vec<_> = (0..OWN_STREAMS)
            .map(|number| begin(number, me).unwrap())
            .collect();
        assert!(matches!(begin(OWN_STREAMS, me), Err(BusError::Busy(_))));
        assert!(begin(0, Caller { uid: 1001 }).is_ok());
        streams.end(held[0].0);
        assert!(begin(OWN_STREAMS, me).is_ok());
    }
}
