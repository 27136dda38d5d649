//! The HTTP server: HTTP/1.1 (RFC 9112) over TCP on the loopback address and over a unix socket, with limits on
//! connections and on the time a client may take.
//!
//! - [`Listeners`]: bound sockets, and the loop that serves their connections within [`Limits`]
//! - [`Peer`]: who is at the other end; every request has one among its extensions
//! - [`names`]: whether a request calls the service by a name of its own
//! - [`answers`]: id, security headers and log line of every answer
//! - [`body`]: the announced size of a body
//! - [`Members`]: who may use a service, whichever way they come
//!
//! Users are told apart by their uid on both ways, and limits count users, not connections.

pub mod answers;
pub mod body;
mod connections;
mod lent;
mod limits;
mod listeners;
mod members;
pub mod names;
mod owner;
mod patience;
mod peer;
mod slots;
mod socket;

pub use limits::Limits;
pub use listeners::{BindError, Listeners};
pub use members::Members;
pub use peer::Peer;
pub use socket::SocketError;
