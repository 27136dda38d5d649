//! The workspace's crates and what they depend on, as `cargo metadata` tells it and as `docs/architecture.md` draws it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use sigmavault_host::run::{Invocation, Local, Run as _};

/// Arrows from a crate to one that it depends on, without the prefix `sigmavault-`.
pub type Arrows = BTreeSet<(String, String)>;

/// The prefix of every package of this workspace.
const PREFIX: &str = "sigmavault-";

/// One crate of the workspace.
#[derive(Debug)]
pub struct Crate {
    /// Package name without its prefix.
    pub name: String,
    /// Folder, relative to the workspace.
    pub folder: PathBuf,
    /// Root files of what is compiled from it: library and programs, no tests, benches or build scripts.
    pub roots: Vec<PathBuf>,
    /// Crates of the workspace that it depends on outside its tests.
    pub uses: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// The crates of the workspace in the folder `top`.
pub fn read(top: &Path) -> anyhow::Result<Vec<Crate>> {
    let call = Invocation::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .folder(top);
    let text = Local.text(&call)?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cargo metadata printed something unexpected")?;
    let names: BTreeSet<String> = metadata
        .packages
        .iter()
        .map(|package| package.name.clone())
        .collect();
    let mut crates = Vec::new();
    for package in metadata.packages {
        let folder = package.manifest_path.parent().unwrap_or(top);
        let used = package
            .dependencies
            .into_iter()
            .filter(|dependency| dependency.kind.is_none() && names.contains(&dependency.name));
        crates.push(Crate {
            name: short(&package.name),
            folder: folder.strip_prefix(top).unwrap_or(folder).to_owned(),
            roots: package
                .targets
                .into_iter()
                .filter(|target| {
                    target
                        .kind
                        .iter()
                        .any(|kind| ["lib", "bin"].contains(&kind.as_str()))
                })
                .map(|target| target.src_path)
                .collect(),
            uses: used.map(|dependency| short(&dependency.name)).collect(),
        });
    }
    Ok(crates)
}

fn short(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or(name).to_owned()
}

/// The arrows of the workspace.
pub fn arrows(crates: &[Crate]) -> Arrows {
    let of = |krate: &Crate| -> Vec<(String, String)> {
        krate
            .uses
            .iter()
            .map(|used| (krate.name.clone(), used.clone()))
            .collect()
    };
    crates.iter().flat_map(of).collect()
}

/// The arrows that the Mermaid picture in a Markdown text draws: lines such as `api --> facts & service`.
pub fn drawn(markdown: &str) -> Arrows {
    let picture = markdown
        .lines()
        .skip_while(|line| line.trim() != "```mermaid")
        .skip(1)
        .take_while(|line| line.trim() != "```");
    let mut arrows = Arrows::new();
    for line in picture {
        let Some((from, to)) = line.split_once("-->") else {
            continue;
        };
        for from in from.split('&') {
            for to in to.split('&') {
                arrows.insert((from.trim().to_owned(), to.trim().to_owned()));
            }
        }
    }
    arrows
}

/// Arrows that the rules forbid, each with the rule: down from programs to libraries only, and none between programs. Crates
/// below `tests/` may use everything.
pub fn forbidden(crates: &[Crate]) -> Vec<String> {
    let folders: BTreeMap<&str, &Path> = crates
        .iter()
        .map(|krate| (krate.name.as_str(), krate.folder.as_path()))
        .collect();
    let is = |name: &str, room: &str| folders.get(name).is_some_and(|folder| folder.starts_with(room));
    let mut found = Vec::new();
    for (from, to) in arrows(crates) {
        if is(&from, "tests") {
            continue;
        }
        if !is(&to, "tools/libs") {
            let rule = if is(&from, "tools/libs") {
                "a library depends on libraries only"
            } else {
                "a program never depends on another program's crate"
            };
            found.push(format!("{from} --> {to}: {rule}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_read() {
        let text = "# Title\n```mermaid\nflowchart TD\n  subgraph libs\n    a[a: words]\n  end\n  api --> facts & types\n  x & y --> z\n```\nb --> c\n";
        let expected = [("api", "facts"), ("api", "types"), ("x", "z"), ("y", "z")];
        let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(drawn(text), Arrows::from(expected));
    }

    #[test]
    fn arrows_that_point_up_or_across_are_found() {
        let krate = |name: &str, folder: &str, uses: &[&str]| Crate {
            name: name.to_owned(),
            folder: folder.into(),
            roots: Vec::new(),
            uses: uses.iter().map(|&used| used.to_owned()).collect(),
        };
        let crates = [
            krate("api", "tools/daemons/api", &["types", "ryzan"]),
            krate("ryzan", "tools/daemons/ryzan", &["types"]),
            krate("types", "tools/libs/types", &["api"]),
            krate("install-tests", "tests/install", &["api"]),
        ];
        assert_eq!(
            forbidden(&crates),
            [
                "api --> ryzan: a program never depends on another program's crate",
                "types --> api: a library depends on libraries only"
            ]
        );
    }
}
