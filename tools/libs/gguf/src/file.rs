use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use crate::error::{Error, Malformed};
use crate::index::Index;
use crate::metadata::Metadata;
use crate::tensor::{TensorInfo, TensorView};

/// A model file, checked and mapped into memory.
#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
    map: Arc<Mmap>,
    index: Index,
}

impl File {
    /// Opens, maps and checks a file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = std::fs::File::open(path).map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        let map = map(&file).map_err(|source| Error::Map {
            path: path.to_owned(),
            source,
        })?;
        let index = Index::parse(&map).map_err(|source| Error::Malformed {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self {
            path: path.to_owned(),
            map: Arc::new(map),
            index,
        })
    }

    /// Parses the header of a file whose bytes are in memory.
    pub fn parse(bytes: &[u8]) -> Result<Index, Malformed> {
        Index::parse(bytes)
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The parsed header.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The version of the format: 2 or 3.
    pub fn version(&self) -> u32 {
        self.index.version()
    }

    /// The metadata of the model.
    pub fn metadata(&self) -> &Metadata {
        self.index.metadata()
    }

    /// The tensors in the order of the file.
    pub fn tensors(&self) -> &[TensorInfo] {
        self.index.tensors()
    }

    /// The tensor of this name, with its bytes.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let info = self.index.tensor(name)?;
        Some(TensorView {
            info,
            bytes: &self.map[info.range.clone()],
        })
    }

    /// Frees the pages of a tensor that has been copied; otherwise they stay resident beside the copy as long as the file
    /// is mapped. The next access reads them from the file again.
    pub fn release(&self, name: &str) -> std::io::Result<()> {
        self.index
            .tensor(name)
            .map_or(Ok(()), |info| release(&self.map, info.range.clone()))
    }

    /// The map of the whole file, for callers that keep ranges of it.
    pub fn map(&self) -> Arc<Mmap> {
        Arc::clone(&self.map)
    }
}

#[allow(unsafe_code, reason = "the one mapping of the crate")]
fn map(file: &std::fs::File) -> std::io::Result<Mmap> {
    // SAFETY: The map is only read. If the file were modified, its bytes would change, which no user of the weights
    // depends on; if it were truncated, an access would end the process with SIGBUS. Model files are written under another
    // name, renamed when complete, and removed rather than modified, so neither happens to a file in use unless root does it.
    unsafe { Mmap::map(file) }
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "madvise")]
fn release(map: &Mmap, range: std::ops::Range<usize>) -> std::io::Result<()> {
    // SAFETY: The map is a shared, read-only map of a file: freed pages are read from the file again at the next access,
    // with the same bytes, so slices of the map stay valid. The range lies in the map, as the index was checked against it.
    unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) }
}

#[cfg(not(unix))]
fn release(_: &Mmap, _: std::ops::Range<usize>) -> std::io::Result<()> {
    Ok(())
}
