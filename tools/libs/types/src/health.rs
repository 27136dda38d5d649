//! Answers of the health endpoints.

use serde::{Deserialize, Serialize};

/// How a part of the system is doing, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Works, with something to look at.
    Degraded,
    /// Does not work.
    Failed,
}

impl Health {
    /// Name as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

/// Answer of `/health/live` and, when ready, of `/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alive {
    /// Always [`Health::Ok`]: a service that is not says so with a problem or not at all.
    pub status: Health,
}

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// Stable name, such as `hardware-report`.
    pub name: String,
    /// Result.
    pub status: Health,
    /// What was found and, when it is not [`Health::Ok`], what to do.
    pub detail: String,
}

/// Answer of `/health/status`: every check, and the worst of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthStatus {
    /// The worst of the checks.
    pub status: Health,
    /// When the checks ran (RFC 3339, UTC).
    pub time: String,
    /// The checks.
    pub checks: Vec<Check>,
}
