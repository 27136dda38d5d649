//! D-Bus: `org.sigmavault.Ryzan` at `/org/sigmavault/Ryzan` on the system bus.
//!
//! - [`serve`]: the connection
//! - [`object`]: the object and its methods
//! - [`authority`]: authorisation by polkit
//! - [`stream`]: an answer as signals
//! - [`streams`]: answers under way
//! - [`watch`]: stops the answers of callers that leave the bus
//! - [`error`], [`text`]: errors and texts on the bus
//!
//! Signals of a streamed answer are sent to the caller only: conversations are private.

mod authority;
mod error;
mod object;
mod serve;
mod stream;
mod streams;
mod text;
mod watch;

pub use error::BusError;
pub use serve::{NAME, PATH, serve, serve_on_system_bus};
