//! The folder of models.
//!
//! Every model has a folder of its own, named by its id, with its files as they were published. Beside a file `F` may
//! lie `F.chunks` (its chunk hashes), `F.part` and `F.journal` (a download under way), and whatever the engine has packed
//! for itself. `model.json` says what the catalogue said when the model was got, and which licence was accepted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sigmavault_facts::{Files, mounts};

use crate::beside::{RECORD, chunks_path, part_path};
use crate::chunks::ChunkList;
use crate::model::{Model, ModelFile};

/// The folder of models on the data pool.
pub const DATA_FOLDER: &str = "/srv/sigmavault/models";

/// The folder of models without a data pool.
pub const STATE_FOLDER: &str = "/var/lib/sigmavault/models";

/// The folder of the language model's cached prefixes, a folder a model. They hold conversations and stay on the state
/// partition, wherever models are.
pub const PREFIX_FOLDER: &str = "/var/cache/sigmavault-ryzan";

/// An operation on the folder of models failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct StoreError {
    /// The operation.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

impl StoreError {
    pub(crate) fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// An installed model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Installed {
    /// Its catalogue entry when it was downloaded.
    pub model: Model,
    /// The licence that was accepted.
    pub accepted_licence: String,
    /// The time of the download, RFC 3339.
    pub time: String,
}

/// The folder of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Uses this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// [`DATA_FOLDER`] if it exists and is on a pool, otherwise [`STATE_FOLDER`].
    pub fn of(files: &Files) -> Self {
        let mounted = files.text("/proc/self/mountinfo").unwrap_or_default();
        // While the pool is not imported, only its empty mount point exists, on the system disk.
        let on_a_pool = mounts::parse(&mounted)
            .iter()
            .any(|mount| mount.point == "/srv/sigmavault" || mount.point == DATA_FOLDER);
        if on_a_pool && files.path(DATA_FOLDER).is_dir() {
            Self::at(files.path(DATA_FOLDER))
        } else {
            Self::at(files.path(STATE_FOLDER))
        }
    }

    /// Its path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a model, whether it exists or not.
    pub fn folder_of(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    /// The path of a model's file, whether it exists or not.
    pub fn path_of(&self, model: &Model, file: &ModelFile) -> PathBuf {
        self.folder_of(&model.id).join(&file.name)
    }

    /// The path of the file to open, if all files of the model exist in full length.
    pub fn main_file(&self, model: &Model) -> Option<PathBuf> {
        let there = |file: &ModelFile| {
            let found = fs::metadata(self.path_of(model, file));
            found.is_ok_and(|found| found.is_file() && found.len() == file.bytes)
        };
        let first = model.files.first()?;
        model.files.iter().all(there).then(|| self.path_of(model, first))
    }

    /// Bytes of an interrupted download, if there is one.
    pub fn partial_bytes(&self, model: &Model) -> Option<u64> {
        let sizes = model.files.iter().filter_map(|file| {
            let part = part_path(&self.path_of(model, file));
            fs::metadata(part).ok().map(|found| found.len())
        });
        sizes.reduce(|sum, bytes| sum + bytes)
    }

    /// The record written when the model of this id was downloaded.
    pub fn installed(&self, id: &str) -> Option<Installed> {
        let text = fs::read(self.folder_of(id).join(RECORD)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The names of all subfolders, sorted; empty if the folder does not exist.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::on("list", &self.folder))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::on("list", &self.folder))?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir())
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The size of all files in the folder of a model, in bytes.
    pub fn bytes_of(&self, id: &str) -> u64 {
        let Ok(entries) = fs::read_dir(self.folder_of(id)) else {
            return 0;
        };
        let sizes = entries.filter_map(|entry| entry.ok()?.metadata().ok());
        sizes.filter(fs::Metadata::is_file).map(|found| found.len()).sum()
    }

    /// Creates the folder of a model, with the permissions of the folder of models.
    pub fn create(&self, id: &str) -> Result<PathBuf, StoreError> {
        let folder = self.folder_of(id);
        fs::create_dir_all(&self.folder).map_err(StoreError::on("create", &self.folder))?;
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(folder),
            made => made.map_err(StoreError::on("create", &folder))?,
        }
        // The engine may write packed weights beside the model.
        let rights = fs::metadata(&self.folder).map_err(StoreError::on("look at", &self.folder))?;
        fs::set_permissions(&folder, rights.permissions())
            .map_err(StoreError::on("set the permissions of", &folder))?;
        Ok(folder)
    }

    /// Writes the record of an installed model.
    pub fn record(&self, installed: &Installed) -> Result<(), StoreError> {
        let path = self.folder_of(&installed.model.id).join(RECORD);
        // Plain fields are always JSON.
        let text = serde_json::to_vec_pretty(installed).unwrap_or_default();
        sigmavault_durable::replace(&path, &text).map_err(StoreError::on("write", &path))
    }

    /// The chunk hashes kept for a file, if they belong to a file of this length.
    pub fn chunk_list(&self, model: &Model, file: &ModelFile) -> Option<ChunkList> {
        let text = fs::read(chunks_path(&self.path_of(model, file))).ok()?;
        let list: ChunkList = serde_json::from_slice(&text).ok()?;
        list.fits(file.bytes).then_some(list)
    }

    /// Removes the cached prefixes of a model.
    pub fn remove_prefixes(files: &Files, id: &str) -> Result<(), StoreError> {
        let folder = files.path(PREFIX_FOLDER).join(id);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::on("remove", &folder)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the folder of a model with everything in it. Returns the bytes freed, `None` if it did not exist.
    pub fn remove(&self, id: &str) -> Result<Option<u64>, StoreError> {
        let folder = self.folder_of(id);
        let bytes = self.bytes_of(id);
        // The record goes first, so that an interrupted removal does not leave what looks like a complete model.
        let record = folder.join(RECORD);
        sigmavault_durable::remove(&record).map_err(StoreError::on("remove", &record))?;
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            removed => removed
                .map(|()| Some(bytes))
                .map_err(StoreError::on("remove", &folder)),
        }
    }
}
