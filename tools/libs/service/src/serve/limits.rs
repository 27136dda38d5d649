//! What a client may take.

use std::time::Duration;

/// Limits of every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time, over TCP and over the socket each; more wait. So whoever holds every connection
    /// over TCP does not lock out those of the socket.
    pub connections: usize,
    /// How long a client may take to send its headers, and an idle connection may stay.
    pub headers: Duration,
    /// How long a client may take nothing of its answer, when there is such a limit.
    pub stalled: Option<Duration>,
    /// How long requests under way get to finish when the service stops.
    pub shutdown: Duration,
}
