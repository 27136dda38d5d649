//! Builds, boots, flashes and inspects SigmaVault images.

fn main() {}
