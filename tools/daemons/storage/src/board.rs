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

    /// Puts up what was read, and says what differs. Nothing differs from what was never read.
    pub fn put(&self, world: World) -> Vec<Change> {
        let new = Arc::new(world);
        let before = {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let before = known.clone();
            *known = Known {
                world: Arc::clone(&new),
                stale: None,
            };
            before
        };
        if before.stale.is_some_and(|stale| stale.since == 0) {
            return Vec::new();
        }
        diff(&before.world, &new)
    }

    /// Records that it cannot be read now.
    pub fn cannot_be_read(&self, reason: String) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let since = known.stale.as_ref().map_or(known.world.time, |stale| stale.since);
        known.stale = Some(Stale { since, reason });
    }
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
        assert_eq!(board.put(at(100)), []);
        assert_eq!(board.known().stale, None);
        board.cannot_be_read("it hangs".to_owned());
        board.cannot_be_read("it hangs still".to_owned());
        let expected = Stale {
            since: 100,
            reason: "it hangs still".to_owned(),
        };
        assert_eq!(board.known().stale, Some(expected));
        board.put(at(200));
        assert_eq!(board.known().stale, None);
    }
}
