//! Fetching all files of a model.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use super::error::DownloadError;
use super::source::Source;
use super::transfer::{self, Transfer};
use super::tuning::Tuning;
use super::watch::{Stage, Watch};
use crate::beside::{journal_name, part_name};
use crate::chunks::ChunkList;
use crate::digest::Digest;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::model::{Model, ModelFile};
use crate::store::{Installed, Store, write_record};
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

/// The lock of a model's folder.
const LOCK: &str = "download.lock";

/// Fetches all missing files of a model. Returns the path of the first file. What cannot be resumed leaves nothing.
pub fn pull(
    store: &Store,
    order: &Order<'_>,
    source: &Source,
    tuning: &Tuning,
    watch: &mut dyn Watch,
) -> Result<PathBuf, DownloadError> {
    let model = order.model;
    let home = store.create_home(&model.id)?;
    let lock_path = home.path().join(LOCK);
    let lock = home.writable(LOCK)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DownloadError::Busy {
                model: model.id.clone(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(StoreError::on("lock", &lock_path)(source).into()),
    }
    let fetched = fetch(store, &home, order, source, tuning, watch);
    if let Err(error) = &fetched {
        clear(&home, model, error);
    }
    home.remove(LOCK)?;
    if fetched.is_err() && home.is_empty() {
        // Nothing came of it.
        store.create_store()?.remove_empty(&model.id);
    }
    fetched?;
    Ok(model
        .files
        .first()
        .map_or_else(|| home.path().to_owned(), |file| store.path_of(model, file)))
}

fn fetch(
    store: &Store,
    home: &Folder,
    order: &Order<'_>,
    source: &Source,
    tuning: &Tuning,
    watch: &mut dyn Watch,
) -> Result<(), DownloadError> {
    let model = order.model;
    let wanted = wanted(store, home, order, tuning, watch)?;
    check_space(home, &wanted, tuning)?;
    for (file, known) in wanted {
        let from = (source, source.place(model, file));
        let transfer = Transfer::open(file, home, known, from, tuning, watch)?;
        let list = transfer.run()?;
        verify::write(home, &file.name, &list)?;
        home.rename(&part_name(&file.name), &file.name)?;
        home.remove(&journal_name(&file.name))?;
    }
    Ok(write_record(
        home,
        &Installed {
            model: model.clone(),
            accepted_licence: order.accepted_licence.to_owned(),
            time: order.time.clone(),
        },
    )?)
}

/// Removes the beginnings of files that are of no use: a full disk needs their space, and empty ones hold nothing.
fn clear(home: &Folder, model: &Model, error: &DownloadError) {
    let full = matches!(error, DownloadError::Store(error) if error.is_full());
    for file in &model.files {
        if full || home.length(&part_name(&file.name)) == Some(0) {
            // The download failed already, and says why.
            let _ = transfer::remove(home, file);
        }
    }
}

/// A file to be fetched, with the hashes of its pieces if known.
type Wanted<'a> = (&'a ModelFile, Option<Vec<Digest>>);

/// The files to be fetched.
fn wanted<'a>(
    store: &Store,
    home: &Folder,
    order: &Order<'a>,
    tuning: &Tuning,
    watch: &mut dyn Watch,
) -> Result<Vec<Wanted<'a>>, DownloadError> {
    let model = order.model;
    let mut wanted = Vec::new();
    for file in &model.files {
        let kept = store
            .chunk_list(model, file)
            .filter(|list| list.sha256 == file.sha256);
        let there = home.length(&file.name) == Some(file.bytes);
        let known = if file.chunks.is_empty() {
            kept.as_ref().map(|list| list.chunks.clone())
        } else {
            Some(file.chunks.clone())
        };
        if there && (order.repair || kept.is_none()) {
            if is_good(home, file, tuning, watch)? {
                continue;
            }
            watch.note(&format!("{} is damaged and will be repaired", file.name));
            salvage(home, file)?;
        } else if there {
            continue;
        }
        wanted.push((file, known));
    }
    Ok(wanted)
}

/// Whether an existing file matches the catalogue; if so, its hashes are kept.
fn is_good(
    home: &Folder,
    file: &ModelFile,
    tuning: &Tuning,
    watch: &mut dyn Watch,
) -> Result<bool, DownloadError> {
    let Some(mut opened) = home.file(&file.name)? else {
        return Ok(false);
    };
    let read = ChunkList::read(&mut opened, tuning.chunk_bytes, &mut |bytes| {
        watch.progress(&file.name, Stage::Checking, bytes.min(file.bytes), file.bytes);
        !watch.stopped()
    });
    match read {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(DownloadError::Stopped {
            file: file.name.clone(),
            done: file.bytes,
            total: file.bytes,
        }),
        read => {
            let list = read.map_err(StoreError::on("read", &home.path().join(&file.name)))?;
            let good = list.sha256 == file.sha256;
            if good {
                verify::write(home, &file.name, &list)?;
            }
            Ok(good)
        }
    }
}

/// Makes a damaged file the start of a download. It is copied, since the engine may have the file mapped.
fn salvage(home: &Folder, file: &ModelFile) -> Result<(), StoreError> {
    transfer::remove(home, file)?;
    if let Some(mut damaged) = home.file(&file.name)? {
        let mut part = home.writable(&part_name(&file.name))?;
        io::copy(&mut damaged, &mut part).map_err(StoreError::on("copy", &home.path().join(&file.name)))?;
    }
    Ok(())
}

fn check_space(home: &Folder, wanted: &[Wanted<'_>], tuning: &Tuning) -> Result<(), DownloadError> {
    let needed: u64 = wanted
        .iter()
        .map(|(file, _)| {
            let there = home.allocated(&part_name(&file.name));
            file.bytes.saturating_sub(there)
        })
        .sum();
    space(home.path(), needed, tuning.reserve_bytes)
}

/// Checks that a folder's file system has room for `needed` bytes, and `reserve` more.
pub fn space(folder: &Path, needed: u64, reserve: u64) -> Result<(), DownloadError> {
    let found = statvfs(folder)
        .map_err(io::Error::from)
        .map_err(StoreError::on("look at", folder))?;
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    if needed > 0 && free < needed.saturating_add(reserve) {
        return Err(DownloadError::Space {
            folder: folder.to_owned(),
            needed,
            reserve,
            free,
        });
    }
    Ok(())
}
