//! partx(8): the kernel's view of partitions.

use crate::run::Invocation;

/// Has the kernel forget a partition that nothing uses, while others of the disk are in use. The table stays.
pub fn forget(disk: &str, number: u32) -> Invocation {
    Invocation::new("partx").args(["--delete", "--nr", &number.to_string(), disk])
}
