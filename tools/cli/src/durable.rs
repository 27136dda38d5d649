//! Files that are whole after a power cut: written beside, flushed, and put in place by a rename that is flushed too.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}; try: mount | grep -w ro, and df -h, then once more", path.display())]
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

/// Puts a file with these bytes in place, instead of any that is there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    put(path, bytes, None)
}

/// As [`replace`], and everybody may read it, whatever the umask.
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    put(path, bytes, Some(Permissions::from_mode(0o644)))
}

fn put(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> Result<(), WriteError> {
    // Not hidden and not an entry: systemd-boot takes only names that end in .conf.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let failed = WriteError::while_doing("write", &beside);
    let mut file = File::create(&beside).map_err(&failed)?;
    file.write_all(bytes).map_err(&failed)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions).map_err(&failed)?;
    }
    file.sync_all().map_err(&failed)?;
    fs::rename(&beside, path).map_err(WriteError::while_doing("replace", path))?;
    sync_folder(path)
}

/// Adds lines to the end of a file that everybody may read. A last line that a power cut tore is ended first.
pub fn append(path: &Path, lines: &str) -> Result<(), WriteError> {
    let failed = WriteError::while_doing("add to", path);
    let torn = match fs::read(path) {
        Ok(bytes) => bytes.last().is_some_and(|&last| last != b'\n'),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(failed(error)),
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(&failed)?;
    let text = if torn {
        format!("\n{lines}")
    } else {
        lines.to_owned()
    };
    file.write_all(text.as_bytes()).map_err(&failed)?;
    file.set_permissions(Permissions::from_mode(0o644))
        .map_err(&failed)?;
    file.sync_all().map_err(&failed)?;
    sync_folder(path)
}

/// Removes a file; none is fine too.
pub fn remove(path: &Path) -> Result<(), WriteError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(WriteError::while_doing("remove", path)(error)),
        Ok(()) => sync_folder(path),
    }
}

/// Makes a folder that everybody may look into, with those above it.
pub fn folder(path: &Path) -> Result<(), WriteError> {
    let failed = WriteError::while_doing("make", path);
    fs::create_dir_all(path).map_err(&failed)?;
    fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(&failed)
}

fn sync_folder(path: &Path) -> Result<(), WriteError> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(WriteError::while_doing("flush", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry.conf");
        fs::write(&path, "old and long").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        publish(&path, b"open").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn lines_are_added_after_a_torn_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        append(&path, "one\n").unwrap();
        fs::write(&path, "one\ntw").unwrap();
        append(&path, "three\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntw\nthree\n");
    }

    #[test]
    fn a_failure_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere/list");
        let message = append(&path, "one\n").unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("cannot add to {}: No such file", path.display())),
            "{message}"
        );
        remove(&path).unwrap();
    }
}
