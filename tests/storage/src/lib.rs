//! Runs ZFS in virtual machines: [`record`] keeps what its programs print, for the tests of crate `host`.

pub mod error;
pub mod options;
pub mod record;
