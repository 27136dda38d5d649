//! The administrator's command on a SigmaVault NAS.

fn main() {}
