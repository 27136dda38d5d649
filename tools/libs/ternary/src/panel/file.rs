//! The packed weights of a model as a file beside it, used in place through a map.
#![allow(unsafe_code)] // the map

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::directory::{self, ALIGNMENT, Entry, Fault, HEADER};
use super::mapping::Mapping;
use super::matrix::PanelMatrix;
use crate::bytes::Bytes;

/// Why a packed file could not be written or used.
#[derive(Debug, thiserror::Error)]
pub enum PanelFileError {
    /// A system call failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The operation.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a packed file, or a damaged one. If deleted, it is packed again.
    #[error("{} is not a packed file, or is damaged ({reason}); delete it, and it will be packed again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A packed file of another model or version: it must be packed again.
    #[error("{} was packed from other weights or by another version; it must be packed again", path.display())]
    Stale {
        /// The file.
        path: PathBuf,
    },
    /// A name given twice, or too long.
    #[error("{name:?} cannot be added to {}: it exists already, or is longer than 65535 bytes", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
}

/// An open packed file: matrices by name.
#[derive(Debug)]
pub struct PanelFile {
    path: PathBuf,
    map: Arc<Mapping>,
    entries: BTreeMap<String, Entry>,
}

impl PanelFile {
    /// Opens the packed file of the model whose hash is `key`. The directory is checked, the weights are not read; see
    /// [`PanelFile::verify`].
    pub fn open(path: &Path, key: &[u8; 32]) -> Result<Self, PanelFileError> {
        let io = |action, source| PanelFileError::Io {
            action,
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(|source| io("open", source))?;
        // SAFETY: packed files are written under another name and renamed, never modified in place, in the service's own folder.
        // Any content is valid, as every bit pattern is a code or a scale.
        let map = unsafe { Mapping::new(file) }.map_err(|source| io("map", source))?;
        let entries = match directory::read(&map, key) {
            Ok(entries) => entries,
            Err(Fault::Stale) => {
                return Err(PanelFileError::Stale {
                    path: path.to_owned(),
                });
            }
            Err(Fault::Damaged(reason)) => {
                return Err(PanelFileError::Damaged {
                    path: path.to_owned(),
                    reason,
                });
            }
        };
        Ok(Self {
            path: path.to_owned(),
            map: Arc::new(map),
            entries,
        })
    }

    /// Begins a packed file; [`PanelWriter::finish`] puts it in place.
    pub fn create(path: &Path, key: &[u8; 32]) -> Result<PanelWriter, PanelFileError> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let io = |source| PanelFileError::Io {
            action: "write beside",
            path: path.to_owned(),
            source,
        };
        let file = tempfile::Builder::new()
            .prefix(".packing-")
            .tempfile_in(folder)
            .map_err(io)?;
        let mut writer = PanelWriter {
            path: path.to_owned(),
            folder: folder.to_owned(),
            key: *key,
            out: BufWriter::with_capacity(1 << 20, file),
            at: 0,
            entries: BTreeMap::new(),
        };
        writer.put(&[0; HEADER])?;
        Ok(writer)
    }

    /// The names of the matrices, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Its map in memory.
    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.map
    }

    /// A matrix on the map, without copying.
    pub fn matrix(&self, name: &str) -> Option<PanelMatrix> {
        let entry = self.entries.get(name)?;
        let start = usize::try_from(entry.offset).ok()?;
        let range = start..start + usize::try_from(entry.length).ok()?;
        Some(PanelMatrix::new(
            Bytes::Panels {
                map: Arc::clone(&self.map),
                range,
            },
            entry.layout,
        ))
    }

    /// Reads all weights and compares their checksums.
    pub fn verify(&self) -> Result<(), PanelFileError> {
        for name in self.entries.keys() {
            let found = self.matrix(name).map(|matrix| crc32fast::hash(matrix.packed()));
            if found != self.entries.get(name).map(|entry| entry.crc) {
                let reason = format!("the checksum of {name:?} is another");
                return Err(PanelFileError::Damaged {
                    path: self.path.clone(),
                    reason,
                });
            }
        }
        Ok(())
    }
}

/// A packed file being written. If dropped before [`PanelWriter::finish`], nothing remains of it.
#[derive(Debug)]
pub struct PanelWriter {
    path: PathBuf,
    folder: PathBuf,
    key: [u8; 32],
    out: BufWriter<NamedTempFile>,
    at: u64,
    entries: BTreeMap<String, Entry>,
}

