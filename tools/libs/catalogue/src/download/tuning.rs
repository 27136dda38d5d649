//! The parameters of a download.

use std::time::Duration;

use crate::chunks::CHUNK_BYTES;

/// The parameters of a download.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// The size of the pieces that are checked and fetched again, in bytes.
    pub chunk_bytes: u64,
    /// The bytes of an incomplete piece after which the journal gets a mark.
    pub mark_bytes: u64,
    /// The number of consecutive requests without data after which the download fails.
    pub attempts: u32,
    /// The wait after the first such request; doubled each time.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// Bytes that must stay free on the disk.
    pub reserve_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            chunk_bytes: CHUNK_BYTES,
            mark_bytes: 1 << 20,
            attempts: 8,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            reserve_bytes: 256 << 20,
        }
    }
}
