//! ssh-keygen(1): keys of SSH.

use crate::run::Invocation;

/// Reads public keys, one a line as in an `authorized_keys` file, and prints a line for each. Those that it cannot read
/// it passes over, unless there is no other.
pub fn read_public(text: &str) -> Invocation {
    Invocation::new("ssh-keygen").args(["-l", "-f", "-"]).input(text)
}
