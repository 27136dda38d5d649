//! Reading what there is.

use sigmavault_types::storage::World;

use super::access::{AccessError, Storage};
use super::words;
use crate::output::tell;

/// Everything as it was read last; says so when it may no longer be so.
pub fn world(storage: &mut dyn Storage) -> Result<World, AccessError> {
    let state = storage.state()?;
    if let Some(stale) = state.stale {
        let since = match stale.since {
            0 => "nothing could be read since the storage service started".to_owned(),
            since => format!(
                "what follows was read at {}, and may have changed",
                words::time(since)
            ),
        };
        tell(format_args!("note: {since}: {}", stale.reason));
    }
    Ok(state.world)
}
