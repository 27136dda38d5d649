//! The events of a running installation, its outcome, and the request to stop it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::pool_key::PoolKey;

/// The steps, in the order in which they run. A plan skips those it does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Compare the disks with those of the plan.
    Check,
    /// Partition table.
    Partition,
    /// Slot A.
    CopyA,
    /// Read slot A back.
    VerifyA,
    /// Slot B.
    CopyB,
    /// Read slot B back.
    VerifyB,
    /// Recovery key and TPM.
    Keys,
    /// Settings and user.
    Settings,
    /// Data pool.
    Pool,
    /// Boot loader and entries.
    Boot,
    /// Everything written, unmounted and compared with the plan.
    Finish,
}

impl Step {
    /// For a person.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Check => "Check the disks again",
            Self::Partition => "Lay out the system disk",
            Self::CopyA => "Copy the system to slot A",
            Self::VerifyA => "Read slot A back",
            Self::CopyB => "Copy the system to slot B",
            Self::VerifyB => "Read slot B back",
            Self::Keys => "Make the keys",
            Self::Settings => "Write settings and user",
            Self::Pool => "Make the data pool",
            Self::Boot => "Make it bootable",
            Self::Finish => "Compare with the plan",
        }
    }
}

/// One event of a running installation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A step begins. `bytes` is how much it will read or write, when that is known.
    Began {
        /// Which.
        step: Step,
        /// Bytes to go through.
        bytes: Option<u64>,
    },
    /// Bytes done so far, and since the step began.
    Bytes {
        /// Which.
        step: Step,
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        total: u64,
        /// Time taken.
        elapsed: Duration,
    },
    /// A step ended well.
    Done {
        /// Which.
        step: Step,
        /// Time taken.
        elapsed: Duration,
        /// What came out, in a few words; may be empty.
        said: String,
    },
    /// Something a person should know.
    Note {
        /// The text.
        text: String,
    },
}

/// What remains to be shown after an installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The recovery key, to be shown once.
    pub recovery_key: Option<String>,
    /// The key of the data pool, to be shown once.
    pub pool_key: Option<PoolKey>,
    /// Failures that do not matter for the result, such as a firmware that does not accept a boot entry.
    pub notes: Vec<String>,
}

/// Asks a running installation to stop at the next safe point.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Rate in bytes per second and time left, from what is done.
#[allow(clippy::cast_precision_loss)]
pub fn rate(done: u64, total: u64, elapsed: Duration) -> Option<(f64, Duration)> {
    let seconds = elapsed.as_secs_f64();
    if done == 0 || seconds < 0.2 {
        return None;
    }
    let rate = done as f64 / seconds;
    Duration::try_from_secs_f64(total.saturating_sub(done) as f64 / rate)
        .ok()
        .map(|left| (rate, left))
}
