//! Reading files from FAT12, FAT16 and FAT32 (Microsoft's specification of 2000) with long names, compared without case.
//!
//! The kind follows from the number of clusters, as the specification says and as the boot loader does: a file system made as
//! FAT32 with fewer than 65525 clusters is read as FAT16, and nothing is found on it (raspberrypi/rpi-eeprom#818). All
//! places and lengths are checked, and chains end: an image may have been cut in the middle of a write.

use std::io::{self, Read, Seek, SeekFrom};

use crate::bytes::{u16_at, u32_at};

/// Fewest clusters of FAT16 and of FAT32.
const FAT16_MIN: u64 = 4085;
const FAT32_MIN: u64 = 65525;
/// Largest allocation table that is read: that of 2 GiB in clusters of 512 bytes.
const TABLE_MAX: u64 = 16 << 20;
/// Largest folder that is read.
const FOLDER_MAX: usize = 2 << 20;
/// Bytes of a directory entry.
const ENTRY: usize = 32;
const FOLDER: u8 = 0x10;
const LABEL: u8 = 0x08;
const LONG_NAME: u8 = 0x0F;

/// Why a partition could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// The disk failed.
    #[error("the disk cannot be read at byte {at}: {source}")]
    Read {
        /// Where.
        at: u64,
        /// Why not.
        source: io::Error,
    },
    /// Another file system, or none.
    #[error("the partition is not FAT")]
    NotFat,
    /// Made as FAT32, too small for it.
    #[error(
        "the partition was formatted as FAT32 but has only {clusters} clusters; the firmware takes it for FAT16. Format it \
         with smaller clusters, so that it has at least 65525"
    )]
    TooSmall {
        /// How many it has.
        clusters: u64,
    },
    /// Something impossible in it.
    #[error("the file system is damaged: {0}")]
    Damaged(&'static str),
}

/// Which kind of FAT it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Twelve bits for a cluster.
    Fat12,
    /// Sixteen bits.
    Fat16,
    /// Thirty-two bits, of which 28 count.
    Fat32,
}

/// A file system on part of a disk.
#[derive(Debug)]
pub struct Fat<'a, S> {
    disk: &'a mut S,
    kind: Kind,
    cluster_bytes: u64,
    /// Where cluster 2 begins on the disk.
    data_at: u64,
    root: Root,
    /// For each cluster the one that follows it; `None` ends a chain.
    next: Vec<Option<u32>>,
}

/// Where the root folder is.
#[derive(Debug, Clone, Copy)]
enum Root {
    /// In front of the clusters: place and length.
    Fixed(u64, usize),
    /// In a chain of clusters.
    Chain(u32),
}

/// A file or folder.
#[derive(Debug, Clone)]
struct Entry {
    name: String,
    folder: bool,
    size: u32,
    first: u32,
}

impl<'a, S: Read + Seek> Fat<'a, S> {
    /// Reads the boot sector and the allocation table of the file system that begins at byte `start` of the disk and has at
    /// most `bytes` bytes.
    pub fn open(disk: &'a mut S, start: u64, bytes: u64) -> Result<Self, FatError> {
        if bytes < 512 {
            return Err(FatError::NotFat);
        }
        let mut boot = [0; 512];
        read_at(disk, start, &mut boot)?;
        let sector = u64::from(u16_at(&boot, 11));
        let per_cluster = u64::from(boot[13]);
        let reserved = u64::from(u16_at(&boot, 14));
        let tables = u64::from(boot[16]);
        let root_entries = u64::from(u16_at(&boot, 17));
        let short_table = u64::from(u16_at(&boot, 22));
        let either = |short: u64, long: usize| match short {
            0 => u64::from(u32_at(&boot, long)),
            short => short,
        };
        let sectors = either(u64::from(u16_at(&boot, 19)), 32);
        let table_sectors = either(short_table, 36);
        let is_fat = boot[510..] == [0x55, 0xAA]
            && [512, 1024, 2048, 4096].contains(&sector)
            && per_cluster.is_power_of_two()
            && reserved > 0
            && (1..=2).contains(&tables)
            && table_sectors > 0;
        if !is_fat {
            return Err(FatError::NotFat);
        }
        if sectors * sector > bytes {
            return Err(FatError::Damaged("it is larger than its partition"));
        }
        let root_sectors = (root_entries * ENTRY as u64).div_ceil(sector);
        let before = reserved + tables * table_sectors + root_sectors;
        let clusters = sectors
            .checked_sub(before)
            .ok_or(FatError::Damaged("its tables do not fit"))?
            / per_cluster;
        let kind = match clusters {
            count if count < FAT16_MIN => Kind::Fat12,
            count if count < FAT32_MIN => Kind::Fat16,
            _ => Kind::Fat32,
        };
        match (kind, root_entries) {
            (Kind::Fat32, 0) if short_table == 0 => {}
            (Kind::Fat12 | Kind::Fat16, 1..) if short_table > 0 => {}
            (Kind::Fat12 | Kind::Fat16, 0) => return Err(FatError::TooSmall { clusters }),
            _ => return Err(FatError::Damaged("its kind does not fit its number of clusters")),
        }
        let table_bytes = table_sectors * sector;
        if table_bytes > TABLE_MAX {
            return Err(FatError::Damaged("its allocation table is impossibly large"));
        }
        let mut table = vec![0; size(table_bytes)];
        read_at(disk, start + reserved * sector, &mut table)?;
        let root_at = start + (reserved + tables * table_sectors) * sector;
        Ok(Self {
            disk,
            kind,
            cluster_bytes: per_cluster * sector,
            data_at: start + before * sector,
            root: match kind {
                Kind::Fat32 => Root::Chain(u32_at(&boot, 44)),
                _ => Root::Fixed(root_at, size(root_sectors * sector)),
            },
            next: chains(kind, &table, size(clusters) + 2),
        })
    }

    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes of a file; `None` when there is none of this path. Folders are separated by `/`.
    pub fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, FatError> {
        match self.find(path)? {
            Some(entry) if !entry.folder => self.content(&entry).map(Some),
            _ => Ok(None),
        }
    }

