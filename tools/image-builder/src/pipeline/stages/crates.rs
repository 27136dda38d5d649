//! The crates that our programs are compiled with: fetched first, checked against `Cargo.lock`, compiled without a network.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::tools::Tools;
use crate::pipeline::context::Context;
use crate::pipeline::error::{InputError, Problem};
use crate::pipeline::key::digest_file;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::inside;
use crate::pipeline::store::remove;

/// Where cargo keeps what it has fetched, below its home.
const ARCHIVES: &str = "registry/cache";
/// Where cargo keeps what it has unpacked.
const SOURCES: &str = "registry/src";

/// SHA-256 of each crate of a registry that `Cargo.lock` names, by its file name.
pub fn locked(source: &Path) -> Result<BTreeMap<String, String>, Problem> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let path = source.join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(Problem::io("read", &path))?;
    let lock: Lock = toml::from_str(&text).map_err(InputError::CargoLock)?;
    let crates = lock
        .package
        .into_iter()
        .filter_map(|entry| Some((format!("{}-{}.crate", entry.name, entry.version), entry.checksum?)));
    Ok(crates.collect())
}

/// Removes every crate that cargo holds and that is not the one of `Cargo.lock`, with what was unpacked from it: cargo
/// itself looks only at what it fetches. Gives their file names.
pub fn check(source: &Path, home: &Path) -> Result<Vec<String>, Problem> {
    let locked = locked(source)?;
    let mut removed = Vec::new();
    for path in held(home)? {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // Another tree may have fetched crates that this one does not name.
        let Some(expected) = locked.get(&name) else {
            continue;
        };
        if digest_file(&path)? != *expected {
            remove(&path)?;
            let registry = path.parent().and_then(Path::file_name).unwrap_or_default();
            let unpacked = home.join(SOURCES).join(registry);
            remove(&unpacked.join(name.trim_end_matches(".crate")))?;
            removed.push(name);
        }
    }
    removed.sort();
    Ok(removed)
}

/// Every crate that cargo holds.
pub fn held(home: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut crates = Vec::new();
    for registry in list(&home.join(ARCHIVES))? {
        crates.extend(
            list(&registry)?
                .into_iter()
                .filter(|path| path.extension().is_some_and(|end| end == "crate")),
        );
    }
    crates.sort();
    Ok(crates)
}

/// What stands in a folder; nothing when there is none.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(Problem::io("list", folder))? {
        paths.push(entry.map_err(Problem::io("list", folder))?.path());
    }
    Ok(paths)
}

/// Fetches and unpacks what `Cargo.lock` names for this architecture. Nothing of it runs.
pub fn fetch(context: &Context, tools: &Tools, runner: &Runner, home: &Path) -> Result<(), Problem> {
    runner.bar().message("fetching crates");
    let sandbox = context
        .sandbox(&tools.root)
        .give(home, inside::CACHE)
        .env("CARGO_HOME", inside::CACHE)
        .chdir(inside::SOURCE);
    let sandbox = if context.offline {
        sandbox.env("CARGO_NET_OFFLINE", "true")
    } else {
        sandbox.network()
    };
    runner.run(&mut sandbox.command("cargo", ["fetch", "--locked", "--target", context.arch.triple()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::key::digest;

    #[test]
    fn a_crate_that_is_not_the_locked_one_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (source, home) = (folder.path().join("source"), folder.path().join("home"));
        let archives = home.join("registry/cache/index.crates.io-1");
        let unpacked = home.join("registry/src/index.crates.io-1");
        for path in [
            &source,
            &archives,
            &unpacked.join("good-1.0.0"),
            &unpacked.join("bad-2.0.0"),
        ] {
            fs::create_dir_all(path).unwrap();
        }
        let entry = |name: &str, version: &str, text: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry\"\nchecksum = \"{}\"\n",
                digest(text)
            )
        };
        let lock = [
            "version = 4\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n".to_owned(),
            entry("good", "1.0.0", "good"),
            entry("bad", "2.0.0", "bad"),
        ];
        fs::write(source.join("Cargo.lock"), lock.concat()).unwrap();
        for (name, text) in [
            ("good-1.0.0.crate", "good"),
            // As long as the right one.
            ("bad-2.0.0.crate", "BAD"),
            ("another-3.0.0.crate", "x"),
        ] {
            fs::write(archives.join(name), text).unwrap();
        }
        assert_eq!(check(&source, &home).unwrap(), ["bad-2.0.0.crate"]);
        assert_eq!(check(&source, &home).unwrap(), [""; 0]);
        let there = |path: PathBuf| path.exists();
        assert!(there(archives.join("good-1.0.0.crate")) && there(unpacked.join("good-1.0.0")));
        assert!(!there(archives.join("bad-2.0.0.crate")) && !there(unpacked.join("bad-2.0.0")));
        assert!(there(archives.join("another-3.0.0.crate")));
    }

    #[test]
    fn an_empty_home_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.lock"), "version = 4\npackage = []\n").unwrap();
        assert_eq!(check(folder.path(), folder.path()).unwrap(), [""; 0]);
    }
}
