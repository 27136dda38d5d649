//! Who is at the other end of a connection.

use std::net::SocketAddr;

/// The other end, as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Any program on this machine.
    Tcp(SocketAddr),
    /// A program of this user (`SO_PEERCRED`).
    Unix {
        /// User of the program when it connected.
        uid: u32,
    },
}
