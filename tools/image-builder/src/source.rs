//! Where the source tree is.

use std::path::{Path, PathBuf};

/// What stands at the root of the source tree.
const MARKS: [&str; 3] = ["Cargo.toml", "image", "profiles"];

/// The source tree was not found.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No folder above has the marks.
    #[error(
        "{} is not inside a SigmaVault source tree (a folder with Cargo.toml, image/ and profiles/): go there or name it with --source DIR",
        .0.display()
    )]
    NotFound(PathBuf),
    /// `--source` names something else.
    #[error("--source {}: no {missing} there, so it is not a SigmaVault source tree", folder.display())]
    NotASource {
        /// The folder named.
        folder: PathBuf,
        /// The first thing it lacks.
        missing: &'static str,
    },
    /// The current folder is gone.
    #[error("cannot tell the current folder; name the source tree with --source DIR")]
    CurrentFolder(#[source] std::io::Error),
}

/// The root of the source tree: `given`, or the nearest folder above the current one that looks like it.
pub fn find(given: Option<&Path>) -> Result<PathBuf, SourceError> {
    if let Some(folder) = given {
        return match MARKS.into_iter().find(|mark| !folder.join(mark).exists()) {
            Some(missing) => Err(SourceError::NotASource {
                folder: folder.to_owned(),
                missing,
            }),
            None => Ok(folder.to_owned()),
        };
    }
    let current = std::env::current_dir().map_err(SourceError::CurrentFolder)?;
    above(&current).ok_or(SourceError::NotFound(current))
}

/// Folder for results when none is named.
pub fn out(source: &Path) -> PathBuf {
    source.join("out")
}

fn above(start: &Path) -> Option<PathBuf> {
    let found = start
        .ancestors()
        .find(|folder| MARKS.iter().all(|mark| folder.join(mark).exists()))?;
    Some(found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_from_below_and_by_name() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("tools/image-builder/src");
        std::fs::create_dir_all(&deep).unwrap();
        // A crate has a Cargo.toml too, and is not the root.
        std::fs::write(root.path().join("tools/image-builder/Cargo.toml"), "").unwrap();
        assert_eq!(above(&deep), None);
        let error = find(Some(root.path())).unwrap_err().to_string();
        assert!(
            error.ends_with("no Cargo.toml there, so it is not a SigmaVault source tree"),
            "{error}"
        );
        std::fs::write(root.path().join("Cargo.toml"), "").unwrap();
        std::fs::create_dir(root.path().join("image")).unwrap();
        std::fs::create_dir(root.path().join("profiles")).unwrap();
        assert_eq!(above(&deep).as_deref(), Some(root.path()));
        assert_eq!(find(Some(root.path())).unwrap(), root.path());
    }
}
