//! The file of packed ternary tensors beside a model: written once, then used in place.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use sigmavault_ternary::{PanelFile, PanelFileError};

use super::error::LoadError;
use super::linear;
use super::weights::Weights;

/// The bytes at the beginning of a model file that go into its key if its hash is not known.
const HEAD: u64 = 1 << 20;

/// Opens the packed file of a model, and writes it first if there is none or it belongs to other weights. If it cannot be written, the
/// log says so and the model is packed in memory.
pub fn open(weights: &Weights, path: &Path, key: &[u8; 32]) -> Result<Option<PanelFile>, LoadError> {
    let names = weights.ternary();
    if names.is_empty() {
        return Ok(None);
    }
    match PanelFile::open(path, key) {
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
    Ok(writer.finish()?)
}

/// A key for files whose hash is not known: their lengths, modification times and first megabytes, where a GGUF file has its metadata.
pub fn key(files: &[PathBuf]) -> Result<[u8; 32], LoadError> {
    let mut hash = Sha256::new();
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
        let mut head = Vec::new();
        File::open(path)
            .and_then(|file| file.take(HEAD).read_to_end(&mut head))
            .map_err(failed)?;
        hash.update(&head);
    }
    Ok(hash.finalize().into())
}
