//! Connections of each user, counted.
//!
//! A connection that does nothing gives its place to one that waits: programs keep connections open between requests,
//! and these must not lock out others.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// Whose connections they are; `None` is everybody whom the kernel does not name.
type Who = Option<u32>;

/// The places of all users.
#[derive(Debug)]
pub(super) struct Slots {
    /// Connections of one user that are served at a time. Half as many wait.
    limit: usize,
    users: Mutex<HashMap<Who, User>>,
    clock: AtomicU64,
}

#[derive(Debug, Default)]
struct User {
    served: usize,
    /// Idle connections, the longest idle first.
    idle: BTreeMap<u64, Arc<Notify>>,
    waiting: VecDeque<oneshot::Sender<()>>,
}

impl User {
    /// Asks the connection that has been idle for longest to end. Whether there was one.
    fn retire(&mut self) -> bool {
        let longest = self.idle.pop_first();
        if let Some((_, notify)) = &longest {
            notify.notify_one();
        }
        longest.is_some()
    }
}

impl Slots {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            users: Mutex::default(),
            clock: AtomicU64::new(0),
        })
    }

    fn users(&self) -> MutexGuard<'_, HashMap<Who, User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection, idle at first. It waits for one while this user has all of theirs in use; `None` when
    /// too many came after it.
    pub(super) async fn enter(self: &Arc<Self>, who: Who) -> Option<Slot> {
        let turn = {
            let mut users = self.users();
            let user = users.entry(who).or_default();
            if user.served < self.limit {
                user.served += 1;
                None
            } else {
                user.retire();
                let (sender, turn) = oneshot::channel();
                user.waiting.push_back(sender);
                if user.waiting.len() > self.limit.div_ceil(2) {
                    user.waiting.pop_front();
                }
                Some(turn)
            }
        };
        if let Some(turn) = turn {
            turn.await.ok()?;
        }
        let slot = Slot {
            slots: Arc::clone(self),
            who,
            idle_since: Mutex::new(None),
            retired: Arc::default(),
        };
        slot.idle();
        Some(slot)
    }

    /// Asks an idle connection to end: one of the user who has most.
    pub(super) fn retire_any(&self) {
        let mut users = self.users();
        if let Some(user) = users.values_mut().max_by_key(|user| user.idle.len()) {
            user.retire();
        }
    }
}

/// A connection's place. Dropping it gives the place to the next.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    who: Who,
    /// Its number among the idle ones of its user.
    idle_since: Mutex<Option<u64>>,
    retired: Arc<Notify>,
}

impl Slot {
    /// A request has begun.
    pub(super) fn busy(&self) {
        let mut since = self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = since.take()
            && let Some(user) = self.slots.users().get_mut(&self.who)
        {
            user.idle.remove(&number);
        }
    }

    /// Its answer is complete.
    pub(super) fn idle(&self) {
        let mut since = self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.slots.clock.fetch_add(1, Ordering::Relaxed);
        *since = Some(number);
        let mut users = self.slots.users();
        let user = users.entry(self.who).or_default();
        user.idle.insert(number, Arc::clone(&self.retired));
        if !user.waiting.is_empty() {
            user.retire();
        }
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        let since = self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_none()
    }

    /// Waits until the connection should end, being idle while others wait.
    pub(super) async fn retired(&self) {
        self.retired.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.busy();
        let mut users = self.slots.users();
        let Some(user) = users.get_mut(&self.who) else {
            return;
        };
        while let Some(next) = user.waiting.pop_front() {
            if next.send(()).is_ok() {
                return;
            }
        }
        user.served -= 1;
        if user.served == 0 {
            users.remove(&self.who);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn soon<T>(future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(50), future).await.ok()
    }

    #[tokio::test]
    async fn idle_connections_make_room_and_working_ones_do_not() {
        let slots = Slots::new(2);
        let first = slots.enter(Some(1)).await.unwrap();
        let second = slots.enter(Some(1)).await.unwrap();
        first.busy();
        // The third waits, and the second, which is idle, is asked to end.
        let third = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.enter(Some(1)).await }
        });
        assert!(soon(second.retired()).await.is_some());
        assert!(soon(first.retired()).await.is_none());
        // Another user waits for nobody.
        let other = soon(slots.enter(Some(2))).await.flatten();
        assert!(other.is_some());
        drop(second);
        let third = third.await.unwrap().unwrap();
        third.busy();
        // All work: the next one waits until an answer is complete.
        let fourth = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.enter(Some(1)).await }
        });
        assert!(soon(first.retired()).await.is_none());
        first.idle();
        assert!(soon(first.retired()).await.is_some());
        drop(first);
        assert!(fourth.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn who_opens_too_many_loses_those_that_waited_longest() {
        let slots = Slots::new(1);
        let working = slots.enter(None).await.unwrap();
        working.busy();
        let enter = || {
            let slots = Arc::clone(&slots);
            tokio::spawn(async move { slots.enter(None).await.is_some() })
        };
        let first = enter();
        tokio::task::yield_now().await;
        let second = enter();
        assert!(!first.await.unwrap());
        drop(working);
        assert!(second.await.unwrap());
        assert!(slots.users().is_empty());
    }
}
