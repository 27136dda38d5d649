//! What each user has of something, apart from all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::caller::Caller;

/// A semaphore for each user. Those whose permits are all there are forgotten.
#[derive(Debug)]
pub struct PerUser {
    permits: usize,
    users: Mutex<HashMap<u32, Arc<Semaphore>>>,
}

impl PerUser {
    /// So many permits for each user.
    pub fn new(permits: usize) -> Self {
        Self {
            permits,
            users: Mutex::default(),
        }
    }

    /// The caller's.
    pub fn of(&self, caller: Caller) -> Arc<Semaphore> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        // A semaphore that nobody else holds has all its permits.
        users.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        let new = || Arc::new(Semaphore::new(self.permits));
        Arc::clone(users.entry(caller.uid).or_insert_with(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn users_are_forgotten_once_they_hold_nothing() {
        let users = PerUser::new(2);
        let (me, other) = (Caller { uid: 1 }, Caller { uid: 2 });
        let held = users.of(me).acquire_owned().await.unwrap();
        assert_eq!(users.of(me).available_permits(), 1);
        assert_eq!(users.of(other).available_permits(), 2);
        drop(held);
        assert_eq!(users.of(other).available_permits(), 2);
        assert_eq!(users.users.lock().unwrap().len(), 1);
    }
}
