//! Settings: the vendor's file, and over it, key by key, the administrator's.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sigmavault_facts::{FactError, Files};
use toml::{Table, Value};

/// Invalid settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("{0}; make it readable for the service, or name another one with --config")]
    Read(#[from] FactError),
    /// A file is not TOML.
    #[error("{}, line {line}: {message}; correct it and start the service again", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A key is unknown or a value has the wrong type.
    #[error("settings in {files}: {message}; correct them and start the service again")]
    Value {
        /// The files that were read.
        files: String,
        /// What is wrong.
        message: String,
    },
    /// A value is out of range.
    #[error("setting `{key}`: {problem}")]
    Range {
        /// The key.
        key: &'static str,
        /// What is wrong, and what is allowed.
        problem: String,
    },
}

impl SettingsError {
    /// A value out of range.
    pub fn range(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Range {
            key,
            problem: problem.into(),
        }
    }
}

/// Reads the files in `layers` that exist, later ones over earlier ones; or only `named`, which must exist.
pub fn load<T: DeserializeOwned>(
    files: &Files,
    layers: &[&str],
    named: Option<&Path>,
) -> Result<T, SettingsError> {
    let mut table = Table::new();
    let mut read = Vec::new();
    if let Some(path) = named {
        let files = Files::default();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        table = parse(&path, &files.text(&path)?)?;
        read.push(path.display().to_string());
    } else {
        for path in layers {
            match files.text(path) {
                Ok(text) => {
                    lay(&mut table, parse(Path::new(path), &text)?);
                    read.push((*path).to_owned());
                }
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    table
        .try_into()
        .map_err(|error: toml::de::Error| SettingsError::Value {
            files: read.join(" and "),
            message: error.message().to_owned(),
        })
}

/// Merges one table over another: nested tables are merged, everything else is replaced.
fn lay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => lay(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

fn parse(path: &Path, text: &str) -> Result<Table, SettingsError> {
    toml::from_str(text).map_err(|error| SettingsError::Syntax {
        path: path.to_owned(),
        line: error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1),
        message: error.message().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_join_and_values_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("a"),
            "x = 1\nlist = [1, 2]\n[t]\ny = 1\nz = 1\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("b"), "x = 2\nlist = [3]\n[t]\ny = 2\n").unwrap();
        let table: Table = load(&Files::new(folder.path()), &["/a", "/b", "/missing"], None).unwrap();
        let expected: Table = toml::from_str("x = 2\nlist = [3]\n[t]\ny = 2\nz = 1\n").unwrap();
        assert_eq!(table, expected);
    }
}
