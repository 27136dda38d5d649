//! `image/image.lock`: every Debian package of the tools tree and of each image, with version and SHA-256.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sigmavault_facts::time;

use super::error::{EntryFault, InputError, InternalError, Problem};
use crate::manifest::Package;
use crate::profile::Arch;

/// First lines of the file.
const HEADER: &str = "# Every Debian package that goes into the tools tree and into each image.\n\
    # Written by `sigmavault-image`; renew it with `sigmavault-image lock --update`.\n\n";

/// The lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lock {
    /// Packages of the tools tree.
    #[serde(default)]
    tools: Section,
    /// Packages of the tools trees that build for another architecture than their own, by that architecture.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    cross_tools: BTreeMap<String, Section>,
    /// Packages of each image: root, initrd and what the ZFS module is built from. See [`Built::key`].
    #[serde(default)]
    image: BTreeMap<String, Section>,
}

/// A profile and the architecture that it is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Built<'a> {
    /// The profile.
    pub profile: &'a str,
    /// For which machines.
    pub arch: Arch,
}

impl<'a> Built<'a> {
    /// Its name in the lock: `PROFILE` on amd64, else `PROFILE@ARCH`.
    pub fn key(self) -> String {
        match self.arch {
            Arch::Amd64 => self.profile.to_owned(),
            arch @ Arch::Arm64 => format!("{}@{arch}", self.profile),
        }
    }

    /// What a name in the lock stands for.
    fn named(key: &'a str) -> Option<Self> {
        let (profile, arch) = match key.split_once('@') {
            Some((profile, arch)) => (profile, Arch::named(arch)?),
            None => (key, Arch::Amd64),
        };
        Some(Self { profile, arch })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Section {
    /// When the packages were the newest of the archive, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<String>,
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

    /// Packages of the tools tree that builds for this architecture.
    pub fn tools(&self, arch: Arch) -> Result<Vec<Package>, InputError> {
        self.tools_for(arch)
            .map_or_else(|| Ok(Vec::new()), Section::parsed)
    }

    fn tools_for(&self, arch: Arch) -> Option<&Section> {
        if arch.is_foreign() {
            self.cross_tools.get(arch.name())
        } else {
            Some(&self.tools)
        }
    }

    /// Packages of an image; `None` when the lock does not have it.
    pub fn image(&self, built: Built) -> Result<Option<Vec<Package>>, InputError> {
        self.image.get(&built.key()).map(Section::parsed).transpose()
    }

    /// The images that it has.
    pub fn images(&self) -> impl Iterator<Item = Built<'_>> {
        self.image.keys().filter_map(|key| Built::named(key))
    }

    fn sections(&self) -> impl Iterator<Item = &Section> {
        std::iter::once(&self.tools)
            .chain(self.cross_tools.values())
            .chain(self.image.values())
    }

    /// Every package that it names, once.
    pub fn all(&self) -> Result<Vec<Package>, InputError> {
        let sections = self.sections();
        let lines = sections.flat_map(|section| &section.packages);
        let packages = lines
            .map(|line| parse(line))
            .collect::<Result<BTreeSet<_>, _>>()?;
        Ok(packages.into_iter().collect())
    }

    /// When its oldest part was written; `None` when it does not say.
    pub fn written(&self) -> Option<SystemTime> {
        let times = self
            .sections()
            .map(|section| time::parse(section.written.as_deref()?));
        times.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// When the packages of the tools tree that builds for this architecture were the newest.
    pub fn tools_written(&self, arch: Arch) -> Option<SystemTime> {
        time::parse(self.tools_for(arch)?.written.as_deref()?)
    }

    /// When the packages of an image were the newest.
    pub fn image_written(&self, built: Built) -> Option<SystemTime> {
        time::parse(self.image.get(&built.key())?.written.as_deref()?)
    }

    /// Replaces the packages of the tools tree that builds for this architecture.
    pub fn set_tools(&mut self, arch: Arch, packages: &[Package], now: SystemTime) {
        let section = Section::of(packages, now);
        if arch.is_foreign() {
            self.cross_tools.insert(arch.name().to_owned(), section);
        } else {
            self.tools = section;
        }
    }

    /// Replaces the packages of one image.
    pub fn set_image(&mut self, built: Built, packages: &[Package], now: SystemTime) {
        self.image.insert(built.key(), Section::of(packages, now));
    }
}

impl Section {
    fn parsed(&self) -> Result<Vec<Package>, InputError> {
        self.packages.iter().map(|line| parse(line)).collect()
    }

    fn of(packages: &[Package], now: SystemTime) -> Self {
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
        Self {
            written: Some(time::timestamp(now)),
            packages,
        }
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
    use std::time::Duration;

    use super::*;

    const VM_TEST: Built = Built {
        profile: "vm-test",
        arch: Arch::Amd64,
    };
    const OTHER: Built = Built {
        profile: "vm-test",
        arch: Arch::Arm64,
    };

    #[test]
    fn an_image_is_named_by_profile_and_architecture() {
        for (built, key) in [(VM_TEST, "vm-test"), (OTHER, "vm-test@arm64")] {
            assert_eq!(built.key(), key);
            assert_eq!(Built::named(key), Some(built));
        }
        assert_eq!(Built::named("vm-test@m68k"), None);
    }

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
        let later = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
        lock.set_tools(
            Arch::builder(),
            &[package("b", "2"), package("a", "1:1-1")],
            later,
        );
        lock.set_image(
            VM_TEST,
            &[package("zfs", "2.3.9"), package("b", "2")],
            SystemTime::UNIX_EPOCH,
        );
        lock.write(&path).unwrap();
        let read = Lock::read(&path).unwrap();
        assert_eq!(
            read.tools(Arch::builder()).unwrap(),
            [package("a", "1:1-1"), package("b", "2")]
        );
        assert_eq!(
            read.image(VM_TEST).unwrap(),
            Some(vec![package("b", "2"), package("zfs", "2.3.9")])
        );
        assert_eq!(read.images().collect::<Vec<_>>(), [VM_TEST]);
        assert_eq!(
            read.all().unwrap(),
            [package("a", "1:1-1"), package("b", "2"), package("zfs", "2.3.9")]
        );
        assert_eq!(read.tools_written(Arch::builder()), Some(later));
        assert_eq!(read.image_written(VM_TEST), Some(SystemTime::UNIX_EPOCH));
        assert_eq!(read.image_written(OTHER), None);
        assert_eq!(
            read.written(),
            Some(SystemTime::UNIX_EPOCH),
            "the oldest part counts"
        );
        assert_eq!(read.image(OTHER).unwrap(), None);
    }

    #[test]
    fn a_lock_without_times_does_not_say_how_old_it_is() {
        let old = "[tools]\npackages = []\n[image.a]\nwritten = \"2026-11-20T14:32:00Z\"\npackages = []\n";
        assert_eq!(toml::from_str::<Lock>(old).unwrap().written(), None);
    }

    #[test]
    fn a_damaged_entry_is_refused() {
        for line in ["a 1 amd64", "a 1 amd64 xyz", ""] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
