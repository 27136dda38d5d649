//! A read-only ISO 9660 reader (ECMA-119), enough to take one small file out of an ISO: the primary volume
//! descriptor, directory records, and Rock Ridge `NM` names with their continuations. Names without Rock Ridge are
//! lower-cased and lose their version. Everything is bounds-checked: an ISO may come from anywhere.

use std::io::{Read, Seek, SeekFrom};

/// Logical sector.
pub const SECTOR: u64 = 2048;

/// Descriptors begin here.
const FIRST_DESCRIPTOR: u64 = 16;
/// Descriptors looked at before giving up; real ISOs have two to four.
const DESCRIPTORS: u64 = 32;
/// Largest directory read.
const DIRECTORY_MAX: u32 = 8 << 20;
/// Rock Ridge continuations followed for one record.
const CONTINUATIONS: usize = 16;

/// Why something could not be read from an ISO.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    /// No volume descriptor.
    #[error("not an ISO 9660 file: no volume descriptor at sector 16")]
    NotIso,
    /// The medium failed.
    #[error("cannot read the ISO at byte {at}")]
    Io {
        /// Where.
        at: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The file ends before something it contains.
    #[error("{what} lies beyond the end of the file")]
    Short {
        /// What was to be read.
        what: String,
    },
    /// Something impossible in it.
    #[error("the ISO is damaged: {0}")]
    Damaged(&'static str),
    /// No such file or folder.
    #[error("there is no {0} in the ISO")]
    NotFound(String),
    /// Larger than the caller takes.
    #[error("{path} has {size} bytes, more than the {limit} expected")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
}

/// What the primary volume descriptor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Volume id, without its padding.
    pub id: String,
    /// Size of the volume in bytes.
    pub size: u64,
    root: Entry,
}

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its size in bytes.
    pub size: u32,
    sector: u32,
    continues: bool,
}

impl Volume {
    /// Finds and reads the primary volume descriptor.
    pub fn read(disk: &mut (impl Read + Seek)) -> Result<Self, IsoError> {
        for nth in 0..DESCRIPTORS {
            let descriptor = match take(
                disk,
                (FIRST_DESCRIPTOR + nth) * SECTOR,
                2048,
                "a volume descriptor",
            ) {
                Err(IsoError::Short { .. }) => return Err(IsoError::NotIso),
                other => other?,
            };
            if descriptor.get(1..6) != Some(b"CD001") {
                return Err(IsoError::NotIso);
            }
            match descriptor.first() {
                Some(1) => return Self::parse(&descriptor),
                Some(255) => break,
                _ => {}
            }
        }
        Err(IsoError::Damaged("there is no primary volume descriptor"))
    }

    fn parse(descriptor: &[u8]) -> Result<Self, IsoError> {
        if u16_at(descriptor, 128) != Some(2048) {
            return Err(IsoError::Damaged("its logical blocks do not have 2048 bytes"));
        }
        let blocks = u32_at(descriptor, 80).unwrap_or(0);
        let id = String::from_utf8_lossy(descriptor.get(40..72).unwrap_or_default());
        let root = descriptor
            .get(156..190)
            .and_then(|record| Record::parse(record, 0));
        let root = root
            .ok_or(IsoError::Damaged("its root directory record is broken"))?
            .entry;
        Ok(Self {
            id: id.trim_end_matches([' ', '\0']).to_owned(),
            size: u64::from(blocks) * SECTOR,
            root,
        })
    }

    /// Reads a file of at most `limit` bytes.
    pub fn file(&self, disk: &mut (impl Read + Seek), path: &str, limit: u64) -> Result<Vec<u8>, IsoError> {
        let entry = self.find(disk, path)?;
        if entry.folder {
            return Err(IsoError::NotFound(format!("file {path} (it is a folder)")));
        }
        if entry.continues || u64::from(entry.size) > limit {
            return Err(IsoError::TooLarge {
                path: path.to_owned(),
                size: entry.size.into(),
                limit,
            });
        }
        take(disk, u64::from(entry.sector) * SECTOR, entry.size, path)
    }