impl PanelWriter {
    /// Adds a matrix.
    pub fn add(&mut self, name: &str, matrix: &PanelMatrix) -> Result<(), PanelFileError> {
        if name.len() > usize::from(u16::MAX) || self.entries.contains_key(name) {
            return Err(PanelFileError::Name {
                path: self.path.clone(),
                name: name.to_owned(),
            });
        }
        let padding = self.at.next_multiple_of(ALIGNMENT) - self.at;
        self.put(&[0; ALIGNMENT as usize][..padding as usize])?;
        let data = matrix.packed();
        let entry = Entry {
            layout: *matrix.layout(),
            offset: self.at,
            length: data.len() as u64,
            crc: crc32fast::hash(data),
        };
        self.put(data)?;
        self.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Writes the directory, flushes the file to disk, gives it its name, and opens it.
    pub fn finish(mut self) -> Result<PanelFile, PanelFileError> {
        let start = self.at;
        let directory = directory::write(&self.entries);
        self.put(&directory)?;
        let header = directory::header(self.entries.len(), &self.key, start, &directory);
        let Self {
            path,
            folder,
            key,
            mut out,
            ..
        } = self;
        let io = |action, source| PanelFileError::Io {
            action,
            path: path.clone(),
            source,
        };
        out.seek(SeekFrom::Start(0))
            .map_err(|source| io("write", source))?;
        out.write_all(&header).map_err(|source| io("write", source))?;
        let file = out
            .into_inner()
            .map_err(|error| io("write", error.into_error()))?;
        file.as_file()
            .sync_all()
            .map_err(|source| io("write to disk", source))?;
        file.persist(&path).map_err(|error| io("name", error.error))?;
        // The name must survive a power cut, too.
        let folder = File::open(folder).and_then(|folder| folder.sync_all());
        folder.map_err(|source| io("write to disk the name of", source))?;
        PanelFile::open(&path, &key)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), PanelFileError> {
        self.out.write_all(bytes).map_err(|source| PanelFileError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{PanelFile, PanelFileError};
    use crate::panel::{Encoding, PanelMatrix};

    const KEY: [u8; 32] = [7; 32];

    fn matrix(seed: u8) -> PanelMatrix {
        let bytes: Vec<u8> = (0..20 * 3 * 18_u32)
            .map(|i| (i as u8).wrapping_mul(seed) & 0x3b)
            .collect();
        PanelMatrix::pack(Encoding::Q2_0 { group: 64 }, &bytes, 20, 192, None).unwrap()
    }

    fn rows(matrix: &PanelMatrix) -> Vec<Vec<f32>> {
        (0..matrix.rows())
            .map(|row| {
                let mut out = vec![0.0; matrix.cols()];
                matrix.row_f32(row, &mut out);
                out
            })
            .collect()
    }

    #[test]
    fn what_was_written_is_read_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.panels");
        let mut writer = PanelFile::create(&path, &KEY).unwrap();
        let tensor = PanelMatrix::pack(Encoding::BitnetPacked, &[0x24; 30], 8, 15, Some(0.5)).unwrap();
        writer.add("b", &matrix(5)).unwrap();
        writer.add("a", &tensor).unwrap();
        assert!(matches!(
            writer.add("a", &tensor),
            Err(PanelFileError::Name { .. })
        ));
        assert!(!path.exists());
        let file = writer.finish().unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(rows(&file.matrix("b").unwrap()), rows(&matrix(5)));
        assert_eq!(rows(&file.matrix("a").unwrap()), rows(&tensor));
        assert!(file.matrix("c").is_none());
        file.verify().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn other_weights_and_damage_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.panels");
        let mut writer = PanelFile::create(&path, &KEY).unwrap();
        writer.add("w", &matrix(3)).unwrap();
        writer.finish().unwrap();
        assert!(matches!(
            PanelFile::open(&path, &[8; 32]),
            Err(PanelFileError::Stale { .. })
        ));
        let good = fs::read(&path).unwrap();
        for length in 0..good.len() {
            if length % 97 != 0 && length < good.len() - 80 {
                continue;
            }
            fs::write(&path, &good[..length]).unwrap();
            assert!(PanelFile::open(&path, &KEY).is_err(), "cut to {length}");
        }
        let mut bad = good.clone();
        bad[4096 + 100] ^= 1;
        fs::write(&path, &bad).unwrap();
        let error = PanelFile::open(&path, &KEY).unwrap().verify().unwrap_err();
        assert!(
            error.to_string().contains("the checksum of \"w\" is another"),
            "{error}"
        );
    }

    #[test]
    fn a_directory_of_any_content_is_refused_or_safe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.panels");
        let mut writer = PanelFile::create(&path, &KEY).unwrap();
        writer.add("w", &matrix(3)).unwrap();
        writer.finish().unwrap();
        let good = fs::read(&path).unwrap();
        let start = u64::from_le_bytes(good[48..56].try_into().unwrap()) as usize;
        for at in start..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let crc = crc32fast::hash(&bad[start..]);
                bad[60..64].copy_from_slice(&crc.to_le_bytes());
                fs::write(&path, &bad).unwrap();
                if let Ok(file) = PanelFile::open(&path, &KEY) {
                    for name in file.names() {
                        rows(&file.matrix(name).unwrap());
                    }
                }
            }
        }
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = PanelFile::create(&folder.path().join("w"), &KEY).unwrap();
        writer.add("w", &matrix(3)).unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
