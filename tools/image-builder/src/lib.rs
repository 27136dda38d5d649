//! Builds, boots, flashes and inspects SigmaVault images. The program `sigmavault-image` is a thin shell over this.

pub mod cli;
pub mod gpt;
pub mod manifest;
pub mod profile;
pub mod progress;
pub mod source;
