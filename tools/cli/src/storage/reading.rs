//! Reading what there is.

use sigmavault_types::storage::{State, World};

use super::access::{AccessError, Storage};
use super::words;
use crate::output::tell;

/// Everything as it was read last; says so when it may no longer be so.
pub fn world(storage: &mut dyn Storage) -> Result<World, AccessError> {
    let state = storage.state()?;
    if let Some(note) = note(&state) {
        tell(note);
    }
    Ok(state.world)
}

/// Why what was read may no longer be so, for a person.
pub fn note(state: &State) -> Option<String> {
    let old = state.stale.as_ref()?;
    let since = match old.since {
        0 => "nothing could be read since the storage service started".to_owned(),
        since => format!(
            "what is shown was read at {}, and may have changed",
            words::time(since)
        ),
    };
    Some(format!("note: {since}: {}", old.reason))
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::Stale;

    use super::*;

    #[test]
    fn what_is_old_is_said() {
        let mut state = State::default();
        assert_eq!(note(&state), None);
        for (since, expected) in [
            (
                0,
                "note: nothing could be read since the storage service started: zpool failed",
            ),
            (
                86_400,
                "note: what is shown was read at 1970-01-02T00:00:00Z, and may have changed: zpool failed",
            ),
        ] {
            let reason = "zpool failed".to_owned();
            state.stale = Some(Stale { since, reason });
            assert_eq!(note(&state).as_deref(), Some(expected));
        }
    }
}
