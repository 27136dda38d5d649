//! Debian packages as files, and resolved sets of them.

use std::collections::BTreeSet;

use super::key::digest;
use crate::manifest::Package;

/// A .deb: what it is, its file name in an archive, and its size in bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deb {
    /// What it is.
    pub package: Package,
    /// File name, as apt's cache spells it.
    pub file: String,
    /// Bytes; 0 when not known.
    pub size: u64,
}

/// A named choice of packages, resolved.
#[derive(Debug, Clone, Default)]
pub struct DebSet(pub Vec<Deb>);

impl DebSet {
    /// A digest of names, versions and contents.
    pub fn digest(&self) -> String {
        let lines = self
            .0
            .iter()
            .map(|deb| format!("{} {}\n", deb.file, deb.package.sha256));
        digest(&lines.collect::<BTreeSet<_>>().into_iter().collect::<String>())
    }

    /// The package of this name.
    pub fn find(&self, name: &str) -> Option<&Deb> {
        self.0.iter().find(|deb| deb.package.name == name)
    }

    /// All packages, sorted.
    pub fn packages(&self) -> Vec<Package> {
        let all = self
            .0
            .iter()
            .map(|deb| deb.package.clone())
            .collect::<BTreeSet<_>>();
        all.into_iter().collect()
    }
}

impl From<&Package> for Deb {
    fn from(package: &Package) -> Self {
        let file = format!(
            "{}_{}_{}.deb",
            package.name,
            package.version.replace(':', "%3a"),
            package.arch
        );
        Self {
            package: package.clone(),
            file,
            size: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_does_not_depend_on_order() {
        let deb = |name: &str| {
            Deb::from(&Package {
                name: name.into(),
                version: "1".into(),
                arch: "all".into(),
                sha256: digest(name),
            })
        };
        assert_eq!(
            DebSet(vec![deb("a"), deb("b")]).digest(),
            DebSet(vec![deb("b"), deb("a")]).digest()
        );
        assert_ne!(DebSet(vec![deb("a")]).digest(), DebSet(vec![deb("b")]).digest());
    }
}
