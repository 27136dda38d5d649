//! Files that survive a power cut whole: written beside the target, flushed, and put in place by a rename that is flushed too.
//!
//! Errors are those of the kernel, without the path: callers know what the file is for.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Bytes that every drive writes as one.
const SECTOR: usize = 512;

/// Replaces a file, or creates it, with these bytes.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, None)
}

/// Like [`replace`], with a file that everybody may read, whatever the umask.
pub fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, Some(Permissions::from_mode(0o644)))
}

fn put(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    // Not hidden, and not a boot entry: systemd-boot only reads names that end in .conf.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.sync_all()?;
    // FAT frees the bytes of the old file when nobody holds it any more. That must not reach the disk before the new
    // entry does, or a power cut leaves an entry whose bytes are free.
    let old = File::open(path).ok();
    fs::rename(&beside, path)?;
    // FAT keeps a file's length and location in its directory entry, and a rename writes a new entry without them: until
    // the file itself is flushed again, a power cut leaves an empty file under the new name.
    file.sync_all()?;
    drop(old);
    sync_folder_of(path)
}

/// Like [`replace`], for file systems without a journal: where the old bytes are as many as the new ones and lie in one
/// sector, they are overwritten there, and no folder or table of the file system changes. A drive writes a sector as a
/// whole.
pub fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let same_place = fs::metadata(path).is_ok_and(|old| old.is_file() && old.len() == bytes.len() as u64);
    if !same_place || bytes.len() > SECTOR {
        return replace(path, bytes);
    }
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()
}

/// Appends lines to a file that everybody may read. A last line that a power cut left unfinished is terminated first.
pub fn append(path: &Path, lines: &str) -> io::Result<()> {
    let torn = match fs::read(path) {
        Ok(bytes) => bytes.last().is_some_and(|&last| last != b'\n'),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let text = if torn {
        format!("\n{lines}")
    } else {
        lines.to_owned()
    };
    file.write_all(text.as_bytes())?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()?;
    sync_folder_of(path)
}

/// Removes a file durably; a missing file is not an error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder_of(path),
    }
}

/// Flushes the folder of `path`, so that files created, renamed or removed in it survive a power cut.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

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
    fn bytes_are_overwritten_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry.conf");
        fs::write(&path, "sort-key 1\n").unwrap();
        let number = || fs::metadata(&path).unwrap().ino();
        let before = number();
        overwrite(&path, b"sort-key 2\n").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), number()),
            ("sort-key 2\n", before)
        );
        // Another length, or more than a sector: a new file.
        overwrite(&path, b"sort-key 10\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "sort-key 10\n");
        assert_ne!(number(), before);
        fs::write(&path, [1; 513]).unwrap();
        let before = number();
        overwrite(&path, &[2; 513]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), [2; 513]);
        assert_ne!(number(), before);
        fs::remove_file(&path).unwrap();
        overwrite(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
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
    fn what_is_gone_is_removed_and_what_has_no_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere/list");
        remove(&path).unwrap();
        for failed in [replace(&path, b"x"), append(&path, "x\n")] {
            assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }
}
