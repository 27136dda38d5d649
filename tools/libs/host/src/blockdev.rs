//! blockdev(8).

use crate::run::Invocation;

/// Has the kernel read a disk's partition table again.
pub fn reread_partition_table(disk: &str) -> Invocation {
    Invocation::new("blockdev").args(["--rereadpt", disk])
}
