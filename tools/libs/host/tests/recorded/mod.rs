//! What ZFS 2.3.9 printed, recorded by `ci/storage-tests record`.

use std::fs;
use std::path::PathBuf;

/// A recording by its file name.
pub fn recorded(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/zfs-2.3.9")
        .join(file);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}
