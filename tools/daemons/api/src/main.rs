//! REST interface of SigmaVault on the loopback address.

fn main() {}
