//! What ZFS prints, as a [`World`](sigmavault_types::storage::World). Pure: whoever runs the commands is elsewhere.

mod datasets;
mod pools;

pub use datasets::{PROPERTIES, SNAPSHOT_PROPERTIES, dataset, snapshot, tags};
pub use pools::pool;
