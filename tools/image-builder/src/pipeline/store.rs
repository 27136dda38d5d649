//! The stage cache: one folder per stage and key, under its final name only when complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::{InternalError, Problem};
use super::key::Inputs;

/// Results kept per stage and variant: the present one and the one before.
const KEPT: usize = 2;

/// The cache of stage results.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// What the cache knew of a stage.
#[derive(Debug)]
pub enum Lookup {
    /// The result is there.
    Found(PathBuf),
    /// It must be made, in the folder of this claim.
    Missing(Claim),
}

/// The right to make one result. Dropped unfinished, it removes what was begun.
#[derive(Debug)]
pub struct Claim {
    work: PathBuf,
    target: PathBuf,
    _lock: File,
}

impl Store {
    /// In this folder of the cache.
    pub fn new(cache: &Path) -> Self {
        Self {
            root: cache.join("stages"),
        }
    }

    /// The result of `stage` for these inputs, or the right to make it. Waits while another process makes it.
    pub fn lookup(&self, stage: &str, variant: &str, inputs: &Inputs) -> Result<Lookup, Problem> {
        let folder = self.folder(stage, variant);
        fs::create_dir_all(&folder).map_err(Problem::io("make the folder", &folder))?;
        let target = folder.join(inputs.key());
        if target.exists() {
            touch(&target);
            return Ok(Lookup::Found(target));
        }
        let lock_path = folder.join("lock");
        let lock = File::create(&lock_path).map_err(Problem::io("write", &lock_path))?;
        lock.lock().map_err(Problem::io("lock", &lock_path))?;
        if target.exists() {
            return Ok(Lookup::Found(target));
        }
        // The holder of the lock may remove what a killed build has left.
        let work = folder.join("unfinished");
        remove(&work)?;
        fs::create_dir(&work).map_err(Problem::io("make the folder", &work))?;
        Ok(Lookup::Missing(Claim {
            work,
            target,
            _lock: lock,
        }))
    }

    /// The inputs of the last finished run of this stage, for `--explain`.
    pub fn last_inputs(&self, stage: &str, variant: &str) -> Option<Inputs> {
        let text = fs::read_to_string(self.folder(stage, variant).join("last.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Records the inputs of a run and removes results older than the last two.
    pub fn finished(&self, stage: &str, variant: &str, inputs: &Inputs) -> Result<(), Problem> {
        let folder = self.folder(stage, variant);
        let path = folder.join("last.json");
        let text = serde_json::to_string_pretty(inputs).map_err(InternalError::Json)?;
        fs::write(&path, text).map_err(Problem::io("write", &path))?;
        let mut results = Vec::new();
        for entry in folder.read_dir().map_err(Problem::io("list", &folder))? {
            let path = entry.map_err(Problem::io("list", &folder))?.path();
            if path.is_dir() && !path.ends_with("unfinished") {
                results.push((path.metadata().and_then(|about| about.modified()).ok(), path));
            }
        }
        results.sort();
        let old = results.len().saturating_sub(KEPT);
        results[..old].iter().try_for_each(|(_, path)| remove(path))
    }

    fn folder(&self, stage: &str, variant: &str) -> PathBuf {
        self.root.join(stage).join(variant)
    }
}

impl Claim {
    /// Where to make the result.
    pub fn folder(&self) -> &Path {
        &self.work
    }

    /// Puts the result under its final name.
    pub fn finish(self) -> Result<PathBuf, Problem> {
        fs::rename(&self.work, &self.target).map_err(Problem::io("rename the result to", &self.target))?;
        Ok(self.target.clone())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // After `finish` the folder no longer has this name.
        let _ = remove(&self.work);
    }
}

/// Removes a file or folder; one that is not there is fine.
pub fn remove(path: &Path) -> Result<(), Problem> {
    let result = match path.symlink_metadata() {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Problem::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Marks a result as used now, so that it is not the one that is removed.
fn touch(path: &Path) {
    if let Ok(folder) = File::open(path) {
        let _ = folder.set_modified(SystemTime::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(store: &Store, inputs: &Inputs) -> PathBuf {
        let Lookup::Missing(claim) = store.lookup("s", "v", inputs).unwrap() else {
            panic!("already there")
        };
        fs::write(claim.folder().join("file"), "x").unwrap();
        let path = claim.finish().unwrap();
        store.finished("s", "v", inputs).unwrap();
        path
    }

    #[test]
    fn a_result_is_made_once_and_an_unfinished_one_vanishes() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::new(cache.path());
        let inputs = Inputs::recipe(1);
        let Lookup::Missing(claim) = store.lookup("s", "v", &inputs).unwrap() else {
            panic!("already there")
        };
        let begun = claim.folder().to_owned();
        fs::write(begun.join("file"), "x").unwrap();
        drop(claim);
        assert!(!begun.exists());
        let path = make(&store, &inputs);
        assert!(matches!(store.lookup("s", "v", &inputs).unwrap(), Lookup::Found(found) if found == path));
        assert_eq!(store.last_inputs("s", "v"), Some(inputs));
    }

    #[test]
    fn old_results_are_let_go_of() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::new(cache.path());
        let paths = (1..=3)
            .map(|recipe| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                make(&store, &Inputs::recipe(recipe))
            })
            .collect::<Vec<_>>();
        let there = paths.iter().map(|path| path.exists()).collect::<Vec<_>>();
        assert_eq!(there, [false, true, true]);
    }
}
