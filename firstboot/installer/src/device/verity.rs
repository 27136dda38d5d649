//! Reading a whole slot back against its root hash.

use std::io;
use std::path::Path;

pub use sigmavault_verity::tree::{Side, Superblock, VerityError, parse_root_hash};

use super::direct::open_direct;

/// The superblock of a hash device.
pub fn superblock(tree: &Path) -> Result<Superblock, VerityError> {
    let tree = open_direct(tree, false).map_err(unopened(Side::Tree))?;
    Superblock::read(&tree)
}

/// Reads data and tree, past the page cache, and compares every block with the root hash.
/// `told` is called with the data bytes read so far; `false` stops the reading.
pub fn verify(
    data: &Path,
    tree: &Path,
    root_hash: &[u8; 32],
    told: &(dyn Fn(u64) -> bool + Sync),
) -> Result<(), VerityError> {
    let data = open_direct(data, false).map_err(unopened(Side::Data))?;
    let tree = open_direct(tree, false).map_err(unopened(Side::Tree))?;
    sigmavault_verity::tree::verify(&data, &tree, root_hash, told)
}

/// For `map_err` on opening a device.
fn unopened(side: Side) -> impl FnOnce(io::Error) -> VerityError {
    move |source| VerityError::Read { side, at: 0, source }
}
