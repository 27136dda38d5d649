//! A read-only FAT32 reader (Microsoft's FAT specification of 2000), enough to find a file on an EFI system partition.
//! Names are long or short ones, compared without case. Everything is bounds-checked: an image may come from anywhere.

use std::io;

use sigmavault_verity::source::ReadAt;

use crate::bytes::bytes_at;

/// Largest allocation table that is read: that of 8 GiB in clusters of 512 bytes.
const TABLE_MAX: u64 = 64 << 20;
/// Largest folder that is read.
const FOLDER_MAX: u64 = 2 << 20;
/// Bytes of a directory entry.
const ENTRY: usize = 32;
/// Attribute of a folder.
const FOLDER: u8 = 0x10;
/// Attribute of a volume label.
const LABEL: u8 = 0x08;
/// Attributes of a part of a long name.
const LONG_NAME: u8 = 0x0F;
/// From here on a table's entry ends its chain.
const END: u32 = 0x0FFF_FFF8;

/// Why something could not be read from a file system.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// The image failed.
    #[error("it cannot be read at byte {at}: {source}")]
    Read {
        /// Where.
        at: u64,
        /// Why not.
        source: io::Error,
    },
    /// Another file system, or none.
    #[error("it is not a FAT32 file system")]
    NotFat32,
    /// Something impossible in it.
    #[error("its file system is damaged: {0}")]
    Damaged(&'static str),
    /// No such file or folder.
    #[error("there is no {0} on it")]
    NotFound(String),
}

/// A FAT32 file system.
#[derive(Debug)]
pub struct Fat32<'a, S: ?Sized> {
    disk: &'a S,
    cluster_bytes: u64,
    data_at: u64,
    root: u32,
    /// The allocation table: for each cluster the one that follows it.
    next: Vec<u32>,
}

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its size in bytes; 0 for a folder.
    pub size: u32,
    first: u32,
}

/// The bytes of a file.
#[derive(Debug)]
pub struct Content<'a, S: ?Sized> {
    disk: &'a S,
    /// Where runs of its bytes begin on the disk, and their lengths, in their order.
    runs: Vec<(u64, u64)>,
    size: u64,
}

impl<'a, S: ReadAt + ?Sized> Fat32<'a, S> {
    /// Reads the boot sector and the allocation table.
    pub fn open(disk: &'a S) -> Result<Self, FatError> {
        let mut boot = [0; 512];
        disk.read_exact_at(&mut boot, 0).map_err(failed(0))?;
        let sector = u64::from(u16_at(&boot, 11));
        let per_cluster = u64::from(boot[13]);
        let reserved = u64::from(u16_at(&boot, 14));
        let tables = u64::from(boot[16]);
        let table_bytes = u64::from(u32_at(&boot, 36)) * sector;
        // FAT12 and FAT16 have a root folder of fixed size and a 16-bit length of the table.
        let is_fat32 = boot[510..] == [0x55, 0xAA]
            && [512, 1024, 2048, 4096].contains(&sector)
            && per_cluster.is_power_of_two()
            && reserved > 0
            && tables > 0
            && u16_at(&boot, 17) == 0
            && u16_at(&boot, 22) == 0
            && table_bytes > 0;
        if !is_fat32 {
            return Err(FatError::NotFat32);
        }
        if table_bytes > TABLE_MAX {
            return Err(FatError::Damaged("its allocation table is impossibly large"));
        }
        let table_at = reserved * sector;
        let mut table = vec![0; usize::try_from(table_bytes).unwrap_or(0)];
        disk.read_exact_at(&mut table, table_at)
            .map_err(failed(table_at))?;
        let next = table
            .chunks_exact(4)
            .map(|entry| u32_at(entry, 0) & 0x0FFF_FFFF)
            .collect();
        Ok(Self {
            disk,
            cluster_bytes: per_cluster * sector,
            data_at: table_at + tables * table_bytes,
            root: u32_at(&boot, 44),
            next,
        })
    }

