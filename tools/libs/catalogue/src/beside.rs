//! Names of the files kept beside those of a model.

/// The record of an installed model.
pub(crate) const RECORD: &str = "model.json";

/// Whether a file of this name is one of ours rather than the model's.
pub(crate) fn is_own(name: &str) -> bool {
    let kept = [".chunks", ".part", ".journal", ".new", ".lock"];
    name == RECORD || kept.iter().any(|end| name.ends_with(end))
}

/// The name of a file's chunk hashes.
pub(crate) fn chunks_name(file: &str) -> String {
    format!("{file}.chunks")
}

/// The name of a file while it is incomplete.
pub(crate) fn part_name(file: &str) -> String {
    format!("{file}.part")
}

/// The name of a download's journal.
#[cfg(feature = "download")]
pub(crate) fn journal_name(file: &str) -> String {
    format!("{file}.journal")
}
