//! Getting a model over HTTP, or from a folder.
//!
//! A file is written under another name, `FILE.part`, beside a journal of the hashes of what has arrived. Whatever ends a
//! download - a broken connection, Ctrl-C, a power cut - the next one reads back what is on the disk, believes what its
//! journal can prove, and asks for the rest (RFC 9110, Range and If-Range). Once everything has arrived the whole file is
//! read from the disk; only when its SHA-256 is that of the catalogue does it get its name, with the hashes of its pieces
//! beside it.
//!
//! - [`Source`] is asked: [`Http`], or a folder
//! - [`Watch`] looks on, and can end it

mod http;
mod journal;
mod source;
mod transfer;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::chunks::{CHUNK_BYTES, ChunkList};
use crate::digest::Digest;
use crate::model::{Model, ModelFile};
use crate::store::{Installed, Store, StoreError, beside, part_path};
use crate::verify;

pub use http::Http;
pub use source::Source;
use transfer::Transfer;

/// How a download behaves.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Bytes of a piece, by which it is checked and fetched again.
    pub chunk_bytes: u64,
    /// Bytes after which the journal is told of a piece that is not whole yet.
    pub mark_bytes: u64,
    /// Requests in a row without a byte, after which it is given up.
    pub attempts: u32,
    /// The wait after the first of them; doubled each time.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// Bytes that must stay free on the disk.
    pub reserve_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            chunk_bytes: CHUNK_BYTES,
            mark_bytes: 1 << 20,
            attempts: 8,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            reserve_bytes: 256 << 20,
        }
    }
}

/// What a download is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading back what an earlier download left.
    Resuming,
    /// Fetching.
    Fetching,
    /// Reading the whole file from the disk.
    Checking,
}

/// Who looks on.
pub trait Watch {
    /// Bytes of a file that are done, of all its bytes.
    fn progress(&mut self, file: &str, stage: Stage, done: u64, total: u64);
    /// Something that the user should know, such as a connection that broke.
    fn note(&mut self, text: &str);
    /// Whether the user wants it to end.
    fn stopped(&self) -> bool;
    /// Waits.
    fn sleep(&self, time: Duration);
}

/// A download that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The folder of models.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another download.
    #[error("{model} is being downloaded already; wait for it to end")]
    Busy {
        /// The model.
        model: String,
    },
    /// The disk is too small.
    #[error(
        "{} has {free} bytes free; this takes {needed} and leaves {reserve} for the rest; \
         remove a model, or choose another folder with --models-dir",
        folder.display()
    )]
    Space {
        /// Where.
        folder: PathBuf,
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that must stay free.
        reserve: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The user ended it.
    #[error("stopped at {done} of {total} bytes of {file}; the same command goes on from there")]
    Stopped {
        /// The file.
        file: String,
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The connection broke too often.
    #[error(
        "cannot get {place}: {why} ({attempts} times in a row); the same command goes on where it broke off"
    )]
    GaveUp {
        /// What was asked for.
        place: String,
        /// What happened last.
        why: String,
        /// Attempts without a byte.
        attempts: u32,
    },
    /// The server does not give the file.
    #[error("cannot get {place}: {why}")]
    Refused {
        /// What was asked for.
        place: String,
        /// Why not.
        why: String,
    },
    /// The server has a file of another length.
    #[error("{place} has {found} bytes, but the catalogue says {expected}: it is another file")]
    Length {
        /// What was asked for.
        place: String,
        /// Bytes by the catalogue.
        expected: u64,
        /// Bytes by the server.
        found: u64,
    },
    /// A piece that comes wrong every time.
    #[error(
        "piece {chunk} of {place} came with a wrong SHA-256 {times} times: the source has another or a damaged file"
    )]
    Chunk {
        /// What was asked for.
        place: String,
        /// Number of the piece, from 0.
        chunk: usize,
        /// How often.
        times: u32,
    },
    /// Everything came, and it is not what the catalogue says.
    #[error(
        "{place} came whole, but its SHA-256 is {found} instead of {expected}: the source has another or a damaged file; \
         it was removed"
    )]
    WrongFile {
        /// What was asked for.
        place: String,
        /// SHA-256 by the catalogue.
        expected: Digest,
        /// SHA-256 of what came.
        found: Digest,
    },
    /// What is written does not stay as it was.
    #[error("{} does not read back as it was written: the disk or the memory is failing", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
    },
}

/// A wish to get a model.
#[derive(Debug)]
pub struct Order<'a> {
    /// What to get.
    pub model: &'a Model,
    /// The licence that was accepted.
    pub accepted_licence: &'a str,
    /// The time now, RFC 3339.
    pub time: String,
    /// Whether to read files that are there, and fetch their damaged pieces again.
    pub repair: bool,
}

/// Gets every file of a model that is not there yet. The path of the first.
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

/// A file that has to be fetched, with the hashes of its pieces when these are known.
type Wanted<'a> = (&'a ModelFile, Option<Vec<Digest>>);

/// The files that have to be fetched.
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
            watch.note(&format!("{} is damaged and is mended", file.name));
            salvage(&path)?;
        } else if there {
            continue;
        }
        wanted.push((file, known));
    }
    Ok(wanted)
}

/// Whether a file that is there is the one of the catalogue; its hashes are kept when it is.
fn is_good(
    path: &std::path::Path,
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

/// Makes a damaged file the start of a download. A copy, since the engine may have the file mapped.
fn salvage(path: &std::path::Path) -> Result<(), StoreError> {
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

fn journal_path(file: &std::path::Path) -> PathBuf {
    beside(file, ".journal")
}
