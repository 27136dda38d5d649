//! `image/image.lock`: every Debian package of the tools tree and of each image, with version and SHA-256.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::Problem;
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

/// One difference between two sets of packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Moved {
    /// Only in the second.
    Added(Package),
    /// Only in the first.
    Removed(Package),
    /// In both, not the same.
    Changed {
        /// In the first.
        from: Package,
        /// In the second.
        to: Package,
    },
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(new) => write!(f, "+ {} {}", new.name, new.version),
            Self::Removed(old) => write!(f, "- {} {}", old.name, old.version),
            Self::Changed { from, to } if from.version == to.version => {
                write!(f, "! {} {}: same version, other content", from.name, from.version)
            }
            Self::Changed { from, to } => write!(f, "~ {} {} -> {}", from.name, from.version, to.version),
        }
    }
}

impl Lock {
    /// Reads it; a missing file is an empty lock.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        match fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .map_err(|error| Problem::Unmet(format!("{} is not a lock file: {error}", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Problem::io("read", path)(error)),
        }
    }

    /// Writes it whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), Problem> {
        let text = toml::to_string_pretty(self).map_err(|error| Problem::Unmet(error.to_string()))?;
        write_whole(path, format!("{HEADER}{text}").as_bytes())
    }

    /// Packages of the tools tree.
    pub fn tools(&self) -> Result<Vec<Package>, Problem> {
        self.tools.packages.iter().map(|line| parse(line)).collect()
    }

    /// Packages of a profile's image; `None` when the lock does not have it.
    pub fn image(&self, name: &str) -> Result<Option<Vec<Package>>, Problem> {
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

/// What differs, by package name.
pub fn moved(from: &[Package], to: &[Package]) -> Vec<Moved> {
    let index = |packages: &[Package]| {
        let pairs = packages
            .iter()
            .map(|package| ((package.name.clone(), package.arch.clone()), package.clone()));
        pairs.collect::<BTreeMap<_, _>>()
    };
    let (from, to) = (index(from), index(to));
    let mut moved = Vec::new();
    for (name, old) in &from {
        match to.get(name) {
            None => moved.push(Moved::Removed(old.clone())),
            Some(new) if new != old => moved.push(Moved::Changed {
                from: old.clone(),
                to: new.clone(),
            }),
            Some(_) => {}
        }
    }
    moved.extend(
        to.iter()
            .filter(|(name, _)| !from.contains_key(*name))
            .map(|(_, new)| Moved::Added(new.clone())),
    );
    moved
}

/// Writes a file so that its name never stands for a part of it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    fs::write(&new, bytes).map_err(Problem::io("write", &new))?;
    fs::rename(&new, path).map_err(Problem::io("rename to", path))
}

fn parse(line: &str) -> Result<Package, Problem> {
    let words = line.split(' ').collect::<Vec<_>>();
    let [name, version, arch, sha256] = words[..] else {
        return Err(Problem::Unmet(format!(
            "not a lock entry: `{line}`; it is `name version arch sha256`"
        )));
    };
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::Unmet(format!(
            "lock entry of {name}: `{sha256}` is not a SHA-256"
        )));
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
    fn differences_are_named() {
        let from = [package("a", "1"), package("b", "1"), package("c", "1")];
        let to = [package("a", "1"), package("b", "2"), package("d", "1")];
        let lines = moved(&from, &to)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        assert_eq!(lines, ["~ b 1 -> 2", "- c 1", "+ d 1"]);
    }

    #[test]
    fn a_damaged_entry_is_refused() {
        for line in ["a 1 amd64", "a 1 amd64 xyz", ""] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
