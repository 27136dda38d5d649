//! What differs between two sets of packages.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::manifest::Package;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            arch: "amd64".to_owned(),
            sha256: format!("{name}{version}"),
        }
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
}