    /// The size of a file; `None` when there is none of this path.
    pub fn size(&mut self, path: &str) -> Result<Option<u64>, FatError> {
        let entry = self.find(path)?.filter(|entry| !entry.folder);
        Ok(entry.map(|entry| u64::from(entry.size)))
    }

    fn find(&mut self, path: &str) -> Result<Option<Entry>, FatError> {
        let mut inside = self.root_entries()?;
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let Some(entry) = inside
                .into_iter()
                .find(|entry| entry.name.eq_ignore_ascii_case(part))
            else {
                return Ok(None);
            };
            if parts.peek().is_none() {
                return Ok(Some(entry));
            }
            if !entry.folder {
                return Ok(None);
            }
            inside = entries(&self.chain(entry.first, FOLDER_MAX)?, self.kind);
        }
        Ok(None)
    }

    fn root_entries(&mut self) -> Result<Vec<Entry>, FatError> {
        let bytes = match self.root {
            Root::Chain(first) => self.chain(first, FOLDER_MAX)?,
            Root::Fixed(at, length) => {
                let mut bytes = vec![0; length];
                read_at(self.disk, at, &mut bytes)?;
                bytes
            }
        };
        Ok(entries(&bytes, self.kind))
    }

    fn content(&mut self, entry: &Entry) -> Result<Vec<u8>, FatError> {
        let length = size(u64::from(entry.size));
        if length == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = self.chain(entry.first, length)?;
        if bytes.len() < length {
            return Err(FatError::Damaged("a file ends before its size"));
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The bytes of a chain of clusters, whole clusters up to at least `wanted` bytes where the chain is that long.
    fn chain(&mut self, first: u32, wanted: usize) -> Result<Vec<u8>, FatError> {
        let leaves = FatError::Damaged("a chain of clusters leaves the file system");
        let (mut bytes, mut cluster) = (Vec::new(), first);
        // A chain with more links than there are clusters comes back to itself.
        for _ in 0..self.next.len() {
            let Some(next) = self.next.get(cluster as usize).filter(|_| cluster >= 2) else {
                return Err(leaves);
            };
            let at = self.data_at + u64::from(cluster - 2) * self.cluster_bytes;
            let from = bytes.len();
            bytes.resize(from + size(self.cluster_bytes), 0);
            read_at(self.disk, at, &mut bytes[from..])?;
            match next {
                Some(next) if bytes.len() < wanted => cluster = *next,
                _ => return Ok(bytes),
            }
        }
        Err(FatError::Damaged("a chain of clusters has no end"))
    }
}

/// For each cluster the one that follows it.
fn chains(kind: Kind, table: &[u8], count: usize) -> Vec<Option<u32>> {
    let entry = |nth: usize| match kind {
        Kind::Fat12 => {
            let both = u32::from(u16_at(table, nth + nth / 2));
            if nth.is_multiple_of(2) {
                both & 0xFFF
            } else {
                both >> 4
            }
        }
        Kind::Fat16 => u32::from(u16_at(table, nth * 2)),
        Kind::Fat32 => u32_at(table, nth * 4) & 0x0FFF_FFFF,
    };
    let end = match kind {
        Kind::Fat12 => 0xFF8,
        Kind::Fat16 => 0xFFF8,
        Kind::Fat32 => 0x0FFF_FFF8,
    };
    let held = match kind {
        Kind::Fat12 => table.len() * 2 / 3,
        Kind::Fat16 => table.len() / 2,
        Kind::Fat32 => table.len() / 4,
    };
    (0..count.min(held))
        .map(|nth| Some(entry(nth)).filter(|next| *next < end))
        .collect()
}

/// The entries of a folder's bytes, without `.`, `..` and the volume's label.
fn entries(bytes: &[u8], kind: Kind) -> Vec<Entry> {
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
        if entry[11] & LABEL != 0 || name == "." || name == ".." {
            continue;
        }
        let high = if kind == Kind::Fat32 { u16_at(entry, 20) } else { 0 };
        found.push(Entry {
            name,
            folder: entry[11] & FOLDER != 0,
            size: u32_at(entry, 28),
            first: u32::from(high) << 16 | u32::from(u16_at(entry, 26)),
        });
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

/// `CONFIG  TXT` as `CONFIG.TXT`.
fn short_name(entry: &[u8]) -> String {
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (name, ending) = (part(&entry[..8]), part(&entry[8..11]));
    if ending.is_empty() {
        name
    } else {
        format!("{name}.{ending}")
    }
}

fn read_at(disk: &mut (impl Read + Seek), at: u64, into: &mut [u8]) -> Result<(), FatError> {
    disk.seek(SeekFrom::Start(at))
        .and_then(|_| disk.read_exact(into))
        .map_err(|source| FatError::Read { at, source })
}

/// A length as one of memory; what does not fit is too large in any case.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "fat_tests.rs"]
mod tests;
