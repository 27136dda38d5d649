//! Which packages a folder really holds: by their SHA-256, not by name and size.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::debs::Deb;
use super::error::Problem;
use super::key::digest_file;
use super::store::remove;

/// Those that `store` does not hold, in their order. A file of the right name with other content is removed, so that it
/// is in nobody's way. `go_on` stops the work with its error.
pub fn missing<'a>(
    debs: &'a [Deb],
    store: &Path,
    go_on: &(dyn Fn() -> Result<(), Problem> + Sync),
) -> Result<Vec<&'a Deb>, Problem> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut missing = Vec::new();
        while let Some((nth, deb)) = pick(debs, &next) {
            go_on()?;
            if !holds(store, deb)? {
                missing.push((nth, deb));
            }
        }
        Ok::<_, Problem>(missing)
    };
    let workers = thread::available_parallelism().map_or(1, |count| count.get().min(8));
    let results = thread::scope(|scope| {
        let threads = (0..workers).map(|_| scope.spawn(worker)).collect::<Vec<_>>();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect::<Vec<_>>()
    });
    let mut missing = Vec::new();
    for result in results {
        missing.extend(result?);
    }
    missing.sort_by_key(|(nth, _)| *nth);
    Ok(missing.into_iter().map(|(_, deb)| deb).collect())
}

fn pick<'a>(debs: &'a [Deb], next: &AtomicUsize) -> Option<(usize, &'a Deb)> {
    let nth = next.fetch_add(1, Ordering::Relaxed);
    debs.get(nth).map(|deb| (nth, deb))
}

/// Whether the folder holds this package.
pub fn holds(store: &Path, deb: &Deb) -> Result<bool, Problem> {
    let path = store.join(&deb.file);
    if !path.exists() {
        return Ok(false);
    }
    if digest_file(&path)? == deb.package.sha256 {
        return Ok(true);
    }
    remove(&path)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::key::digest;
    use super::*;
    use crate::manifest::Package;

    fn deb(name: &str) -> Deb {
        Deb::from(&Package {
            name: name.to_owned(),
            version: "1".to_owned(),
            arch: "all".to_owned(),
            sha256: digest(name),
        })
    }

    #[test]
    fn a_file_of_the_right_name_and_size_with_other_content_is_missing() {
        let store = tempfile::tempdir().unwrap();
        let debs = ["good", "bad", "none"].map(deb);
        fs::write(store.path().join("good_1_all.deb"), "good").unwrap();
        fs::write(store.path().join("bad_1_all.deb"), "BAD").unwrap();
        let found = missing(&debs, store.path(), &|| Ok(())).unwrap();
        assert_eq!(found, [&debs[1], &debs[2]]);
        assert!(store.path().join("good_1_all.deb").exists());
        assert!(!store.path().join("bad_1_all.deb").exists());
    }

    #[test]
    fn an_interrupt_ends_it() {
        let store = tempfile::tempdir().unwrap();
        let debs = [deb("a")];
        let result = missing(&debs, store.path(), &|| Err(Problem::Interrupted));
        assert!(matches!(result, Err(Problem::Interrupted)));
    }
}
