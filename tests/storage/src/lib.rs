//! Runs ZFS in virtual machines.
//!
//! - [`record`] keeps what its programs print, for the tests of crate `host`
//! - [`scenario`] does what administrators do, by the storage service, on real pools
//! - [`cuts`] cuts the power during changes
//! - [`machine`]: the machine that all run in

pub mod cuts;
pub mod error;
pub mod machine;
pub mod options;
pub mod record;
pub mod scenario;
