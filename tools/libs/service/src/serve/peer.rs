//! Who is at the other end of a connection.

use std::net::SocketAddr;

/// The other end, as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A program on this machine, over TCP on the loopback address.
    Tcp {
        /// Its end of the connection.
        address: SocketAddr,
        /// User of the program's socket, when the kernel still knows it.
        uid: Option<u32>,
    },
    /// A program of this user (`SO_PEERCRED`).
    Unix {
        /// User of the program when it connected.
        uid: u32,
    },
}

impl Peer {
    /// The user, when known.
    pub const fn uid(&self) -> Option<u32> {
        match self {
            Self::Tcp { uid, .. } => *uid,
            Self::Unix { uid } => Some(*uid),
        }
    }
}
