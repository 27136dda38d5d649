//! dmsetup(8): mappings of the device mapper, such as logical volumes.

use crate::run::Invocation;

/// Removes a mapping; what it maps stays on the disks. It fails while the mapping is in use.
pub fn remove(name: &str) -> Invocation {
    Invocation::new("dmsetup").args(["remove", name])
}
