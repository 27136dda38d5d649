//! The HTTP client: one request on one connection to a service of this machine, over TCP or a unix socket (HTTP/1.1,
//! RFC 9112). It blocks the thread that asks.
//!
//! - [`Endpoint`]: where a service listens
//! - [`Client`] and its [`Limits`]: requests
//! - [`Answer`]: status and body
//! - [`Events`]: an answer that comes as server-sent events

mod answer;
mod body;
mod client;
mod connection;
mod endpoint;
mod error;
mod events;
mod limits;

pub use answer::Answer;
pub use client::Client;
pub use endpoint::Endpoint;
pub use error::AskError;
pub use events::Events;
pub use limits::Limits;
