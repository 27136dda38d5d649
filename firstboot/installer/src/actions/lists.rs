//! Parts of lines that describe actions.

use crate::machine::Disk;
use crate::plan::Partition;
use crate::size::binary;

/// What stands behind partitions of which the state is encrypted.
pub(super) const fn encrypted(state: bool) -> &'static str {
    if state { ", state encrypted" } else { "" }
}

/// Device nodes of disks.
pub(super) fn names(disks: &[Disk]) -> String {
    let paths: Vec<&str> = disks.iter().map(|disk| disk.path.as_str()).collect();
    paths.join(", ")
}

/// Partitions with their sizes.
pub(super) fn list(partitions: &[Partition]) -> String {
    let parts: Vec<String> = partitions
        .iter()
        .map(|part| format!("{} {}", part.label, binary(part.bytes)))
        .collect();
    parts.join(", ")
}
