//! How long and how large an answer may be.

use std::time::Duration;

/// Limits of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for a TCP connection, once the host's name is resolved, which is the resolver's time. A unix socket connects at once, or waits for room in the service's queue.
    pub connect: Duration,
    /// Longest time in which no byte comes or goes.
    pub silence: Duration,
    /// Longest time from connecting to the last byte of the answer, when there is such a limit.
    pub whole: Option<Duration>,
    /// Most bytes of a body, or of one event of it.
    pub body: u64,
}
