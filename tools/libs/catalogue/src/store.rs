//! The folder of models.
//!
//! Every model has a folder of its own, named by its id, with its files as they were published. Beside a file `F` may
//! lie `F.chunks` (its chunk hashes), and `F.part` and `F.journal` (a download under way). `model.json` says what the catalogue
//! said when the model was got, or what its own file says, and which licence was accepted.
//!
//! The folder is root's. The service reads it, and keeps what it packs in a cache of its own ([`CACHE_FOLDER`]). Ids and names
//! are checked here, whoever wrote them into a record, and links are not followed.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use sigmavault_facts::{Files, mounts};

use crate::beside::{RECORD, chunks_name, part_name};
use crate::chunks::ChunkList;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::model::{Model, ModelFile, id_fault};

/// The folder of models on the data pool.
pub const DATA_FOLDER: &str = "/srv/sigmavault/models";

/// The folder of models without a data pool.
pub const STATE_FOLDER: &str = "/var/lib/sigmavault/models";

/// The language model's own folder, with a folder a model: weights as it packs them, and cached prefixes. Those hold conversations
/// and stay on the state partition, wherever models are.
pub const CACHE_FOLDER: &str = "/var/cache/sigmavault-ryzan";

/// The longest record that is read, in bytes. One with the hashes of all pieces of 300 GB is half as long.
const LONGEST_RECORD: u64 = 4 << 20;

/// The longest list of chunk hashes that is read, in bytes: 4 TiB in pieces of 8 MiB take 35 MB.
const LONGEST_LIST: u64 = 64 << 20;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// A file is not there.
    #[error("it is not on this machine")]
    Absent,
    /// A file has another length than its record or the catalogue says.
    #[error(
        "{file} has {found} bytes instead of {expected}; try: sigmavault model pull --repair, or add it again"
    )]
    Length {
        /// The file.
        file: String,
        /// Bytes by the catalogue.
        expected: u64,
        /// Bytes on disk.
        found: u64,
    },
    /// A file cannot be opened, is a link, or could be changed by others while it is used.
    #[error(transparent)]
    Refused(#[from] StoreError),
}

/// An installed model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Installed {
    /// Its catalogue entry when it was downloaded, or what its own file says.
    #[serde(deserialize_with = "checked")]
    pub model: Model,
    /// The licence that was accepted.
    pub accepted_licence: String,
    /// The time of the download, RFC 3339.
    pub time: String,
}

