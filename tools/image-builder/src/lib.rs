//! Builds, boots, flashes and inspects SigmaVault images. The program `sigmavault-image` is a thin shell over this.

pub mod manifest;
pub mod progress;
