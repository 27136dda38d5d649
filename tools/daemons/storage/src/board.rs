//! What there is, as it was read last. Reading it never waits for a tool.

use std::sync::{Arc, PoisonError, RwLock};

use sigmavault_plan::diff;
use sigmavault_types::storage::{Change, Stale, World};

/// What was read last, and since when it may no longer be so.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Everything.
    pub world: Arc<World>,
    /// Whether it may no longer be so.
    pub stale: Option<Stale>,
    /// How often it was put up after a change of this service's own.
    pub changes: u64,
}

/// Where it stands.
#[derive(Debug)]
pub struct Board {
    known: RwLock<Known>,
}

impl Default for Board {
    fn default() -> Self {
        let nothing = Known {
            world: Arc::default(),
            stale: Some(Stale {
                since: 0,
                reason: "it is being read for the first time".to_owned(),
            }),
            changes: 0,
        };
        Self {
            known: RwLock::new(nothing),
        }
    }
}

impl Board {
    /// What is known.
    pub fn known(&self) -> Known {
        // What a thread that panicked has written is whole: it is replaced in one step.
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts up what there is after a change of this service's own, and says what differs. Nothing differs from what was never read.
    pub fn put_after_change(&self, world: World) -> Vec<Change> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.changes += 1;
        replace(&mut known, world)
    }

    /// The same with what was read while nothing of this service's own was to change it: none when something was put up after a change since
    /// `seen`, for then what was read may be from before it.
    pub fn put(&self, world: World, seen: u64) -> Option<Vec<Change>> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        (known.changes == seen).then(|| replace(&mut known, world))
    }

    /// Records that it cannot be read now.
    pub fn cannot_be_read(&self, reason: String) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let since = known.stale.as_ref().map_or(known.world.time, |stale| stale.since);
        known.stale = Some(Stale { since, reason });
    }
}

fn replace(known: &mut Known, world: World) -> Vec<Change> {
    let new = Arc::new(world);
    let before = std::mem::replace(&mut known.world, Arc::clone(&new));
    let was = known.stale.take();
    if was.is_some_and(|stale| stale.since == 0) {
        return Vec::new();
    }
    diff(&before, &new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_since_it_was_read_last() {
        let board = Board::default();
        assert_eq!(board.known().stale.unwrap().since, 0);
        board.cannot_be_read("no zpool".to_owned());
        assert_eq!(board.known().stale.unwrap().since, 0);
        let at = |time| World {
            time,
            ..World::default()
        };
        assert_eq!(board.put(at(100), 0), Some(Vec::new()));
        assert_eq!(board.known().stale, None);
        board.cannot_be_read("it hangs".to_owned());
        board.cannot_be_read("it hangs still".to_owned());
        let expected = Stale {
            since: 100,
            reason: "it hangs still".to_owned(),
        };
        assert_eq!(board.known().stale, Some(expected));
        board.put(at(200), 0);
        assert_eq!(board.known().stale, None);
    }

    #[test]
    fn what_was_read_before_a_change_does_not_take_its_place() {
        let board = Board::default();
        let at = |time| World {
            time,
            ..World::default()
        };
        board.put(at(100), 0);
        let seen = board.known().changes;
        board.put_after_change(at(102));
        assert_eq!(board.put(at(101), seen), None);
        assert_eq!(board.known().world.time, 102);
        assert!(board.put(at(103), board.known().changes).is_some());
    }
}
