//! A saved pool: everything that a lock and `Cargo.lock` name, in one folder. From it the same image can be built when
//! the archives have moved on, and without a network.
//!
//! | path | what |
//! | --- | --- |
//! | `debs/` | every package of the lock |
//! | `tools/` | a Debian archive with the packages of the tools tree alone, for `ci/setup` |
//! | `crates/` | cargo's registry: the crates and its index |
//! | `image.lock` | the lock |

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::debs::Deb;
use super::error::{ArchiveError, Problem};
use super::held;
use super::key::digest_file;
use super::store::remove;

/// A saved pool, or the folder for one.
#[derive(Debug, Clone)]
pub struct SavedPool {
    folder: PathBuf,
}

/// Asked before each file; an error stops the work.
pub type GoOn<'a> = &'a (dyn Fn() -> Result<(), Problem> + Sync);

impl SavedPool {
    /// In this folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Its folder of packages.
    pub fn debs(&self) -> PathBuf {
        self.folder.join("debs")
    }

    /// The archive of the tools tree.
    pub fn tools(&self) -> PathBuf {
        self.folder.join("tools")
    }

    /// Cargo's registry.
    pub fn crates(&self) -> PathBuf {
        self.folder.join("crates")
    }

    /// The lock.
    pub fn lock(&self) -> PathBuf {
        self.folder.join("image.lock")
    }

    /// Copies these packages into the pool from a store that holds them; gives the number of those that were not there.
    pub fn keep(&self, debs: &[Deb], store: &Path, go_on: GoOn<'_>) -> Result<usize, Problem> {
        carry(debs, store, &self.debs(), go_on)
    }

    /// Copies these packages from the pool into a store; gives the number of those that were not there.
    pub fn give(&self, debs: &[Deb], store: &Path, go_on: GoOn<'_>) -> Result<usize, Problem> {
        carry(debs, &self.debs(), store, go_on)
    }

    /// Copies cargo's index, and those crates of its registry that are the locked ones, into the pool. Crates that this
    /// machine did not need, such as those for another operating system, are not there to be kept.
    pub fn keep_crates(&self, registry: &Path, locked: &BTreeMap<String, String>) -> Result<usize, Problem> {
        copy_new(&registry.join("index"), &self.crates().join("index"), &|_| {
            Ok(true)
        })?;
        copy_new(&registry.join("cache"), &self.crates().join("cache"), &|path| {
            is_locked(path, locked)
        })
    }

    /// Copies index and crates into cargo's registry, those that it lacks.
    pub fn give_crates(&self, registry: &Path, locked: &BTreeMap<String, String>) -> Result<usize, Problem> {
        copy_new(&self.crates().join("index"), &registry.join("index"), &|_| {
            Ok(true)
        })?;
        copy_new(&self.crates().join("cache"), &registry.join("cache"), &|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match locked.get(&*name) {
                None => Ok(false),
                Some(expected) if digest_file(path)? == *expected => Ok(true),
                Some(_) => Err(ArchiveError::PoolDamaged {
                    file: path.to_owned(),
                }
                .into()),
            }
        })
    }
}

/// Whether a file is a crate of `Cargo.lock`, unchanged.
fn is_locked(path: &Path, locked: &BTreeMap<String, String>) -> Result<bool, Problem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match locked.get(&*name) {
        Some(expected) => Ok(digest_file(path)? == *expected),
        None => Ok(false),
    }
}

/// Copies packages from one folder to another, each compared with its SHA-256.
fn carry(debs: &[Deb], from: &Path, to: &Path, go_on: GoOn<'_>) -> Result<usize, Problem> {
    fs::create_dir_all(to).map_err(Problem::io("make the folder", to))?;
    let wanted = held::missing(debs, to, go_on)?;
    let absent = wanted
        .iter()
        .filter(|deb| !from.join(&deb.file).exists())
        .map(|deb| deb.package.clone())
        .collect::<Vec<_>>();
    if !absent.is_empty() {
        return Err(ArchiveError::NotInPool {
            folder: from.to_owned(),
            packages: absent,
        }
        .into());
    }
    for deb in &wanted {
        go_on()?;
        let source = from.join(&deb.file);
        let new = to.join(format!("{}.new", deb.file));
        fs::copy(&source, &new).map_err(Problem::io("copy", &source))?;
        // The copy, not the original: what is compared is what stays.
        if digest_file(&new)? != deb.package.sha256 {
            remove(&new)?;
            return Err(ArchiveError::PoolDamaged { file: source }.into());
        }
        let target = to.join(&deb.file);
        fs::rename(&new, &target).map_err(Problem::io("rename to", &target))?;
    }
    Ok(wanted.len())
}

