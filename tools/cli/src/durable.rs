//! Durable files, with errors that name the file and a next step.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}; try: mount | grep -w ro, and df -h, then again", path.display())]
pub struct WriteError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl WriteError {
    fn while_doing<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// As [`sigmavault_durable::replace`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    sigmavault_durable::replace(path, bytes).map_err(WriteError::while_doing("write", path))
}

/// As [`sigmavault_durable::overwrite`].
pub fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    sigmavault_durable::overwrite(path, bytes).map_err(WriteError::while_doing("write", path))
}

/// As [`sigmavault_durable::publish`].
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    sigmavault_durable::publish(path, bytes).map_err(WriteError::while_doing("write", path))
}

/// As [`sigmavault_durable::append`].
pub fn append(path: &Path, lines: &str) -> Result<(), WriteError> {
    sigmavault_durable::append(path, lines).map_err(WriteError::while_doing("add to", path))
}

/// As [`sigmavault_durable::remove`].
pub fn remove(path: &Path) -> Result<(), WriteError> {
    sigmavault_durable::remove(path).map_err(WriteError::while_doing("remove", path))
}

/// Creates a folder that everybody may read, with its parents.
pub fn folder(path: &Path) -> Result<(), WriteError> {
    let failed = WriteError::while_doing("make", path);
    fs::create_dir_all(path).map_err(&failed)?;
    fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(&failed)
}

/// Creates the folder of a file, with its parents, as the file system makes it.
pub fn parent(path: &Path) -> Result<(), WriteError> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(WriteError::while_doing("make", folder)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere/list");
        let message = append(&path, "one\n").unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("cannot add to {}: No such file", path.display())),
            "{message}"
        );
    }
}
