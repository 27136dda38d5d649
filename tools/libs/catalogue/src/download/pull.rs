//! Fetching all files of a model.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::DownloadError;
use super::source::Source;
use super::transfer::Transfer;
use super::tuning::Tuning;
use super::watch::{Stage, Watch};
use crate::beside::{journal_path, part_path};
use crate::chunks::ChunkList;
use crate::digest::Digest;
use crate::model::{Model, ModelFile};
use crate::store::{Installed, Store, StoreError};
use crate::verify;

/// A request to fetch a model.
#[derive(Debug)]
pub struct Order<'a> {
    /// The model.
    pub model: &'a Model,
    /// The licence that was accepted.
    pub accepted_licence: &'a str,
    /// The current time, RFC 3339.
    pub time: String,
    /// Whether to read existing files and fetch their damaged pieces again.
    pub repair: bool,
}

/// Fetches all missing files of a model. Returns the path of the first file.
pub fn pull(
    store: &Store,
    order: &Order<'_>,
    source: &Source,
    tuning: &Tuning,
    watch: &mut dyn Watch,
) -> Result<PathBuf, DownloadError> {
    let model = order.model;
    let folder = store.create(&model.id)?;
    let lock_path = folder.join("download.lock");
    let lock = File::create(&lock_path).map_err(StoreError::on("create", &lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DownloadError::Busy {
                model: model.id.clone(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(StoreError::on("lock", &lock_path)(source).into()),
    }
    let wanted = wanted(store, order, tuning, watch)?;
    check_space(store, model, &wanted, tuning)?;
    for (file, known) in wanted {
        let path = store.path_of(model, file);
        let from = (source, source.place(model, file));
        let transfer = Transfer::open(file, &path, known, from, tuning, watch)?;
        let list = transfer.run()?;
        verify::write(&path, &list)?;
        let part = part_path(&path);
        fs::rename(&part, &path).map_err(StoreError::on("rename", &part))?;
        sigmavault_durable::sync_folder_of(&path).map_err(StoreError::on("write", &path))?;
        let journal = journal_path(&path);
        sigmavault_durable::remove(&journal).map_err(StoreError::on("remove", &journal))?;
    }
    store.record(&Installed {
        model: model.clone(),
        accepted_licence: order.accepted_licence.to_owned(),
        time: order.time.clone(),
    })?;
    sigmavault_durable::remove(&lock_path).map_err(StoreError::on("remove", &lock_path))?;
    Ok(model
        .files
        .first()
        .map_or(folder, |file| store.path_of(model, file)))
}

/// A file to be fetched, with the hashes of its pieces if known.
type Wanted<'a> = (&'a ModelFile, Option<Vec<Digest>>);

/// The files to be fetched.
fn wanted<'a>(
    store: &Store,
    order: &Order<'a>,
    tuning: &Tuning,
    watch: &mut dyn Watch,
) -> Result<Vec<Wanted<'a>>, DownloadError> {
    let model = order.model;
    let mut wanted = Vec::new();
    for file in &model.files {
        let path = store.path_of(model, file);
        let kept = store
            .chunk_list(model, file)
            .filter(|list| list.sha256 == file.sha256);
        let there = fs::metadata(&path).is_ok_and(|found| found.len() == file.bytes);
        let known = if file.chunks.is_empty() {
            kept.as_ref().map(|list| list.chunks.clone())
        } else {
            Some(file.chunks.clone())
        };
        if there && (order.repair || kept.is_none()) {
            if is_good(&path, file, tuning, watch)? {
                continue;
            }
            watch.note(&format!("{} is damaged and will be repaired", file.name));
            salvage(&path)?;
        } else if there {
            continue;
        }
        wanted.push((file, known));
    }
    Ok(wanted)
}

/// Whether an existing file matches the catalogue; if so, its hashes are kept.
fn is_good(
    path: &Path,
    file: &ModelFile,
    tuning: &Tuning,
    watch: &mut dyn Watch,
) -> Result<bool, DownloadError> {
    let mut opened = File::open(path).map_err(StoreError::on("open", path))?;
    let read = ChunkList::read(&mut opened, tuning.chunk_bytes, &mut |bytes| {
        watch.progress(&file.name, Stage::Checking, bytes, file.bytes);
        !watch.stopped()
    });
    match read {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(DownloadError::Stopped {
            file: file.name.clone(),
            done: file.bytes,
            total: file.bytes,
        }),
        read => {
            let list = read.map_err(StoreError::on("read", path))?;
            let good = list.sha256 == file.sha256;
            if good {
                verify::write(path, &list)?;
            }
            Ok(good)
        }
    }
}

/// Makes a damaged file the start of a download. It is copied, since the engine may have the file mapped.
fn salvage(path: &Path) -> Result<(), StoreError> {
    let part = part_path(path);
    fs::copy(path, &part).map_err(StoreError::on("copy", path))?;
    let journal = journal_path(path);
    sigmavault_durable::remove(&journal).map_err(StoreError::on("remove", &journal))
}

fn check_space(
    store: &Store,
    model: &Model,
    wanted: &[Wanted<'_>],
    tuning: &Tuning,
) -> Result<(), DownloadError> {
    use std::os::unix::fs::MetadataExt as _;

    let needed: u64 = wanted
        .iter()
        .map(|(file, _)| {
            let part = part_path(&store.path_of(model, file));
            let there = fs::metadata(part).map_or(0, |found| found.blocks().saturating_mul(512));
            file.bytes.saturating_sub(there)
        })
        .sum();
    let folder = store.folder();
    let found = rustix::fs::statvfs(folder)
        .map_err(|error| StoreError::on("look at", folder)(io::Error::from(error)))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if needed > 0 && free < needed.saturating_add(tuning.reserve_bytes) {
        return Err(DownloadError::Space {
            folder: folder.to_owned(),
            needed,
            reserve: tuning.reserve_bytes,
            free,
        });
    }
    Ok(())
}
