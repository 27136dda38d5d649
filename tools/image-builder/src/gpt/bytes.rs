//! The table as it stands on disk: two header sectors and the entry array they share.

use std::io::{Read, Seek, SeekFrom, Write};

use uuid::Uuid;

use super::error::{Access, Field, Flaw, GptError};
use super::table::{Copy, Partition, PartitionEdit, SECTOR, Table};
use crate::bytes::bytes_at;

const SIGNATURE: &[u8; 8] = b"EFI PART";
const REVISION: u32 = 0x0001_0000;
const HEADER_MIN: usize = 92;
/// Largest entry array accepted; real ones have 16 or 31 KiB.
const ENTRIES_MAX: usize = 1 << 20;
/// UTF-16 units in a name.
const NAME_UNITS: usize = 36;

/// One header sector, as it stands on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sector: Vec<u8>,
}

impl Header {
    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(bytes_at(&self.sector, at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(bytes_at(&self.sector, at))
    }

    fn size(&self) -> usize {
        self.u32(12) as usize
    }

    fn own_lba(&self) -> u64 {
        self.u64(24)
    }

    fn other_lba(&self) -> u64 {
        self.u64(32)
    }

    fn disk_guid(&self) -> Uuid {
        Uuid::from_bytes_le(bytes_at(&self.sector, 56))
    }

    fn entries_lba(&self) -> u64 {
        self.u64(72)
    }

    fn entry_size(&self) -> usize {
        self.u32(84) as usize
    }

    fn entries_bytes(&self) -> Option<usize> {
        (self.u32(80) as usize).checked_mul(self.entry_size())
    }

    /// CRC of the header with its own CRC field taken as zero.
    fn crc(&self) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(self.sector.get(..16).unwrap_or_default());
        crc.update(&[0; 4]);
        crc.update(self.sector.get(20..self.size()).unwrap_or_default());
        crc.finalize()
    }

    fn flaw(&self, at: u64) -> Option<Flaw> {
        let size = self.size();
        let entry = self.entry_size();
        if self.u32(8) != REVISION {
            Some(Flaw::Revision)
        } else if size < HEADER_MIN || size > self.sector.len() {
            Some(Flaw::HeaderSize)
        } else if self.crc() != self.u32(16) {
            Some(Flaw::HeaderChecksum)
        } else if self.own_lba() != at {
            Some(Flaw::HeaderPlace)
        } else if entry < 128 || !entry.is_power_of_two() {
            Some(Flaw::EntrySize)
        } else if self
            .entries_bytes()
            .is_none_or(|bytes| bytes == 0 || bytes > ENTRIES_MAX)
        {
            Some(Flaw::EntryCount)
        } else {
            None
        }
    }

    fn put(&mut self, at: usize, value: &[u8]) {
        put(&mut self.sector, at, value);
    }

    pub(super) fn seal(&mut self, entries: &[u8]) {
        self.put(88, &crc32fast::hash(entries).to_le_bytes());
        self.put(16, &self.crc().to_le_bytes());
    }
}

/// Both headers and the one entry array they share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    primary: Header,
    backup: Header,
    entries: Vec<u8>,
}

impl Pair {
    pub(super) fn read(disk: &mut (impl Read + Seek)) -> Result<Self, GptError> {
        let length = disk.seek(SeekFrom::End(0));
        let have = length.map_err(|source| GptError::Io {
            access: Access::Read,
            copy: Copy::Primary,
            source,
        })?;
        let (primary, entries) = read_copy(disk, have, Copy::Primary, 1)?;
        let (backup, copied) = read_copy(disk, have, Copy::Backup, primary.other_lba())?;
        if backup.other_lba() != 1 {
            return Err(GptError::Damaged {
                copy: Copy::Backup,
                flaw: Flaw::PrimaryPlace,
            });
        }
        for (what, range) in [
            (Field::UsableSectors, 40..56),
            (Field::DiskGuid, 56..72),
            (Field::EntryCount, 80..88),
        ] {
            if primary.sector.get(range.clone()) != backup.sector.get(range) {
                return Err(GptError::Differ(what));
            }
        }
        if entries != copied {
            return Err(GptError::Differ(Field::Entries));
        }
        let pair = Self {
            primary,
            backup,
            entries,
        };
        match pair.flaw() {
            Some(flaw) => Err(GptError::Damaged {
                copy: Copy::Primary,
                flaw,
            }),
            None => Ok(pair),
        }
    }

    fn flaw(&self) -> Option<Flaw> {
        let table = self.table();
        let outside = |part: &Partition| part.first < table.first_usable || part.last > table.last_usable;
        if table.partitions.iter().any(|part| part.first > part.last) {
            Some(Flaw::Reversed)
        } else if table.partitions.iter().any(outside) {
            Some(Flaw::Outside)
        } else {
            None
        }
    }

    pub(super) fn table(&self) -> Table {
        let entries = (1..).zip(self.entries.chunks_exact(self.primary.entry_size()));
        Table {
            disk_guid: self.primary.disk_guid(),
            first_usable: self.primary.u64(40),
            last_usable: self.primary.u64(48),
            backup: self.primary.other_lba(),
            partitions: entries
                .filter_map(|(index, entry)| decode(index, entry))
                .collect(),
        }
    }