    /// The entry of a path; `None` when it is not there.
    pub fn find(&self, path: &str) -> Result<Option<Entry>, FatError> {
        let mut entry = Entry {
            name: String::new(),
            folder: true,
            size: 0,
            first: self.root,
        };
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let inside = self.list(&entry)?;
            let Some(found) = inside
                .into_iter()
                .find(|inside| inside.name.eq_ignore_ascii_case(part))
            else {
                return Ok(None);
            };
            entry = found;
        }
        Ok(Some(entry))
    }

    /// What stands in the folder of this path.
    pub fn folder(&self, path: &str) -> Result<Vec<Entry>, FatError> {
        match self.find(path)? {
            Some(entry) if entry.folder => self.list(&entry),
            _ => Err(FatError::NotFound(format!("folder {path}"))),
        }
    }

    /// The bytes of a file.
    pub fn content(&self, entry: &Entry) -> Result<Content<'a, S>, FatError> {
        let size = u64::from(entry.size);
        let runs = if size == 0 {
            Vec::new()
        } else {
            self.runs(entry.first)?
        };
        if runs.iter().map(|(_, len)| len).sum::<u64>() < size {
            return Err(FatError::Damaged("a file ends before its size"));
        }
        Ok(Content {
            disk: self.disk,
            runs,
            size,
        })
    }

    fn list(&self, folder: &Entry) -> Result<Vec<Entry>, FatError> {
        if !folder.folder {
            return Ok(Vec::new());
        }
        let runs = self.runs(folder.first)?;
        let size = runs.iter().map(|(_, len)| len).sum::<u64>();
        if size > FOLDER_MAX {
            return Err(FatError::Damaged("a folder is impossibly large"));
        }
        let content = Content {
            disk: self.disk,
            runs,
            size,
        };
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        content.read_exact_at(&mut bytes, 0).map_err(failed(0))?;
        Ok(entries(&bytes))
    }

    /// Where the chain of clusters from this one on lies, neighbours put together.
    fn runs(&self, first: u32) -> Result<Vec<(u64, u64)>, FatError> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        let mut cluster = first;
        for _ in 0..self.next.len() {
            let known = self.next.get(cluster as usize).filter(|_| cluster >= 2);
            let next = *known.ok_or(FatError::Damaged("a chain of clusters leaves the file system"))?;
            let at = self.data_at + u64::from(cluster - 2) * self.cluster_bytes;
            match runs.last_mut() {
                Some((start, len)) if *start + *len == at => *len += self.cluster_bytes,
                _ => runs.push((at, self.cluster_bytes)),
            }
            if next >= END {
                return Ok(runs);
            }
            cluster = next;
        }
        Err(FatError::Damaged("a chain of clusters has no end"))
    }
}

impl<S: ?Sized> Content<'_, S> {
    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl<S: ReadAt + ?Sized> ReadAt for Content<'_, S> {
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        if at
            .checked_add(buffer.len() as u64)
            .is_none_or(|end| end > self.size)
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut skip, mut rest) = (at, buffer);
        for (start, len) in &self.runs {
            if skip >= *len {
                skip -= len;
                continue;
            }
            let here = usize::try_from(len - skip).map_or(rest.len(), |here| here.min(rest.len()));
            let (part, after) = rest.split_at_mut(here);
            self.disk.read_exact_at(part, start + skip)?;
            (skip, rest) = (0, after);
            if rest.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// The entries of a folder's bytes, without `.`, `..` and the volume's label.
fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut long = LongName::default();
    for entry in bytes.chunks_exact(ENTRY) {
        match entry[0] {
            0 => break,
            0xE5 => {
                long = LongName::default();
                continue;
            }
            _ => {}
        }
        if entry[11] & 0x3F == LONG_NAME {
            long.add(entry);
            continue;
        }
        let name = std::mem::take(&mut long)
            .of(entry)
            .unwrap_or_else(|| short_name(entry));
        if entry[11] & LABEL == 0 && name != "." && name != ".." {
            found.push(Entry {
                name,
                folder: entry[11] & FOLDER != 0,
                size: u32_at(entry, 28),
                first: u32::from(u16_at(entry, 20)) << 16 | u32::from(u16_at(entry, 26)),
            });
        }
    }
    found
}

/// A name longer than 8.3: entries before the short one, the last part first.
#[derive(Debug, Default)]
struct LongName {
    units: Vec<u16>,
    checksum: u8,
}

impl LongName {
    fn add(&mut self, entry: &[u8]) {
        if entry[0] & 0x40 != 0 {
            *self = Self {
                units: Vec::new(),
                checksum: entry[13],
            };
        }
        let places = [1..11, 14..26, 28..32];
        let units = places
            .into_iter()
            .flat_map(|place| entry[place].chunks_exact(2))
            .map(|unit| u16_at(unit, 0));
        self.units = units.chain(self.units.drain(..)).collect();
    }

    /// The name, when it belongs to this short entry.
    fn of(self, short: &[u8]) -> Option<String> {
        let sum = short[..11]
            .iter()
            .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if self.units.is_empty() || self.checksum != sum {
            return None;
        }
        let name = self.units.split(|unit| *unit == 0).next().unwrap_or_default();
        Some(String::from_utf16_lossy(name))
    }
}

/// `BOOTX64 EFI` as `BOOTX64.EFI`.
fn short_name(entry: &[u8]) -> String {
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (name, ending) = (part(&entry[..8]), part(&entry[8..11]));
    if ending.is_empty() {
        name
    } else {
        format!("{name}.{ending}")
    }
}

/// For `map_err` on a read.
fn failed(at: u64) -> impl FnOnce(io::Error) -> FatError {
    move |source| FatError::Read { at, source }
}

fn u16_at(from: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(from, at))
}

fn u32_at(from: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(from, at))
}

#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;
