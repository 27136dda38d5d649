//! What is done again and again: snapshots, scrubs, trims. A policy is approved once, each run of it is recorded.

use serde::{Deserialize, Serialize};

use super::id::Guid;

/// When something is due, by the machine's own time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "every", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Each hour.
    Hour {
        /// Minute, 0 to 59.
        minute: u8,
    },
    /// Each day.
    Day {
        /// Hour, 0 to 23.
        hour: u8,
        /// Minute, 0 to 59.
        minute: u8,
    },
    /// Each week.
    Week {
        /// Day, 1 (Monday) to 7 (ISO 8601).
        day: u8,
        /// Hour, 0 to 23.
        hour: u8,
    },
    /// Each month.
    Month {
        /// Day, 1 to 28.
        day: u8,
        /// Hour, 0 to 23.
        hour: u8,
    },
}

/// How many snapshots of each age are kept: the newest one of each of the last so many hours, days, weeks, months and years that
/// have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// Hours.
    pub hourly: u32,
    /// Days.
    pub daily: u32,
    /// Weeks, from Monday on (ISO 8601).
    pub weekly: u32,
    /// Months.
    pub monthly: u32,
    /// Years.
    pub yearly: u32,
}

/// Snapshots on a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotPolicy {
    /// Its name: letters, digits, `-` and `_`, at most 32.
    pub name: String,
    /// Datasets that it is for.
    pub datasets: Vec<String>,
    /// Whether what is below them is included.
    pub recursive: bool,
    /// Datasets below them that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// When.
    pub schedule: Schedule,
    /// How many are kept.
    pub keep: Keep,
    /// Days for which only the console may destroy a snapshot; 0 for none.
    #[serde(default)]
    pub lock_days: u32,
    /// Whether it rests.
    #[serde(default)]
    pub paused: bool,
}

/// Scrubs and trims of a pool on a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Care {
    /// The pool.
    pub pool: Guid,
    /// When it is scrubbed; never when absent.
    pub scrub: Option<Schedule>,
    /// When its devices are trimmed; never when absent.
    pub trim: Option<Schedule>,
}
