//! What a client may take.

use std::time::Duration;

/// Limits of every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections of one user at a time, over TCP and over the socket each. Half as many more wait, for which idle
    /// ones end. All users together have three times as many.
    pub connections: usize,
    /// How long a client may take to send its headers, and an idle connection may stay.
    pub headers: Duration,
    /// How long a client may take nothing of its answer, when there is such a limit.
    pub stalled: Option<Duration>,
    /// How long requests under way get to finish when the service stops.
    pub shutdown: Duration,
}
