//! `image/image.lock`: every Debian package of the tools tree and of each image, with version and SHA-256.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::{EntryFault, InputError, InternalError, Problem};
use crate::manifest::Package;

/// First lines of the file.
const HEADER: &str = "# Every Debian package that goes into the tools tree and into each image.\n\
    # Written by `sigmavault-image`; renew it with `sigmavault-image lock --update`.\n\n";

/// The lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Packages of the tools tree.
    #[serde(default)]
    tools: Section,
    /// Packages of each profile's image: root, initrd and what the ZFS module is built from.
    #[serde(default)]
    image: BTreeMap<String, Section>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Section {
    packages: Vec<String>,
}

impl Lock {
    /// Reads it; a missing file is an empty lock.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(toml::from_str(&text).map_err(|reason| InputError::LockFile {
                path: path.to_owned(),
                reason,
            })?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Problem::io("read", path)(error)),
        }
    }

    /// Writes it whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), Problem> {
        let text = toml::to_string_pretty(self).map_err(InternalError::Toml)?;
        write_whole(path, format!("{HEADER}{text}").as_bytes())
    }

    /// Packages of the tools tree.
    pub fn tools(&self) -> Result<Vec<Package>, InputError> {
        self.tools.packages.iter().map(|line| parse(line)).collect()
    }

    /// Packages of a profile's image; `None` when the lock does not have it.
    pub fn image(&self, name: &str) -> Result<Option<Vec<Package>>, InputError> {
        let section = self.image.get(name);
        section
            .map(|section| section.packages.iter().map(|line| parse(line)).collect())
            .transpose()
    }

    /// Replaces the packages of the tools tree.
    pub fn set_tools(&mut self, packages: &[Package]) {
        self.tools = Section::of(packages);
    }

    /// Replaces the packages of one image.
    pub fn set_image(&mut self, name: &str, packages: &[Package]) {
        self.image.insert(name.to_owned(), Section::of(packages));
    }
}

impl Section {
    fn of(packages: &[Package]) -> Self {
        let mut packages = packages
            .iter()
            .map(|package| {
                format!(
                    "{} {} {} {}",
                    package.name, package.version, package.arch, package.sha256
                )
            })
            .collect::<Vec<_>>();
        packages.sort();
        packages.dedup();
        Self { packages }
    }
}

/// Writes a file so that its name never stands for a part of it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    fs::write(&new, bytes).map_err(Problem::io("write", &new))?;
    fs::rename(&new, path).map_err(Problem::io("rename to", path))
}

fn parse(line: &str) -> Result<Package, InputError> {
    let damaged = |fault| InputError::LockEntry { fault };
    let words = line.split(' ').collect::<Vec<_>>();
    let [name, version, arch, sha256] = words[..] else {
        return Err(damaged(EntryFault::Words(line.to_owned())));
    };
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(damaged(EntryFault::Digest {
            name: name.to_owned(),
            found: sha256.to_owned(),
        }));
    }
    Ok(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        arch: arch.to_owned(),
        sha256: sha256.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            arch: "amd64".to_owned(),
            sha256: super::super::key::digest(&format!("{name}{version}")),
        }
    }

    #[test]
    fn written_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.lock");
        assert_eq!(Lock::read(&path).unwrap(), Lock::default());
        let mut lock = Lock::default();
        lock.set_tools(&[package("b", "2"), package("a", "1:1-1")]);
        lock.set_image("vm-test", &[package("zfs", "2.3.9")]);
        lock.write(&path).unwrap();
        let read = Lock::read(&path).unwrap();
        assert_eq!(read.tools().unwrap(), [package("a", "1:1-1"), package("b", "2")]);
        assert_eq!(
            read.image("vm-test").unwrap(),
            Some(vec![package("zfs", "2.3.9")])
        );
        assert_eq!(read.image("pc-gnome").unwrap(), None);
    }

    #[test]
    fn a_damaged_entry_is_refused() {
        for line in ["a 1 amd64", "a 1 amd64 xyz", ""] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
