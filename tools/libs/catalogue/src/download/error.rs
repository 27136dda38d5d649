//! Why a download failed.

use std::path::PathBuf;

use crate::digest::Digest;
use crate::error::StoreError;

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// An operation on the folder of models failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another download of the model is running.
    #[error("{model} is being downloaded already; wait for it to end")]
    Busy {
        /// The model.
        model: String,
    },
    /// The disk has too little space.
    #[error(
        "{} has {free} bytes free; this takes {needed} and leaves {reserve} for the rest; \
         remove a model, or choose another folder with --models-dir",
        folder.display()
    )]
    Space {
        /// The folder of models.
        folder: PathBuf,
        /// Bytes still to be fetched.
        needed: u64,
        /// Bytes that must stay free.
        reserve: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The user stopped it.
    #[error("stopped at {done} of {total} bytes of {file}; the same command resumes the download")]
    Stopped {
        /// The file.
        file: String,
        /// Bytes on disk.
        done: u64,
        /// The file's bytes.
        total: u64,
    },
    /// The connection broke too often.
    #[error("cannot get {place}: {why} ({attempts} times in a row); the same command resumes the download")]
    GaveUp {
        /// The requested URL or path.
        place: String,
        /// The last failure.
        why: String,
        /// Attempts without data.
        attempts: u32,
    },
    /// The server does not give the file.
    #[error("cannot get {place}: {why}")]
    Refused {
        /// The requested URL or path.
        place: String,
        /// The reason.
        why: String,
    },
    /// The server has a file of another length.
    #[error("{place} has {found} bytes, but the catalogue says {expected}: it is another file")]
    Length {
        /// The requested URL or path.
        place: String,
        /// Bytes by the catalogue.
        expected: u64,
        /// Bytes by the server.
        found: u64,
    },
    /// A piece arrives damaged every time.
    #[error(
        "piece {chunk} of {place} arrived with a wrong SHA-256 {times} times: the source has a different or damaged file"
    )]
    Chunk {
        /// The requested URL or path.
        place: String,
        /// Number of the piece, from 0.
        chunk: usize,
        /// The number of attempts.
        times: u32,
    },
    /// The complete file does not match the catalogue.
    #[error(
        "{place} arrived complete, but its SHA-256 is {found} instead of {expected}: the source has a different or damaged \
         file; it was removed"
    )]
    WrongFile {
        /// The requested URL or path.
        place: String,
        /// SHA-256 by the catalogue.
        expected: Digest,
        /// SHA-256 of the file that arrived.
        found: Digest,
    },
    /// Data does not read back as written.
    #[error("{} does not read back as written: the disk or the memory is failing", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
    },
}
