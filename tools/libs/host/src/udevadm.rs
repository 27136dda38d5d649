//! udevadm(8).

use crate::run::Invocation;

/// Waits until all events of devices are handled.
pub fn settle() -> Invocation {
    Invocation::new("udevadm").arg("settle")
}

/// Waits until all events of devices are handled, at most this long.
pub fn settle_within(seconds: u32) -> Invocation {
    settle().arg(format!("--timeout={seconds}"))
}
