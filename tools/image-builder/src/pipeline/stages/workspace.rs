//! What the workspace puts into an image, read from its manifests: the crates that say what they install, and the
//! folders that these are compiled from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::pipeline::error::{InputError, Problem};

/// The crates of the workspace, by folder.
#[derive(Debug)]
pub struct Workspace(BTreeMap<PathBuf, Crate>);

/// One crate.
#[derive(Debug)]
struct Crate {
    name: String,
    installed: bool,
    needs: BTreeSet<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct RootManifest {
    workspace: Members,
}

#[derive(Debug, Deserialize)]
struct Members {
    members: Vec<PathBuf>,
    #[serde(default)]
    dependencies: Dependencies,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    package: Package,
    #[serde(flatten)]
    needs: Needs,
    #[serde(default)]
    target: BTreeMap<String, Needs>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    metadata: toml::Table,
}

/// What compiling a crate takes; what only its tests take does not count.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Needs {
    #[serde(default)]
    dependencies: Dependencies,
    #[serde(default)]
    build_dependencies: Dependencies,
}

type Dependencies = BTreeMap<String, toml::Value>;

impl Workspace {
    /// Reads the manifests of the workspace in this folder.
    pub fn read(root: &Path) -> Result<Self, Problem> {
        let shared = manifest::<RootManifest>(root)?.workspace;
        let mut crates = BTreeMap::new();
        for folder in shared.members {
            let member = manifest::<Manifest>(&root.join(&folder))?;
            let needs = std::iter::once(&member.needs)
                .chain(member.target.values())
                .flat_map(|needs| needs.dependencies.iter().chain(&needs.build_dependencies))
                .filter_map(|(name, value)| needed_folder(&folder, name, value, &shared.dependencies))
                .collect();
            let installed = member.package.metadata.contains_key("deb");
            let name = member.package.name;
            crates.insert(
                folder,
                Crate {
                    name,
                    installed,
                    needs,
                },
            );
        }
        Ok(Self(crates))
    }

    /// Names of the crates that say what they install (`[package.metadata.deb]`).
    pub fn installed(&self) -> Vec<&str> {
        let installed = self.0.values().filter(|member| member.installed);
        installed.map(|member| member.name.as_str()).collect()
    }

    /// Folders of those crates and of every crate of the workspace that they are compiled with.
    pub fn sources(&self) -> BTreeSet<&Path> {
        let installed = self.0.iter().filter(|(_, member)| member.installed);
        let mut open = installed.map(|(folder, _)| folder.as_path()).collect::<Vec<_>>();
        let mut reached = BTreeSet::new();
        while let Some(folder) = open.pop() {
            if reached.insert(folder)
                && let Some(member) = self.0.get(folder)
            {
                open.extend(member.needs.iter().map(PathBuf::as_path));
            }
        }
        reached
    }
}

/// The folder of a dependency that is in this tree.
fn needed_folder(folder: &Path, name: &str, value: &toml::Value, shared: &Dependencies) -> Option<PathBuf> {
    let path = |value: &toml::Value| Some(PathBuf::from(value.get("path")?.as_str()?));
    let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
    if inherited {
        path(shared.get(name)?)
    } else {
        path(value).map(|path| plain(&folder.join(path)))
    }
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn manifest<T: DeserializeOwned>(folder: &Path) -> Result<T, Problem> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(Problem::io("read", &path))?;
    Ok(toml::from_str(&text).map_err(|reason| InputError::Manifest { path, reason })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (folder, text) in files {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("Cargo.toml"), text).unwrap();
        }
        root
    }

    #[test]
    fn only_what_installed_crates_are_compiled_with_counts() {
        let root = tree(&[
            (
                "",
                "[workspace]\nmembers = [\"cli\", \"builder\", \"libs/a\", \"libs/b\", \"libs/c\", \"libs/d\", \"libs/tests\"]\n\
                 [workspace.dependencies]\na = { path = \"libs/a\" }\nc = { path = \"libs/c\" }\nt = { path = \"libs/tests\" }\nserde = \"1\"\n",
            ),
            (
                "cli",
                "[package]\nname = \"cli\"\n[dependencies]\na.workspace = true\nserde.workspace = true\n\
                 [dev-dependencies]\nt.workspace = true\n[package.metadata.deb]\nassets = []\n",
            ),
            (
                "builder",
                "[package]\nname = \"builder\"\n[dependencies]\nc.workspace = true\n",
            ),
            (
                "libs/a",
                "[package]\nname = \"a\"\n[build-dependencies]\nb = { path = \"../b\" }\n\
                 [target.'cfg(unix)'.dependencies]\nd = { path = \"../d\" }\n",
            ),
            ("libs/b", "[package]\nname = \"b\"\n"),
            ("libs/c", "[package]\nname = \"c\"\n"),
            ("libs/d", "[package]\nname = \"d\"\n"),
            ("libs/tests", "[package]\nname = \"t\"\n"),
        ]);
        let workspace = Workspace::read(root.path()).unwrap();
        assert_eq!(workspace.installed(), ["cli"]);
        let expected = ["cli", "libs/a", "libs/b", "libs/d"].map(Path::new);
        assert_eq!(workspace.sources(), BTreeSet::from(expected));
    }

    #[test]
    fn a_broken_manifest_is_named() {
        let root = tree(&[("", "[workspace]\nmembers = [\"a\"]\n"), ("a", "[package]\n")]);
        let error = Workspace::read(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("a/Cargo.toml is not valid: ") && error.contains("missing field `name`"),
            "{error}"
        );
    }
}
