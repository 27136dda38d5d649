//! udevadm(8).

use crate::run::Invocation;

/// Waits until all events of devices are handled.
pub fn settle() -> Invocation {
    Invocation::new("udevadm").arg("settle")
}

/// Has udev look at a device again, and waits until it has.
pub fn look_again(device: &str) -> Invocation {
    Invocation::new("udevadm").args(["trigger", "--settle", device])
}

/// Waits until all events of devices are handled, at most this long.
pub fn settle_within(seconds: u32) -> Invocation {
    settle().arg(format!("--timeout={seconds}"))
}

/// Prints a line for each event of a block device that udev has handled, until it is ended.
pub fn watch_disks() -> Invocation {
    Invocation::new("udevadm").args(["monitor", "--udev", "--subsystem-match=block"])
}
