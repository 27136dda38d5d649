//! mdadm(8): arrays of Linux's software RAID.

use crate::run::Invocation;

/// Stops an array; its data stays on the disks. It fails while the array is in use.
pub fn stop(array: &str) -> Invocation {
    Invocation::new("mdadm").args(["--stop", array])
}
