//! Yielding to the file services: pressure stall information (PSI, Linux `accounting/psi`) determines the pace of
//! computation.
//!
//! - [`pace`]: from pressures to a pace
//! - [`watch`]: reading the pressure and setting the pace

pub mod pace;
pub mod watch;
