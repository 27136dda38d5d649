//! Whose turn it is: the work of each user.
//!
//! A machine's own programs ask as often as they like. What is limited is how much of one user's work is under way: the
//! rest waits, so that one user's programs do not keep those of others from the models.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::caller::Caller;
use crate::openai::error::ApiError;
use crate::users::PerUser;

/// Requests under way, by user.
#[derive(Debug)]
pub struct Turns {
    /// Requests of one user that are under way at a time.
    limit: usize,
    /// How long further ones wait.
    patience: Duration,
    users: PerUser,
}

/// A request under way. Dropping it lets the next one begin.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// `limit` requests of each user at a time; further ones wait as long as `patience`.
    pub fn new(limit: usize, patience: Duration) -> Self {
        Self {
            limit,
            patience,
            users: PerUser::new(limit),
        }
    }

    /// Waits for the caller's turn.
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`] when too many requests of this user are under way for too long.
    pub async fn take(&self, caller: Caller) -> Result<Turn, ApiError> {
        let turn = self.users.of(caller).acquire_owned();
        match tokio::time::timeout(self.patience, turn).await {
            Ok(Ok(permit)) => Ok(Turn { _permit: permit }),
            _ => Err(ApiError::TooManyRequests {
                limit: self.limit,
                waited: self.patience.as_secs(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn users_wait_for_themselves_only() {
        let turns = Turns::new(2, Duration::from_millis(100));
        let (me, other) = (Caller { uid: 1 }, Caller { uid: 2 });
        let first = turns.take(me).await.unwrap();
        let second = turns.take(me).await.unwrap();
        assert!(matches!(
            turns.take(me).await,
            Err(ApiError::TooManyRequests { limit: 2, .. })
        ));
        let theirs = turns.take(other).await.unwrap();
        let waiting = turns.take(me);
        drop(first);
        let third = waiting.await.unwrap();
        drop((second, third, theirs));
    }
}
