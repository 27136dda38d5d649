//! Names of the files kept beside those of a model.

use std::path::{Path, PathBuf};

/// The record of an installed model.
pub(crate) const RECORD: &str = "model.json";

/// Whether a file of this name is one of ours rather than the model's.
pub(crate) fn is_own(name: &str) -> bool {
    let kept = [".chunks", ".part", ".journal", ".new", ".lock"];
    name == RECORD || kept.iter().any(|end| name.ends_with(end))
}

/// The path of a file's chunk hashes.
pub(crate) fn chunks_path(file: &Path) -> PathBuf {
    beside(file, ".chunks")
}

/// The path of a file while it is incomplete.
pub(crate) fn part_path(file: &Path) -> PathBuf {
    beside(file, ".part")
}

/// The file's path with a suffix.
pub(crate) fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The path of a download's journal.
#[cfg(feature = "download")]
pub(crate) fn journal_path(file: &Path) -> PathBuf {
    beside(file, ".journal")
}
