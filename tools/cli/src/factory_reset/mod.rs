//! `sigmavault factory-reset`: resets the machine to its state after installation, in three levels.
//!
//! The files to reset are in use while the system runs. So the command only writes a request to the state partition,
//! and the initrd carries it out at the next start, before it mounts them. Pools are the exception: the initrd does not
//! know them, so they are destroyed here, before the request is written.
//!
//! - [`plan`]: what is removed and what stays
//! - [`pools`]: listing and destroying pools
//! - [`request`]: the request to the initrd
//! - [`reset`]: planning, confirming and carrying out

mod plan;
mod pools;
mod request;
mod reset;
#[cfg(test)]
mod tests;

pub use plan::Level;
pub use request::is_pending;
pub use reset::{ResetError, ask, cancel, carry_out, confirmed, plan};
