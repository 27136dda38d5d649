//! Snapshots.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dataset::pool_of;
use super::id::Guid;

/// A snapshot of one dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// Its id.
    pub id: Guid,
    /// Its name: dataset, `@`, and what tells it from others of that dataset.
    pub name: String,
    /// When it was made, in seconds since 1970 (UTC).
    pub created: i64,
    /// The transaction group that made it: the order of snapshots, also after a clock was set back.
    pub transaction: u64,
    /// Bytes that only it holds.
    pub used: u64,
    /// Bytes that it can read.
    pub referenced: u64,
    /// Tags of the holds that keep it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holds: BTreeSet<String>,
    /// Datasets that are clones of it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub clones: BTreeSet<String>,
    /// The policy that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Until when only the console may destroy it, in seconds since 1970 (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<i64>,
}

impl Snapshot {
    /// The dataset.
    pub fn dataset(&self) -> &str {
        self.name.split('@').next().unwrap_or_default()
    }

    /// What stands behind the `@`.
    pub fn tag(&self) -> &str {
        self.name.split_once('@').map_or("", |(_, tag)| tag)
    }

    /// The pool's name.
    pub fn pool(&self) -> &str {
        pool_of(&self.name)
    }
}