    /// The entry of a path.
    pub fn find(&self, disk: &mut (impl Read + Seek), path: &str) -> Result<Entry, IsoError> {
        let missing = || IsoError::NotFound(path.to_owned());
        let mut entry = self.root.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let inside = self.list(disk, &entry)?;
            entry = inside
                .into_iter()
                .find(|entry| entry.name == part)
                .ok_or_else(missing)?;
        }
        Ok(entry)
    }

    /// What stands in a folder, without `.` and `..`.
    pub fn list(&self, disk: &mut (impl Read + Seek), folder: &Entry) -> Result<Vec<Entry>, IsoError> {
        if !folder.folder {
            return Ok(Vec::new());
        }
        if folder.size > DIRECTORY_MAX {
            return Err(IsoError::Damaged("a directory is impossibly large"));
        }
        let skip = self.susp_skip(disk)?;
        let bytes = take(
            disk,
            u64::from(folder.sector) * SECTOR,
            folder.size,
            "a directory",
        )?;
        let mut entries = Vec::new();
        // A record never crosses a sector; a zero length ends the sector.
        for sector in bytes.chunks(2048) {
            let mut rest = sector;
            while let Some(length) = rest
                .first()
                .map(|length| usize::from(*length))
                .filter(|length| *length > 0)
            {
                let Some((record, after)) = rest.split_at_checked(length) else {
                    return Err(IsoError::Damaged("a directory record crosses its sector"));
                };
                let parsed = Record::parse(record, skip);
                let parsed =
                    parsed.ok_or(IsoError::Damaged("a directory record is too short for its name"))?;
                if !parsed.own_or_parent {
                    entries.push(parsed.named(disk)?);
                }
                rest = after;
            }
        }
        Ok(entries)
    }

    /// Bytes before each system use field, which the root's first record tells (SUSP `SP`).
    fn susp_skip(&self, disk: &mut (impl Read + Seek)) -> Result<usize, IsoError> {
        let bytes = take(
            disk,
            u64::from(self.root.sector) * SECTOR,
            self.root.size.min(256),
            "the root directory",
        )?;
        let length = bytes.first().map_or(0, |length| usize::from(*length));
        let first = bytes.get(..length).and_then(|record| Record::parse(record, 0));
        let area = first.map(|record| record.system_use).unwrap_or_default();
        Ok(match area.get(..7) {
            Some([b'S', b'P', 7, _, 0xBE, 0xEF, skip]) => usize::from(*skip),
            _ => 0,
        })
    }
}

/// One directory record, its name not yet looked for in the system use field.
struct Record {
    entry: Entry,
    own_or_parent: bool,
    system_use: Vec<u8>,
}

impl Record {
    fn parse(record: &[u8], skip: usize) -> Option<Self> {
        let flags = *record.get(25)?;
        let length = usize::from(*record.get(32)?);
        let name = record.get(33..33 + length)?;
        // The name is padded to an even offset.
        let after = 33 + length + usize::from(length % 2 == 0) + skip;
        Some(Self {
            entry: Entry {
                name: plain_name(name),
                folder: flags & 2 != 0,
                size: u32_at(record, 10)?,
                sector: u32_at(record, 2)?.checked_add(u32::from(*record.get(1)?))?,
                continues: flags & 0x80 != 0,
            },
            own_or_parent: matches!(name, [0 | 1]),
            system_use: record.get(after..).unwrap_or_default().to_vec(),
        })
    }

    /// The entry with its Rock Ridge name, when it has one.
    fn named(self, disk: &mut (impl Read + Seek)) -> Result<Entry, IsoError> {
        let mut entry = self.entry;
        let mut area = self.system_use;
        let mut long = Vec::new();
        for _ in 0..CONTINUATIONS {
            let Some(next) = system_use(&area, &mut long) else {
                break;
            };
            let at = u64::from(next.sector) * SECTOR + u64::from(next.offset);
            area = take(disk, at, next.length.min(2048), "a Rock Ridge continuation")?;
        }
        if !long.is_empty() {
            entry.name = String::from_utf8_lossy(&long).into_owned();
        }
        Ok(entry)
    }
}

/// Where a system use field goes on.
struct Continuation {
    sector: u32,
    offset: u32,
    length: u32,
}

/// Collects the name parts of a system use field.
fn system_use(area: &[u8], name: &mut Vec<u8>) -> Option<Continuation> {
    let mut next = None;
    let mut at = 0;
    // The third byte of a field is its length, the four bytes of its head included.
    while let Some(length) = area.get(at + 2).map(|length| usize::from(*length)) {
        let Some(field) = area.get(at..at + length).filter(|field| field.len() >= 4) else {
            break;
        };
        match &field[..2] {
            b"NM" if field.get(4).is_some_and(|flags| flags & 6 == 0) => name.extend_from_slice(&field[5..]),
            b"CE" => {
                next = u32_at(field, 4)
                    .zip(u32_at(field, 12))
                    .zip(u32_at(field, 20))
                    .map(|((sector, offset), length)| Continuation {
                        sector,
                        offset,
                        length,
                    });
            }
            b"ST" => break,
            _ => {}
        }
        at += length;
    }
    next
}

/// `MANIFEST.JSON;1` as `manifest.json`.
fn plain_name(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let text = text.split(';').next().unwrap_or_default();
    text.strip_suffix('.').unwrap_or(text).to_lowercase()
}

fn take(disk: &mut (impl Read + Seek), at: u64, length: u32, what: &str) -> Result<Vec<u8>, IsoError> {
    let io = |source| IsoError::Io { at, source };
    let short = || IsoError::Short {
        what: what.to_owned(),
    };
    let end = disk.seek(SeekFrom::End(0)).map_err(io)?;
    // Compared before the allocation: the length comes from the file.
    if at.checked_add(u64::from(length)).is_none_or(|need| need > end) {
        return Err(short());
    }
    let mut bytes = vec![0; length as usize];
    disk.seek(SeekFrom::Start(at)).map_err(io)?;
    disk.read_exact(&mut bytes).map_err(io)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;
