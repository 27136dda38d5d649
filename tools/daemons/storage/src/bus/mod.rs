//! D-Bus: `org.sigmavault.Storage1` at `/org/sigmavault/Storage1` on the system bus.
//!
//! - [`serve`]: the connection, and what is told on it
//! - [`object`]: the service's own object
//! - [`things`]: an object for each disk, pool and dataset
//! - [`tree`]: which of those are there
//! - [`caller`]: who calls, and what polkit lets them do
//! - [`error`]: errors on the bus

mod caller;
mod error;
mod object;
mod serve;
mod things;
mod tree;

pub use error::BusError;
pub use serve::{Serving, serve};