    pub(super) fn edit(&mut self, disk_guid: Uuid, parts: &[PartitionEdit]) -> Result<(), GptError> {
        let size = self.primary.entry_size();
        for part in parts {
            let nth = part
                .index
                .checked_sub(1)
                .ok_or(GptError::NoPartition(part.index))? as usize;
            let entry = self.entries.chunks_exact_mut(size).nth(nth);
            let entry = entry.filter(|entry| decode(part.index, entry).is_some());
            encode(entry.ok_or(GptError::NoPartition(part.index))?, part)?;
        }
        let used = self.table().partitions;
        for (nth, first) in used.iter().enumerate() {
            if let Some(second) = used.iter().skip(nth + 1).find(|other| other.guid == first.guid) {
                return Err(GptError::SameGuid {
                    first: first.index,
                    second: second.index,
                    guid: first.guid,
                });
            }
        }
        for header in [&mut self.primary, &mut self.backup] {
            header.put(56, &disk_guid.to_bytes_le());
            header.seal(&self.entries);
        }
        Ok(())
    }

    /// The backup first: a cut between the two leaves one whole table that fits its own checksums.
    pub(super) fn write(&self, disk: &mut (impl Write + Seek)) -> Result<(), GptError> {
        for (copy, header) in [(Copy::Backup, &self.backup), (Copy::Primary, &self.primary)] {
            write_at(disk, header.entries_lba(), &self.entries)
                .and_then(|()| write_at(disk, header.own_lba(), &header.sector))
                .and_then(|()| disk.flush())
                .map_err(|source| GptError::Io {
                    access: Access::Write,
                    copy,
                    source,
                })?;
        }
        Ok(())
    }
}

fn read_copy(
    disk: &mut (impl Read + Seek),
    have: u64,
    copy: Copy,
    at: u64,
) -> Result<(Header, Vec<u8>), GptError> {
    let damaged = |flaw| GptError::Damaged { copy, flaw };
    let header = Header {
        sector: read_at(disk, have, copy, at, 512)?,
    };
    if !header.sector.starts_with(SIGNATURE) {
        return Err(match copy {
            Copy::Primary => GptError::Absent,
            Copy::Backup => damaged(Flaw::Signature),
        });
    }
    if let Some(flaw) = header.flaw(at) {
        return Err(damaged(flaw));
    }
    let length = header.entries_bytes().unwrap_or(0);
    let entries = read_at(disk, have, copy, header.entries_lba(), length)?;
    if crc32fast::hash(&entries) != header.u32(88) {
        return Err(damaged(Flaw::EntriesChecksum));
    }
    Ok((header, entries))
}

fn read_at(
    disk: &mut (impl Read + Seek),
    have: u64,
    copy: Copy,
    lba: u64,
    length: usize,
) -> Result<Vec<u8>, GptError> {
    let start = lba.saturating_mul(SECTOR);
    let need = start.saturating_add(length as u64);
    if need > have {
        return Err(GptError::Short { copy, need, have });
    }
    let mut buffer = vec![0; length];
    disk.seek(SeekFrom::Start(start))
        .and_then(|_| disk.read_exact(&mut buffer))
        .map_err(|source| GptError::Io {
            access: Access::Read,
            copy,
            source,
        })?;
    Ok(buffer)
}

fn write_at(disk: &mut (impl Write + Seek), lba: u64, data: &[u8]) -> std::io::Result<()> {
    disk.seek(SeekFrom::Start(lba.saturating_mul(SECTOR)))?;
    disk.write_all(data)
}

fn decode(index: u32, entry: &[u8]) -> Option<Partition> {
    let type_guid = Uuid::from_bytes_le(bytes_at(entry, 0));
    if type_guid.is_nil() {
        return None;
    }
    let units: Vec<u16> = entry
        .get(56..128)?
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes(bytes_at(unit, 0)))
        .collect();
    let name = units.split(|unit| *unit == 0).next().unwrap_or_default();
    Some(Partition {
        index,
        type_guid,
        guid: Uuid::from_bytes_le(bytes_at(entry, 16)),
        first: u64::from_le_bytes(bytes_at(entry, 32)),
        last: u64::from_le_bytes(bytes_at(entry, 40)),
        attributes: u64::from_le_bytes(bytes_at(entry, 48)),
        name: String::from_utf16_lossy(name),
    })
}

fn encode(entry: &mut [u8], part: &PartitionEdit) -> Result<(), GptError> {
    if part.guid.is_nil() || part.type_guid.is_nil() {
        return Err(GptError::ZeroGuid(part.index));
    }
    let mut units: Vec<u16> = part.name.encode_utf16().collect();
    if units.len() > NAME_UNITS || units.contains(&0) {
        return Err(GptError::BadName(part.name.clone()));
    }
    units.resize(NAME_UNITS, 0);
    put(entry, 0, &part.type_guid.to_bytes_le());
    put(entry, 16, &part.guid.to_bytes_le());
    if let Some(attributes) = part.attributes {
        put(entry, 48, &attributes.to_le_bytes());
    }
    put(
        entry,
        56,
        &units.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    );
    Ok(())
}

fn put(into: &mut [u8], at: usize, value: &[u8]) {
    if let Some(target) = into.get_mut(at..at + value.len()) {
        target.copy_from_slice(value);
    }
}