/// Copies the files of a tree that are not there yet and that `wanted` takes; gives their number.
fn copy_new(
    from: &Path,
    to: &Path,
    wanted: &dyn Fn(&Path) -> Result<bool, Problem>,
) -> Result<usize, Problem> {
    let mut copied = 0;
    if !from.is_dir() {
        return Ok(copied);
    }
    fs::create_dir_all(to).map_err(Problem::io("make the folder", to))?;
    for entry in from.read_dir().map_err(Problem::io("list", from))? {
        let source = entry.map_err(Problem::io("list", from))?.path();
        let target = to.join(source.file_name().unwrap_or_default());
        if source.is_dir() {
            copied += copy_new(&source, &target, wanted)?;
        } else if !target.exists() && wanted(&source)? {
            let mut name = target.file_name().unwrap_or_default().to_owned();
            name.push(".new");
            let new = target.with_file_name(name);
            fs::copy(&source, &new).map_err(Problem::io("copy", &source))?;
            fs::rename(&new, &target).map_err(Problem::io("rename to", &target))?;
            copied += 1;
        }
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::super::key::digest;
    use super::*;
    use crate::manifest::Package;

    const GO_ON: GoOn<'static> = &|| Ok(());

    fn deb(name: &str) -> Deb {
        Deb::from(&Package {
            name: name.to_owned(),
            version: "1:1".to_owned(),
            arch: "all".to_owned(),
            sha256: digest(name),
        })
    }

    /// A store that holds these packages.
    fn store(folder: &Path, debs: &[Deb]) -> PathBuf {
        let store = folder.join("store");
        fs::create_dir_all(&store).unwrap();
        for deb in debs {
            fs::write(store.join(&deb.file), &deb.package.name).unwrap();
        }
        store
    }

    #[test]
    fn what_was_kept_is_given_to_an_empty_store() {
        let folder = tempfile::tempdir().unwrap();
        let debs = ["a", "b"].map(deb);
        let full = store(folder.path(), &debs);
        let pool = SavedPool::new(&folder.path().join("pool"));
        assert_eq!(pool.keep(&debs, &full, GO_ON).unwrap(), 2);
        assert_eq!(
            pool.keep(&debs, &full, GO_ON).unwrap(),
            0,
            "nothing is copied twice"
        );
        let empty = folder.path().join("empty");
        assert_eq!(pool.give(&debs, &empty, GO_ON).unwrap(), 2);
        assert_eq!(fs::read_to_string(empty.join("a_1%3a1_all.deb")).unwrap(), "a");
        assert!(held::missing(&debs, &empty, GO_ON).unwrap().is_empty());
    }

    #[test]
    fn a_lack_or_a_damage_of_the_pool_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let debs = ["a", "b"].map(deb);
        let full = store(folder.path(), &debs);
        let pool = SavedPool::new(&folder.path().join("pool"));
        pool.keep(&debs[..1], &full, GO_ON).unwrap();
        let empty = folder.path().join("empty");
        let error = pool.give(&debs, &empty, GO_ON).unwrap_err().to_string();
        assert!(
            error.contains("lacks 1 packages: b 1:1") && error.contains("pool save"),
            "{error}"
        );
        // Of the right length.
        fs::write(pool.debs().join("a_1%3a1_all.deb"), "A").unwrap();
        let error = pool.give(&debs[..1], &empty, GO_ON).unwrap_err().to_string();
        assert!(error.contains("debs/a_1%3a1_all.deb is damaged"), "{error}");
        assert_eq!(fs::read_dir(&empty).unwrap().count(), 0, "nothing of it stays");
    }

    #[test]
    fn crates_come_and_go_with_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let registry = folder.path().join("registry");
        for (path, text) in [
            ("cache/index-1/good-1.0.0.crate", "good"),
            ("cache/index-1/bad-1.0.0.crate", "x"),
            ("cache/index-1/other-1.0.0.crate", "other"),
            ("index/index-1/.cache/go/od/good", "{}"),
            ("index/index-1/config.json", "{}"),
        ] {
            let path = registry.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let locked = ["good", "bad"].map(|name| (format!("{name}-1.0.0.crate"), digest(name)));
        let locked = BTreeMap::from(locked);
        let pool = SavedPool::new(&folder.path().join("pool"));
        assert_eq!(pool.keep_crates(&registry, &locked).unwrap(), 1);
        let fresh = folder.path().join("fresh");
        assert_eq!(pool.give_crates(&fresh, &locked).unwrap(), 1);
        for (path, there) in [
            ("cache/index-1/good-1.0.0.crate", true),
            ("cache/index-1/bad-1.0.0.crate", false),
            ("cache/index-1/other-1.0.0.crate", false),
            ("index/index-1/.cache/go/od/good", true),
            ("index/index-1/config.json", true),
        ] {
            assert_eq!(fresh.join(path).exists(), there, "{path}");
        }
        fs::write(pool.crates().join("cache/index-1/good-1.0.0.crate"), "GOOD").unwrap();
        let error = pool
            .give_crates(&folder.path().join("third"), &locked)
            .unwrap_err()
            .to_string();
        assert!(error.contains("good-1.0.0.crate is damaged"), "{error}");
    }
}
