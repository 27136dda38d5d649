//! What a stage's result depends on, as named digests: the cache key, and the answer to `--explain`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::Problem;

/// The named inputs of one stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs(BTreeMap<String, String>);

impl Inputs {
    /// Only the number of the stage's own recipe: raise it when the code makes other bytes.
    pub fn recipe(version: u32) -> Self {
        Self::default().with("recipe", &version.to_string())
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds the content of a file or of a whole folder: names, modes, links and bytes.
    pub fn with_path(mut self, name: &str, path: &Path) -> Result<Self, Problem> {
        let mut hash = Sha256::new();
        hash_path(&mut hash, path, path)?;
        self.0.insert(name.to_owned(), hex(&hash.finalize()));
        Ok(self)
    }

    /// The key: 32 hexadecimal digits.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        for (name, value) in &self.0 {
            for part in [name, value] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        let mut key = hex(&hash.finalize());
        key.truncate(32);
        key
    }

    /// Names of the inputs that differ from an earlier run's.
    pub fn changed_since<'a>(&'a self, earlier: &'a Self) -> Vec<&'a str> {
        let mine = self
            .0
            .iter()
            .filter(|(name, value)| earlier.0.get(*name) != Some(value));
        let gone = earlier.0.keys().filter(|name| !self.0.contains_key(*name));
        mine.map(|(name, _)| name.as_str())
            .chain(gone.map(String::as_str))
            .collect()
    }
}

/// SHA-256 of a text, in hexadecimal.
pub fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// SHA-256 of a file, in hexadecimal.
pub fn digest_file(path: &Path) -> Result<String, Problem> {
    let mut hash = Sha256::new();
    hash_file(&mut hash, path).map_err(Problem::io("read", path))?;
    Ok(hex(&hash.finalize()))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn hash_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            n => hash.update(&buffer[..n]),
        }
    }
}

fn hash_path(hash: &mut Sha256, top: &Path, path: &Path) -> Result<(), Problem> {
    let about = path.symlink_metadata().map_err(Problem::io("read", path))?;
    let name = path
        .strip_prefix(top)
        .unwrap_or(path)
        .as_os_str()
        .as_encoded_bytes();
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name);
    // Only whether it can be executed: a checkout's umask must not change the key.
    let executable = about.permissions().mode() & 0o100 != 0;
    if about.is_symlink() {
        let target = path.read_link().map_err(Problem::io("read the link", path))?;
        hash.update(b"l");
        hash.update(target.as_os_str().as_encoded_bytes());
    } else if about.is_dir() {
        hash.update(b"d");
        let entries = path.read_dir().map_err(Problem::io("list", path))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(Problem::io("list", path))?.path());
        }
        paths.sort();
        for entry in paths {
            hash_path(hash, top, &entry)?;
        }
    } else {
        hash.update([b'f', u8::from(executable)]);
        hash.update(about.len().to_le_bytes());
        hash_file(hash, path).map_err(Problem::io("read", path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_follows_names_values_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "one").unwrap();
        let first = Inputs::recipe(1).with_path("tree", folder.path()).unwrap();
        assert_eq!(
            first.key(),
            Inputs::recipe(1).with_path("tree", folder.path()).unwrap().key()
        );
        assert_ne!(
            first.key(),
            Inputs::recipe(2).with_path("tree", folder.path()).unwrap().key()
        );
        std::fs::write(&file, "two").unwrap();
        let second = Inputs::recipe(1).with_path("tree", folder.path()).unwrap();
        assert_ne!(first.key(), second.key());
        assert_eq!(second.changed_since(&first), ["tree"]);
        std::fs::rename(&file, folder.path().join("b")).unwrap();
        assert_ne!(
            second.key(),
            Inputs::recipe(1).with_path("tree", folder.path()).unwrap().key()
        );
    }

    #[test]
    fn values_do_not_run_together() {
        let one = Inputs::default().with("a", "bc").with("d", "");
        let other = Inputs::default().with("a", "b").with("cd", "");
        assert_ne!(one.key(), other.key());
        assert_eq!(
            digest(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
