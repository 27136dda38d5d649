//! What the storage service tells: everything as it was read last, and the work that is under way.

use serde::{Deserialize, Serialize};

use super::id::Guid;
use super::plan::Plan;
use super::pool::ScanKind;
use super::world::World;

/// Since when, and why, what is told may no longer be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stale {
    /// When it was read last, in seconds since 1970 (UTC); 0 when it never was.
    pub since: i64,
    /// Why it cannot be read now.
    pub reason: String,
}

/// Everything as it was read last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct State {
    /// Disks, pools, datasets and policies; snapshots only where they were asked for.
    pub world: World,
    /// Whether it may no longer be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<Stale>,
    /// Work that is under way, and what ended since the service started.
    #[serde(default)]
    pub jobs: Vec<Job>,
}

/// A plan that the service keeps, so that it can be approved and executed by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Planned {
    /// Its digest, in hexadecimal digits: SHA-256 over `sigmavault-plan-v1`, a zero byte and the plan as canonical JSON (RFC 8785).
    pub digest: String,
    /// The plan.
    pub plan: Plan,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Waits for another job.
    Queued,
    /// Under way.
    Running,
    /// Waits to be continued.
    Paused,
    /// Done.
    Succeeded,
    /// Ended by an error.
    Failed,
    /// Ended on request.
    Cancelled,
    /// The service ended before it did.
    Interrupted,
}

impl JobState {
    /// Whether it is over.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Paused)
    }
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "work", rename_all = "kebab-case")]
pub enum Work {
    /// Carries a plan out.
    Plan {
        /// The plan's digest.
        digest: String,
    },
    /// Goes over a pool's data. The kernel does it, also while the service does not run.
    Scan {
        /// The pool.
        pool: Guid,
        /// What.
        scan: ScanKind,
    },
}

/// Long work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// Its id: letters, digits and `_`.
    pub id: String,
    /// What it does.
    #[serde(flatten)]
    pub work: Work,
    /// How far it is.
    pub state: JobState,
    /// Steps or bytes done.
    pub done: u64,
    /// Steps or bytes in all.
    pub total: u64,
    /// Bytes a second, where they are known.
    pub rate: Option<u64>,
    /// Seconds that it still takes, where they can be told.
    pub seconds_left: Option<u64>,
    /// When it began, in seconds since 1970 (UTC).
    pub began: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
}