/// Takes no model from a record that the catalogue would refuse.
fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Model, D::Error> {
    let model = Model::deserialize(deserializer)?;
    match model.recorded_fault() {
        Some(fault) => Err(serde::de::Error::custom(fault)),
        None => Ok(model),
    }
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

    /// The path of the file to open, if all files of the model can be used.
    pub fn main_file(&self, model: &Model) -> Option<PathBuf> {
        self.usable(model).ok()
    }

    /// The path of the file to open, or why the model cannot be used: all its files must be there in full length, must not be
    /// links, and must not be writable by others, who could otherwise end or mislead whoever has them mapped.
    pub fn usable(&self, model: &Model) -> Result<PathBuf, Unusable> {
        if let Some(fault) = model.recorded_fault() {
            return Err(self.invalid(&model.id, fault).into());
        }
        let store = Folder::open(&self.folder)?.ok_or(Unusable::Absent)?;
        let home = store.folder(&model.id)?.ok_or(Unusable::Absent)?;
        for file in &model.files {
            let found = home.length(&file.name);
            if found.is_some_and(|found| found != file.bytes) {
                return Err(Unusable::Length {
                    file: file.name.clone(),
                    expected: file.bytes,
                    found: found.unwrap_or_default(),
                });
            }
            home.trusted_file(&file.name)?.ok_or(Unusable::Absent)?;
        }
        store.trusted()?;
        home.trusted()?;
        let first = model.files.first().ok_or(Unusable::Absent)?;
        Ok(self.path_of(model, first))
    }

    /// Opens a file of a model for reading, wherever it is; `None` if it is not there.
    pub(crate) fn open_file(&self, model: &Model, file: &ModelFile) -> Result<Option<File>, StoreError> {
        match self.home(&model.id)? {
            Some(home) => home.file(&file.name),
            None => Ok(None),
        }
    }

    /// The open folder of a model; `None` if there is none.
    pub(crate) fn home(&self, id: &str) -> Result<Option<Folder>, StoreError> {
        if let Some(fault) = id_fault(id) {
            return Err(self.invalid(id, format!("the id {fault}")));
        }
        match Folder::open(&self.folder)? {
            Some(store) => store.folder(id),
            None => Ok(None),
        }
    }

    fn invalid(&self, id: &str, fault: String) -> StoreError {
        let invalid = io::Error::new(io::ErrorKind::InvalidInput, fault);
        StoreError::on("use a model below", &self.folder.join(format!("{id:?}")))(invalid)
    }

    /// Whether a model has a folder.
    pub fn has(&self, id: &str) -> bool {
        self.home(id).is_ok_and(|home| home.is_some())
    }

    /// Bytes of an interrupted download, if there is one.
    pub fn partial_bytes(&self, model: &Model) -> Option<u64> {
        let home = self.home(&model.id).ok()??;
        let sizes = model
            .files
            .iter()
            .filter_map(|file| home.length(&part_name(&file.name)));
        sizes.reduce(u64::saturating_add)
    }

    /// The record written when the model of this id was got, if it is there and valid.
    pub fn installed(&self, id: &str) -> Option<Installed> {
        self.record_of(id).ok()?
    }

    /// The record written when the model of this id was got; `None` if there is none. One that is not valid, or is another
    /// model's, is an error.
    pub fn record_of(&self, id: &str) -> Result<Option<Installed>, StoreError> {
        let Some(home) = self.home(id)? else {
            return Ok(None);
        };
        let Some(text) = read(&home, RECORD, LONGEST_RECORD)? else {
            return Ok(None);
        };
        let path = home.path().join(RECORD);
        let unusable =
            |why: String| StoreError::on("use", &path)(io::Error::new(io::ErrorKind::InvalidData, why));
        let installed: Installed =
            serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        if installed.model.id == id {
            Ok(Some(installed))
        } else {
            Err(unusable(format!("it is the record of {:?}", installed.model.id)))
        }
    }

    /// The names of all subfolders that may be ids, sorted; empty if the folder does not exist.
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
                && id_fault(&name).is_none()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The size of all files in the folder of a model, in bytes.
    pub fn bytes_of(&self, id: &str) -> u64 {
        if id_fault(id).is_some() {
            return 0;
        }
        let Ok(entries) = fs::read_dir(self.folder_of(id)) else {
            return 0;
        };
        // Of a link it is the link's own.
        let sizes = entries.filter_map(|entry| entry.ok()?.metadata().ok());
        sizes.filter(fs::Metadata::is_file).map(|found| found.len()).sum()
    }

    /// The open folder of models, created if there is none, in which only root and this user may write.
    pub(crate) fn create_store(&self) -> Result<Folder, StoreError> {
        let absent = || StoreError::on("create", &self.folder)(io::ErrorKind::NotFound.into());
        if let Some(store) = Folder::open(&self.folder)? {
            store.trusted()?;
            return Ok(store);
        }
        let (Some(parent), Some(name)) = (self.folder.parent(), self.folder.file_name()) else {
            return Err(absent());
        };
        fs::create_dir_all(parent).map_err(StoreError::on("create", parent))?;
        let parent = Folder::open(parent)?.ok_or_else(absent)?;
        parent.create_folder(&name.to_string_lossy())
    }

    /// The open folder of a model, created if there is none.
    pub(crate) fn create_home(&self, id: &str) -> Result<Folder, StoreError> {
        if let Some(fault) = id_fault(id) {
            return Err(self.invalid(id, format!("the id {fault}")));
        }
        let store = self.create_store()?;
        let home = store.create_folder(id)?;
        home.trusted()?;
        Ok(home)
    }

    /// Creates the folder of a model. Everybody may read it, whatever the umask.
    pub fn create(&self, id: &str) -> Result<PathBuf, StoreError> {
        Ok(self.create_home(id)?.path().to_owned())
    }

    /// Writes the record of an installed model.
    pub fn record(&self, installed: &Installed) -> Result<(), StoreError> {
        write_record(&self.create_home(&installed.model.id)?, installed)
    }

    /// The chunk hashes kept for a file, if they belong to a file of this length.
    pub fn chunk_list(&self, model: &Model, file: &ModelFile) -> Option<ChunkList> {
        let home = self.home(&model.id).ok()??;
        let text = read(&home, &chunks_name(&file.name), LONGEST_LIST).ok()??;
        let list: ChunkList = serde_json::from_slice(&text).ok()?;
        list.fits(file.bytes).then_some(list)
    }

    /// Removes what the service keeps for a model: packed weights, and cached prefixes.
    pub fn remove_cache(files: &Files, id: &str) -> Result<(), StoreError> {
        if let Some(fault) = id_fault(id) {
            return Err(Self::at(CACHE_FOLDER).invalid(id, format!("the id {fault}")));
        }
        match Folder::open(&files.path(CACHE_FOLDER))? {
            Some(cache) => cache.remove_all(id).map(drop),
            None => Ok(()),
        }
    }

    /// Removes the folder of a model with everything in it. Returns the bytes freed, `None` if it did not exist.
    pub fn remove(&self, id: &str) -> Result<Option<u64>, StoreError> {
        let Some(home) = self.home(id)? else {
            return Ok(None);
        };
        let bytes = self.bytes_of(id);
        // The record goes first, so that an interrupted removal does not leave what looks like a complete model.
        home.remove(RECORD)?;
        home.sync()?;
        let Some(store) = Folder::open(&self.folder)? else {
            return Ok(None);
        };
        Ok(store.remove_all(id)?.then_some(bytes))
    }
}

/// Writes the record of an installed model into its folder.
pub(crate) fn write_record(home: &Folder, installed: &Installed) -> Result<(), StoreError> {
    // Plain fields are always JSON.
    let text = serde_json::to_vec_pretty(installed).unwrap_or_default();
    home.replace(RECORD, &text)
}

/// Reads a file up to a length; `None` if there is none.
fn read(home: &Folder, name: &str, longest: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = home.file(name)? else {
        return Ok(None);
    };
    let mut text = Vec::new();
    let failed = StoreError::on("read", &home.path().join(name));
    file.take(longest).read_to_end(&mut text).map_err(failed)?;
    Ok(Some(text))
}
