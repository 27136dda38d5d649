//! Where pools are read and changed: the storage service, or a simulated machine.
//!
//! - [`Storage`]: what the commands need of it; [`AccessError`]: why it failed
//! - [`open()`]: the one that the command line asks for
//! - `service`: over D-Bus
//! - `simulated`: in a file

mod error;
mod open;
mod service;
mod simulated;
mod storage;

pub use error::AccessError;
pub use open::open;
pub use storage::Storage;
