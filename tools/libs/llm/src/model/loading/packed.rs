//! The file of packed ternary tensors: written once, then used in place.
//!
//! It lies in a folder in which only this program writes. Beside it stands the SHA-256 of its content, which is compared when a
//! process first opens the file: weights that were exchanged or damaged are packed again, and never computed with.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use sigmavault_ternary::{PanelFile, PanelFileError};

use super::weights::Weights;
use crate::model::error::LoadError;
use crate::model::layers::linear;

/// The bytes at the beginning of a model file that go into its key.
const HEAD: u64 = 1 << 20;

/// Opens the packed file of a model, and writes it first if there is none or it belongs to other weights. If it cannot be written, the
/// log says so and the model is packed in memory.
pub fn open(weights: &Weights, path: &Path, key: &[u8; 32]) -> Result<Option<PanelFile>, LoadError> {
    let names = weights.ternary();
    if names.is_empty() {
        return Ok(None);
    }
    match PanelFile::open(path, key) {
        Ok(file) if !is_as_written(path, &file) => {
            log::warn!(
                "{} is not as it was written and will be packed again",
                path.display()
            );
        }
        Ok(file) if names.iter().all(|name| file.matrix(name).is_some()) => return Ok(Some(file)),
        Ok(_) => log::info!(
            "{} lacks tensors of the model and will be packed again",
            path.display()
        ),
        Err(PanelFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        Err(reason) => log::info!("packing again: {reason}"),
    }
    match pack(weights, &names, path, key) {
        Ok(file) => Ok(Some(file)),
        Err(Failure::Load(error)) => Err(error),
        Err(Failure::Write(error)) => {
            log::warn!("weights are packed in memory at every start: {error}");
            Ok(None)
        }
    }
}

enum Failure {
    Load(LoadError),
    Write(PanelFileError),
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<PanelFileError> for Failure {
    fn from(error: PanelFileError) -> Self {
        Self::Write(error)
    }
}

/// Packs the tensors one by one, so that only one of them is in memory twice.
fn pack(weights: &Weights, names: &[String], path: &Path, key: &[u8; 32]) -> Result<PanelFile, Failure> {
    let mut writer = PanelFile::create(path, key)?;
    for name in names {
        writer.add(name, &linear::pack(weights, &weights.tensor(name)?)?)?;
        weights.release(name);
    }
    let file = writer.finish()?;
    let digest = Sha256::digest(&***file.mapping());
    let record = record(path);
    // If it is torn by a power cut, the weights are packed again.
    fs::write(&record, hex(&digest)).map_err(|source| PanelFileError::Io {
        action: "write",
        path: record,
        source,
    })?;
    seen(path);
    Ok(file)
}

/// The file with the SHA-256 of a packed file.
fn record(path: &Path) -> PathBuf {
    path.with_added_extension("sha256")
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What tells one content of a path from another without reading it.
type Facts = (u64, u64, u64, i64, i64);

/// Packed files whose content this process has written or compared.
static SEEN: Mutex<Option<HashMap<PathBuf, Facts>>> = Mutex::new(None);

fn facts(path: &Path) -> Option<Facts> {
    let found = fs::metadata(path).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.len(),
        found.ctime(),
        found.ctime_nsec(),
    ))
}

/// Notes that the file at this path is as it was written.
fn seen(path: &Path) {
    if let Some(facts) = facts(path) {
        let mut all = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        all.get_or_insert_default().insert(path.to_owned(), facts);
    }
}

/// Whether a packed file has the content that was written, by the SHA-256 beside it. All of it is read the first time.
fn is_as_written(path: &Path, file: &PanelFile) -> bool {
    let known = {
        let all = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        all.as_ref().and_then(|all| all.get(path)).copied()
    };
    if known.is_some() && known == facts(path) {
        return true;
    }
    let Ok(expected) = fs::read_to_string(record(path)) else {
        return false;
    };
    let good = expected.trim_end() == hex(&Sha256::digest(&***file.mapping()));
    if good {
        seen(path);
    }
    good
}

/// The key of what is packed from these files: their hash if it is known, lengths, times of their last changes, and first megabytes,
/// where a GGUF file has its metadata. A file that was repaired has the hash of the damaged one, but not its times.
pub fn key(files: &[PathBuf], known: Option<[u8; 32]>) -> Result<[u8; 32], LoadError> {
    let mut hash = Sha256::new();
    hash.update(known.unwrap_or_default());
    for path in files {
        let failed = |source| LoadError::Read {
            path: path.clone(),
            source,
        };
        let facts = fs::metadata(path).map_err(failed)?;
        hash.update(facts.len().to_le_bytes());
        let changed = facts
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hash.update(changed.unwrap_or_default().as_nanos().to_le_bytes());
        hash.update(facts.ctime().to_le_bytes());
        hash.update(facts.ctime_nsec().to_le_bytes());
        let mut head = Vec::new();
        File::open(path)
            .and_then(|file| file.take(HEAD).read_to_end(&mut head))
            .map_err(failed)?;
        hash.update(&head);
    }
    Ok(hash.finalize().into())
}
