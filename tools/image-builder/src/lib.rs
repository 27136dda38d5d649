//! Builds, boots, flashes and inspects `SigmaVault` images.

pub mod manifest;
pub mod smoke;
