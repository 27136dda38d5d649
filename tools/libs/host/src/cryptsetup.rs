//! cryptsetup(8): LUKS2 volumes.

use std::path::Path;

use crate::run::Invocation;

/// Unlocks a volume, which is then `/dev/mapper/` and the name.
pub fn open(volume: &str, name: &str, key_file: &Path) -> Invocation {
    Invocation::new("cryptsetup")
        .args(["open", "--type=luks2"])
        .arg(format!("--key-file={}", key_file.display()))
        .args([volume, name])
}

/// Locks a volume again.
pub fn close(name: &str) -> Invocation {
    Invocation::new("cryptsetup").args(["close", name])
}
