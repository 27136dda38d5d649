//! Reading files below a root.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::{FactError, Malformed};

/// Size limit of a file in bytes; all of them are short texts by the kernel or this product.
const LIMIT: u64 = 16 << 20;

/// The file system below a root; `/` on a running machine.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

impl Default for Files {
    fn default() -> Self {
        Self::new("/")
    }
}

impl Files {
    /// Files below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether this is the running machine itself.
    pub fn is_this_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The real location of `path`, which is absolute, as on the machine.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether `path` exists.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, FactError> {
        let path = self.path(path);
        let failed = |source| FactError::Read {
            path: path.clone(),
            source,
        };
        let mut bytes = Vec::new();
        File::open(&path)
            .map_err(failed)?
            .take(LIMIT + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > LIMIT {
            return Err(FactError::TooLong { path, limit: LIMIT });
        }
        Ok(bytes)
    }

    /// The text of a file; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self, path: impl AsRef<Path>) -> Result<String, FactError> {
        Ok(match String::from_utf8(self.bytes(path)?) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// Parses the text of a file; errors name the path.
    pub fn parse<T>(
        &self,
        path: impl AsRef<Path>,
        parser: impl FnOnce(&str) -> Result<T, Malformed>,
    ) -> Result<T, FactError> {
        let text = self.text(&path)?;
        parser(&text).map_err(|source| FactError::Malformed {
            path: self.path(path),
            source,
        })
    }

    /// One line of text without surrounding blanks and NULs, as sysfs attributes and device tree strings are; `None`
    /// when the file is missing, unreadable or empty.
    pub fn attribute(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = self.text(path).ok()?;
        let line = text.split('\0').next()?.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// Names in a folder, sorted; empty if there is no such folder.
    pub fn names(&self, path: impl AsRef<Path>) -> Result<Vec<String>, FactError> {
        let path = self.path(path);
        let failed = |source| FactError::List {
            path: path.clone(),
            source,
        };
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The target of a symbolic link, as written in it; `None` for anything else.
    pub fn link(&self, path: impl AsRef<Path>) -> Option<String> {
        fs::read_link(self.path(path))
            .ok()?
            .into_os_string()
            .into_string()
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_stay_below_the_root() {
        assert_eq!(
            Files::new("/mnt/image").path("/proc/meminfo"),
            Path::new("/mnt/image/proc/meminfo")
        );
        assert_eq!(Files::default().path("/proc/meminfo"), Path::new("/proc/meminfo"));
    }

    #[test]
    fn a_missing_file_names_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let error = Files::new(folder.path()).text("/proc/meminfo").unwrap_err();
        assert!(error.is_missing());
        let path = folder.path().join("proc/meminfo");
        assert_eq!(
            error.to_string(),
            format!(
                "cannot read {}: No such file or directory (os error 2)",
                path.display()
            )
        );
    }

    #[test]
    fn a_missing_folder_has_no_names() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            Files::new(folder.path()).names("/sys/block").unwrap(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn attributes_lose_blanks_and_nuls() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model"), b"Raspberry Pi 5 Model B\0").unwrap();
        fs::write(folder.path().join("vendor"), b"ATA     \n").unwrap();
        fs::write(folder.path().join("empty"), b"\n").unwrap();
        let files = Files::new(folder.path());
        assert_eq!(
            files.attribute("/model").as_deref(),
            Some("Raspberry Pi 5 Model B")
        );
        assert_eq!(files.attribute("/vendor").as_deref(), Some("ATA"));
        assert_eq!(files.attribute("/empty"), None);
    }
}
