//! wipefs(8).

use crate::run::Invocation;

/// Erases every signature on a device, even if it is in use.
pub fn erase_all(device: &str) -> Invocation {
    Invocation::new("wipefs").args(["--all", "--force", device])
}
