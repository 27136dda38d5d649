//! systemd-repart(8): partitions by definition files.

use std::path::Path;

use crate::run::Invocation;

/// Lays a disk out by the definitions of a folder; its old partition table goes. Partitions whose definition asks for
/// encryption take the passphrase of the key file.
pub fn replace_table(disk: &str, definitions: &Path, key_file: Option<&Path>) -> Invocation {
    Invocation::new("systemd-repart")
        .args(["--empty=force", "--dry-run=no", "--discard=no", "--json=off"])
        .arg(format!("--definitions={}", definitions.display()))
        .args(key_file.map(|file| format!("--key-file={}", file.display())))
        .arg(disk)
}
