//! systemd-repart(8): partitions by definition files.

use std::path::Path;

use crate::run::Invocation;

/// Partitions a disk by the definitions in a folder, replacing its partition table. Partitions whose definition asks for
/// encryption get the passphrase in the key file.
pub fn replace_table(disk: &str, definitions: &Path, key_file: Option<&Path>) -> Invocation {
    repart(&["--empty=force"], disk, definitions, key_file)
}

/// Adds the partitions that a disk lacks, in the order of the definitions in a folder. A partition that is there belongs
/// to the first definition of its type. Partitions of the disk may be in use.
pub fn add(disk: &str, definitions: &Path, key_file: Option<&Path>) -> Invocation {
    // Without a seed GUIDs come from the machine's id, which every start of an image could have.
    repart(&["--empty=refuse", "--seed=random"], disk, definitions, key_file)
}

fn repart(table: &[&str], disk: &str, definitions: &Path, key_file: Option<&Path>) -> Invocation {
    Invocation::new("systemd-repart")
        .args(table.iter().copied())
        .args(["--dry-run=no", "--discard=no", "--json=off"])
        .arg(format!("--definitions={}", definitions.display()))
        .args(key_file.map(|file| format!("--key-file={}", file.display())))
        .arg(disk)
}
