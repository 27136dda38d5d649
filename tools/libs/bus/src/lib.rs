//! D-Bus interfaces of the `SigmaVault` services, as their clients see them.
//!
//! - [`storage`]: the interface `org.sigmavault.Storage1`

pub mod storage;
