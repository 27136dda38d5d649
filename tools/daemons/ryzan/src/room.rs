//! Memory for the bodies of requests.
//!
//! A body is in memory as it was sent, and then as the values that it was read as. Every request has [`SMALL`] bytes for that. A larger one
//! takes a share of its user's room, which holds one body of the largest size or several smaller ones: those of one user wait for each
//! other, in their order. Another user has a room of their own, as long as no more than [`USERS`] rooms are full. A request that waits has
//! nothing in memory but its first part, and gives its share back once it is prepared, or dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::Caller;
use crate::openai::error::ApiError;
use crate::users::PerUser;

/// Bytes of memory that every body has.
pub const SMALL: usize = 128 << 10;

/// The most memory that the values of a body may take beside their text. A prompt of 150 000 token ids fits.
pub const VALUES: usize = 12 << 20;

/// The most memory that a body takes, of as many bytes at most.
pub const fn largest(bytes: usize) -> usize {
    2 * bytes + VALUES
}

/// Rooms that may be full at a time, of all users together.
const USERS: usize = 2;

/// Bytes of a permit.
const UNIT: usize = 1 << 10;

/// The rooms of all users. The constraints of answers have others of the same kind.
#[derive(Debug)]
pub struct Room {
    /// Bytes of one user.
    own: usize,
    users: PerUser,
    all: Arc<Semaphore>,
    /// How long a request waits for a share.
    patience: Duration,
    /// Requests that wait, by user.
    waiting: Mutex<HashMap<u32, usize>>,
}

/// A request that waits.
struct Waiting<'a>(&'a Room, Caller);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.1.uid) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.1.uid);
            }
        }
    }
}

/// Part of a room, given back once every part of it is dropped.
#[derive(Debug, Clone, Default)]
pub struct Share {
    held: Option<Arc<Held>>,
}

#[derive(Debug)]
struct Held {
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Room {
    /// `own` bytes for each user.
    pub fn new(own: usize, patience: Duration) -> Self {
        let permits = own.div_ceil(UNIT);
        Self {
            own,
            users: PerUser::new(permits),
            all: Arc::new(Semaphore::new(USERS * permits)),
            patience,
            waiting: Mutex::default(),
        }
    }

    /// Whether requests of this user wait.
    pub fn is_wanted(&self, caller: Caller) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.contains_key(&caller.uid)
    }

    fn wait(&self, caller: Caller) -> Waiting<'_> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting.entry(caller.uid).or_default() += 1;
        Waiting(self, caller)
    }

    /// A share of this many bytes, once the user's room has them. More than all of the room is all of it.
    ///
    /// # Errors
    /// [`ApiError::NoRoom`] when others keep theirs for too long.
    pub async fn take(&self, caller: Caller, bytes: usize) -> Result<Share, ApiError> {
        if bytes <= SMALL {
            return Ok(Share::default());
        }
        let permits = u32::try_from(bytes.min(self.own).div_ceil(UNIT)).unwrap_or(u32::MAX);
        let _waiting = self.wait(caller);
        // The own room first: who waits for all others keeps only their own requests waiting.
        let share = async {
            let own = self.users.of(caller).acquire_many_owned(permits).await.ok()?;
            let all = Arc::clone(&self.all).acquire_many_owned(permits).await.ok()?;
            Some(Held { own, all })
        };
        match tokio::time::timeout(self.patience, share).await {
            Ok(Some(held)) => Ok(Share {
                held: Some(Arc::new(held)),
            }),
            _ => Err(ApiError::NoRoom {
                waited: self.patience.as_secs(),
            }),
        }
    }
}

impl Share {
    /// Whether it is a share of a room, rather than what every body has.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Gives back what is more than this many bytes, unless there are parts of it.
    pub fn shrink(&mut self, bytes: usize) {
        if bytes <= SMALL {
            self.held = None;
        } else if let Some(Held { own, all }) = self.held.as_mut().and_then(Arc::get_mut) {
            let surplus = own.num_permits().saturating_sub(bytes.div_ceil(UNIT));
            drop((own.split(surplus), all.split(surplus)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    const ME: Caller = Caller { uid: 1 };
    const OTHER: Caller = Caller { uid: 2 };
    const THIRD: Caller = Caller { uid: 3 };

    fn room() -> Room {
        Room::new(8 * MIB, Duration::from_millis(100))
    }

    fn refused(share: &Result<Share, ApiError>) -> bool {
        matches!(share, Err(ApiError::NoRoom { .. }))
    }

    #[tokio::test]
    async fn large_bodies_of_a_user_wait_for_each_other_and_others_do_not() {
        let room = room();
        let first = room.take(ME, 6 * MIB).await.unwrap();
        assert!(!room.is_wanted(ME));
        assert!(refused(&room.take(ME, 3 * MIB).await));
        // What is left of the room serves smaller ones, and small ones need none.
        assert!(room.take(ME, 2 * MIB).await.unwrap().is_held());
        assert!(!room.take(ME, SMALL).await.unwrap().is_held());
        assert!(room.take(OTHER, 8 * MIB).await.unwrap().is_held());
        let mut waiting = Box::pin(room.take(ME, 8 * MIB));
        let soon = tokio::time::timeout(Duration::from_millis(1), &mut waiting);
        assert!(soon.await.is_err());
        assert!(room.is_wanted(ME) && !room.is_wanted(OTHER));
        drop(first);
        assert!(waiting.await.is_ok());
        assert!(!room.is_wanted(ME));
    }

    #[tokio::test]
    async fn all_users_together_have_two_rooms() {
        let room = room();
        let held = (
            room.take(ME, 8 * MIB).await.unwrap(),
            room.take(OTHER, 8 * MIB).await.unwrap(),
        );
        assert!(refused(&room.take(THIRD, MIB).await));
        assert!(room.take(THIRD, SMALL).await.is_ok());
        drop(held);
        // Who was refused while waiting for the others has given back their own.
        assert!(room.take(THIRD, 8 * MIB).await.is_ok());
    }

    #[tokio::test]
    async fn a_client_that_goes_while_it_waits_costs_nothing() {
        let room = room();
        let first = room.take(ME, 8 * MIB).await.unwrap();
        for _ in 0..100 {
            let gone = tokio::time::timeout(Duration::from_millis(1), room.take(ME, 8 * MIB));
            assert!(gone.await.is_err());
        }
        drop(first);
        assert!(room.take(ME, 8 * MIB).await.is_ok());
        assert_eq!(room.all.available_permits(), USERS * 8 * MIB / UNIT);
    }

    #[tokio::test]
    async fn what_is_not_needed_any_more_is_given_back() {
        let room = room();
        let mut first = room.take(ME, 8 * MIB).await.unwrap();
        first.shrink(3 * MIB);
        let second = room.take(ME, 5 * MIB).await.unwrap();
        assert!(refused(&room.take(ME, MIB).await));
        first.shrink(SMALL);
        assert!(!first.is_held());
        let part = second.clone();
        drop(second);
        assert!(refused(&room.take(ME, 4 * MIB).await));
        drop(part);
        // More than all of it is all of it.
        let whole = room.take(ME, 100 * MIB).await.unwrap();
        assert_eq!(room.all.available_permits(), 8 * MIB / UNIT);
        drop(whole);
    }
}
