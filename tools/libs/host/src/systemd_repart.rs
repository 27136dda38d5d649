//! systemd-repart(8): partitions by definition files.

use std::path::Path;

use crate::run::Invocation;

/// Partitions a disk by the definitions in a folder, replacing its partition table. Partitions whose definition asks for
/// encryption get the passphrase in the key file.
pub fn replace_table(disk: &str, definitions: &Path, key_file: Option<&Path>) -> Invocation {
    Invocation::new("systemd-repart")
        .args(["--empty=force", "--dry-run=no", "--discard=no", "--json=off"])
        .arg(format!("--definitions={}", definitions.display()))
        .args(key_file.map(|file| format!("--key-file={}", file.display())))
        .arg(disk)
}
