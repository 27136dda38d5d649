//! Whether the files on disk match the catalogue.

use serde::Serialize;

use crate::beside::chunks_name;
use crate::chunks::{CHUNK_BYTES, ChunkList};
use crate::error::StoreError;
use crate::folder::Folder;
use crate::model::{Model, ModelFile};
use crate::store::Store;

/// The result for one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Checked {
    /// The file.
    pub file: String,
    /// Its state.
    #[serde(flatten)]
    pub state: State,
}

/// The state of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// It matches the catalogue.
    Good,
    /// It does not exist.
    Missing,
    /// Its length is wrong.
    Length {
        /// Bytes by the catalogue.
        expected: u64,
        /// Bytes on disk.
        found: u64,
    },
    /// Its length is right, its content is not.
    Damaged {
        /// Numbers of the damaged 8 MiB pieces; empty if they cannot be told.
        chunks: Vec<u64>,
    },
}

/// Reads every file of a model. `seen` is called with the bytes read so far and stops the reading by returning `false`,
/// which gives an error of the kind `Interrupted`. Chunk hashes that are missing beside a good file are written if possible.
pub fn model(
    store: &Store,
    model: &Model,
    seen: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<Checked>, StoreError> {
    let mut before = 0;
    let mut checked = Vec::new();
    for file in &model.files {
        let state = one(store, model, file, &mut |bytes| seen(before + bytes))?;
        before += file.bytes;
        checked.push(Checked {
            file: file.name.clone(),
            state,
        });
    }
    Ok(checked)
}

fn one(
    store: &Store,
    model: &Model,
    file: &ModelFile,
    seen: &mut dyn FnMut(u64) -> bool,
) -> Result<State, StoreError> {
    let path = store.path_of(model, file);
    let Some(mut opened) = store.open_file(model, file)? else {
        return Ok(State::Missing);
    };
    let found = opened.metadata().map_err(StoreError::on("look at", &path))?.len();
    if found != file.bytes {
        return Ok(State::Length {
            expected: file.bytes,
            found,
        });
    }
    let kept = store
        .chunk_list(model, file)
        .filter(|list| list.sha256 == file.sha256);
    let size = kept.as_ref().map_or(CHUNK_BYTES, |list| list.chunk_bytes);
    let read = ChunkList::read(&mut opened, size, seen).map_err(StoreError::on("read", &path))?;
    if read.sha256 == file.sha256 {
        if kept.is_none() {
            // Verification must also work for users who may only read.
            if let Ok(Some(home)) = store.home(&model.id) {
                let _ = write(&home, &file.name, &read);
            }
        }
        return Ok(State::Good);
    }
    let published = (!file.chunks.is_empty() && size == CHUNK_BYTES).then_some(&file.chunks);
    let right = published.or(kept.as_ref().map(|list| &list.chunks));
    let pairs = right
        .into_iter()
        .flat_map(|right| right.iter().zip(&read.chunks).enumerate());
    let chunks = pairs
        .filter(|(_, (right, found))| right != found)
        .map(|(index, _)| index as u64)
        .collect();
    Ok(State::Damaged { chunks })
}

/// Writes the chunk hashes of a good file beside it.
pub(crate) fn write(home: &Folder, file: &str, list: &ChunkList) -> Result<(), StoreError> {
    // Plain fields are always JSON.
    let text = serde_json::to_vec(list).unwrap_or_default();
    home.replace(&chunks_name(file), &text)
}
