//! The folder that models lie in.
//!
//! Every model has a folder of its own, named by its id, with its files as they were published. Beside a file `F` may
//! lie `F.chunks` (its chunk hashes), `F.part` and `F.journal` (a download under way), and whatever the engine has packed
//! for itself. `model.json` says what the catalogue said when the model was got, and which licence was accepted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sigmavault_facts::{Files, mounts};

use crate::chunks::ChunkList;
use crate::model::{Model, ModelFile};

/// Where models lie when there is a data pool.
pub const DATA_FOLDER: &str = "/srv/sigmavault/models";

/// Where models lie otherwise.
pub const STATE_FOLDER: &str = "/var/lib/sigmavault/models";

const RECORD: &str = "model.json";

/// Whether a file of this name is one of those that are kept about models.
pub(crate) fn is_own(name: &str) -> bool {
    let kept = [".chunks", ".part", ".journal", ".new", ".lock"];
    name == RECORD || kept.iter().any(|end| name.ends_with(end))
}

/// Something in the folder of models that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct StoreError {
    /// What was tried.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl StoreError {
    pub(crate) fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// A model that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Installed {
    /// What the catalogue said when it was got.
    pub model: Model,
    /// The licence that was accepted.
    pub accepted_licence: String,
    /// When it was got, RFC 3339.
    pub time: String,
}

/// The folder that models lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// A folder of the administrator's choice.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// [`DATA_FOLDER`] when it is there and on a pool, else [`STATE_FOLDER`].
    pub fn of(files: &Files) -> Self {
        let mounted = files.text("/proc/self/mountinfo").unwrap_or_default();
        // Of a pool that is not imported only the empty mount point is there, and that is on the system disk.
        let on_a_pool = mounts::parse(&mounted)
            .iter()
            .any(|mount| mount.point == "/srv/sigmavault" || mount.point == DATA_FOLDER);
        if on_a_pool && files.path(DATA_FOLDER).is_dir() {
            Self::at(files.path(DATA_FOLDER))
        } else {
            Self::at(files.path(STATE_FOLDER))
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the files of a model are or would be.
    pub fn folder_of(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    /// Where a file of a model is or would be.
    pub fn path_of(&self, model: &Model, file: &ModelFile) -> PathBuf {
        self.folder_of(&model.id).join(&file.name)
    }

    /// Where the file of a model is that is opened, when all its files are there in full length.
    pub fn main_file(&self, model: &Model) -> Option<PathBuf> {
        let there = |file: &ModelFile| {
            let found = fs::metadata(self.path_of(model, file));
            found.is_ok_and(|found| found.is_file() && found.len() == file.bytes)
        };
        let first = model.files.first()?;
        model.files.iter().all(there).then(|| self.path_of(model, first))
    }

    /// Bytes of a download that broke off, when there is one.
    pub fn partial_bytes(&self, model: &Model) -> Option<u64> {
        let sizes = model.files.iter().filter_map(|file| {
            let part = part_path(&self.path_of(model, file));
            fs::metadata(part).ok().map(|found| found.len())
        });
        sizes.reduce(|sum, bytes| sum + bytes)
    }

    /// What is known about the model of this id: the record that was written when it was got.
    pub fn installed(&self, id: &str) -> Option<Installed> {
        let text = fs::read(self.folder_of(id).join(RECORD)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Names of all folders in it, sorted; empty when it is not there.
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

    /// Bytes of everything in the folder of a model.
    pub fn bytes_of(&self, id: &str) -> u64 {
        let Ok(entries) = fs::read_dir(self.folder_of(id)) else {
            return 0;
        };
        let sizes = entries.filter_map(|entry| entry.ok()?.metadata().ok());
        sizes.filter(fs::Metadata::is_file).map(|found| found.len()).sum()
    }

    /// Makes the folder of a model, with the rights of the folder of models.
    pub fn create(&self, id: &str) -> Result<PathBuf, StoreError> {
        let folder = self.folder_of(id);
        fs::create_dir_all(&self.folder).map_err(StoreError::on("create", &self.folder))?;
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(folder),
            made => made.map_err(StoreError::on("create", &folder))?,
        }
        // The engine may have to write what it packs beside the model.
        let rights = fs::metadata(&self.folder).map_err(StoreError::on("look at", &self.folder))?;
        fs::set_permissions(&folder, rights.permissions())
            .map_err(StoreError::on("set the rights of", &folder))?;
        Ok(folder)
    }

    /// Writes down what was got.
    pub fn record(&self, installed: &Installed) -> Result<(), StoreError> {
        let path = self.folder_of(&installed.model.id).join(RECORD);
        // Plain fields are always JSON.
        let text = serde_json::to_vec_pretty(installed).unwrap_or_default();
        sigmavault_durable::replace(&path, &text).map_err(StoreError::on("write", &path))
    }

    /// The chunk hashes of a file, when they were kept and are of a file of this length.
    pub fn chunk_list(&self, model: &Model, file: &ModelFile) -> Option<ChunkList> {
        let text = fs::read(chunks_path(&self.path_of(model, file))).ok()?;
        let list: ChunkList = serde_json::from_slice(&text).ok()?;
        list.fits(file.bytes).then_some(list)
    }

    /// Removes the folder of a model with everything in it; the bytes that were in it, `None` when it was not there.
    pub fn remove(&self, id: &str) -> Result<Option<u64>, StoreError> {
        let folder = self.folder_of(id);
        let bytes = self.bytes_of(id);
        // The record first: what is left when this is cut short no longer looks like a whole model.
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

/// Where the chunk hashes of a file are.
pub(crate) fn chunks_path(file: &Path) -> PathBuf {
    beside(file, ".chunks")
}

/// Where a file is while it is not whole.
pub(crate) fn part_path(file: &Path) -> PathBuf {
    beside(file, ".part")
}

/// The file's path with something at its end.
pub(crate) fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
