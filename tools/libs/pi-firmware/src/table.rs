//! The partitions of a disk as the boot loader sees them: GPT (UEFI 2.10, section 5.3) or MBR, in sectors of 512 bytes.
//!
//! Of a GPT the firmware takes partitions of type "EFI system" and "basic data", of an MBR those of a FAT type. The documents
//! do not say what it does with a GPT whose checksums are wrong, or whether it reads the copy at the end; the model
//! demands the first copy, sound.

use std::io::{self, Read, Seek, SeekFrom};

use crate::bytes::{bytes_at, u32_at, u64_at};

/// Bytes of a sector.
pub const SECTOR: u64 = 512;
/// Type of an EFI system partition, as it stands on the disk.
const ESP: [u8; 16] = [
    0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B,
];
/// Type of a partition with basic data, as it stands on the disk.
const BASIC_DATA: [u8; 16] = [
    0xA2, 0xA0, 0xD0, 0xEB, 0xE5, 0xB9, 0x33, 0x44, 0x87, 0xC0, 0x68, 0xB6, 0xB7, 0x26, 0x99, 0xC7,
];
/// Types of FAT in an MBR.
const FAT_TYPES: [u8; 6] = [0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E];
/// The type in an MBR that says that there is a GPT.
const PROTECTIVE: u8 = 0xEE;
/// Largest entry array that is read; real ones have 16 KiB.
const ENTRIES_MAX: u64 = 1 << 20;

/// Why there are no partitions.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The disk failed, or is too short.
    #[error("the partition table cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Sector 0 is no MBR.
    #[error("there is no partition table")]
    Absent,
    /// The GPT is damaged.
    #[error("the partition table is damaged: {0}")]
    Damaged(&'static str),
}

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1: its place in the table.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Whether its type is one for FAT.
    pub fat_type: bool,
}

/// A partition's number that can be understood in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ambiguous {
    /// The number.
    pub number: u32,
}

/// The partitions of a disk, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    partitions: Vec<Partition>,
}

impl Table {
    /// Reads it.
    pub fn read(disk: &mut (impl Read + Seek)) -> Result<Self, TableError> {
        let mbr = sectors(disk, 0, SECTOR)?;
        if mbr.get(510..) != Some(&[0x55, 0xAA]) {
            return Err(TableError::Absent);
        }
        let entries: Vec<&[u8]> = mbr[446..510].chunks_exact(16).collect();
        let partitions = if entries.iter().any(|entry| entry[4] == PROTECTIVE) {
            gpt(disk)?
        } else {
            // The documentation knows the numbers 1 to 4 of an MBR; logical partitions are left out.
            (1..)
                .zip(entries)
                .filter_map(|(n, entry)| mbr_entry(n, entry))
                .collect()
        };
        Ok(Self { partitions })
    }

    /// All partitions.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The first partition of a FAT type.
    pub fn first_fat(&self) -> Option<Partition> {
        self.fats().next().copied()
    }

    /// The partition of this number.
    ///
    /// No document says whether the firmware counts all partitions of a GPT or those of a FAT type only, and its log suggests
    /// the latter; disks whose FATs are not the first partitions, in the order of their places, have failed to
    /// start (raspberrypi/rpi-eeprom#818, #705). A number that is not the same partition in both ways is an error.
    pub fn by_number(&self, number: u32) -> Result<Option<Partition>, Ambiguous> {
        let by_entry = self.partitions.iter().find(|part| part.number == number);
        let by_entry = by_entry.filter(|part| part.fat_type).copied();
        let mut by_place: Vec<Partition> = self.fats().copied().collect();
        by_place.sort_by_key(|part| part.start);
        let index = (number as usize).checked_sub(1);
        let by_count = index.and_then(|index| by_place.get(index)).copied();
        if by_entry == by_count {
            Ok(by_entry)
        } else {
            Err(Ambiguous { number })
        }
    }

    fn fats(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().filter(|part| part.fat_type)
    }
}

fn mbr_entry(number: u32, entry: &[u8]) -> Option<Partition> {
    let (first, count) = (u64::from(u32_at(entry, 8)), u64::from(u32_at(entry, 12)));
    (entry[4] != 0 && count > 0).then(|| Partition {
        number,
        start: first * SECTOR,
        bytes: count * SECTOR,
        fat_type: FAT_TYPES.contains(&entry[4]),
    })
}

fn gpt(disk: &mut (impl Read + Seek)) -> Result<Vec<Partition>, TableError> {
    let header = sectors(disk, 1, SECTOR)?;
    if !header.starts_with(b"EFI PART") {
        return Err(TableError::Damaged("there is no GPT behind the protective MBR"));
    }
    let header_size = u32_at(&header, 12) as usize;
    let covered = header
        .get(..header_size)
        .filter(|covered| covered.len() >= 92)
        .ok_or(TableError::Damaged("its header's size is impossible"))?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&covered[..16]);
    crc.update(&[0; 4]);
    crc.update(&covered[20..]);
    if crc.finalize() != u32_at(&header, 16) {
        return Err(TableError::Damaged("the checksum of its header is wrong"));
    }
    let (count, size) = (u64::from(u32_at(&header, 80)), u64::from(u32_at(&header, 84)));
    if size < 128 || !size.is_power_of_two() || count == 0 || count * size > ENTRIES_MAX {
        return Err(TableError::Damaged(
            "the size or number of its entries is impossible",
        ));
    }
    let entries = sectors(disk, u64_at(&header, 72), count * size)?;
    if crc32fast::hash(&entries) != u32_at(&header, 88) {
        return Err(TableError::Damaged("the checksum of its entries is wrong"));
    }
    let each = usize::try_from(size).unwrap_or(usize::MAX);
    let partitions = (1..).zip(entries.chunks_exact(each));
    Ok(partitions.filter_map(|(n, entry)| gpt_entry(n, entry)).collect())
}

fn gpt_entry(number: u32, entry: &[u8]) -> Option<Partition> {
    let kind: [u8; 16] = bytes_at(entry, 0);
    let (first, last) = (u64_at(entry, 32), u64_at(entry, 40));
    let count = last.checked_sub(first)?.checked_add(1)?;
    (kind != [0; 16]).then_some(())?;
    Some(Partition {
        number,
        start: first.checked_mul(SECTOR)?,
        bytes: count.checked_mul(SECTOR)?,
        fat_type: [ESP, BASIC_DATA].contains(&kind),
    })
}

fn sectors(disk: &mut (impl Read + Seek), from: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(0)];
    disk.seek(SeekFrom::Start(from.saturating_mul(SECTOR)))?;
    disk.read_exact(&mut buffer)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Disk, gpt, mbr};
    use proptest::prelude::*;
    use std::io::Cursor;

    #[test]
    fn gpt_and_mbr() {
        let parts = [Disk::fat(1 << 20), Disk::fat(2 << 20), Disk::other(1 << 20)];
        for (made, name) in [(gpt(&parts), "gpt"), (mbr(&parts), "mbr")] {
            let table = Table::read(&mut Cursor::new(made)).unwrap();
            let seen: Vec<_> = table
                .partitions()
                .iter()
                .map(|part| (part.number, part.start >> 20, part.bytes >> 20, part.fat_type))
                .collect();
            assert_eq!(
                seen,
                [(1, 1, 1, true), (2, 2, 2, true), (3, 4, 1, false)],
                "{name}"
            );
            assert_eq!(table.first_fat().unwrap().number, 1);
            assert_eq!(table.by_number(2).unwrap().unwrap().start, 2 << 20);
            assert_eq!(table.by_number(3), Ok(None));
            assert_eq!(table.by_number(7), Ok(None));
            assert_eq!(table.by_number(0), Ok(None));
        }
    }

    #[test]
    fn a_number_with_two_meanings() {
        let parts = [Disk::fat(1 << 20), Disk::other(1 << 20), Disk::fat(1 << 20)];
        let table = Table::read(&mut Cursor::new(gpt(&parts))).unwrap();
        assert_eq!(table.by_number(1).unwrap().unwrap().number, 1);
        assert_eq!(table.by_number(2), Err(Ambiguous { number: 2 }));
        assert_eq!(table.by_number(3), Err(Ambiguous { number: 3 }));
    }

    #[test]
    fn damaged_tables() {
        let made = gpt(&[Disk::fat(1 << 20)]);
        let said = |made: Vec<u8>| Table::read(&mut Cursor::new(made)).unwrap_err().to_string();
        let with = |at: usize| {
            let mut made = made.clone();
            made[at] ^= 1;
            said(made)
        };
        assert_eq!(with(510), "there is no partition table");
        assert_eq!(
            with(512),
            "the partition table is damaged: there is no GPT behind the protective MBR"
        );
        assert_eq!(
            with(512 + 40),
            "the partition table is damaged: the checksum of its header is wrong"
        );
        assert_eq!(
            with(1024 + 32),
            "the partition table is damaged: the checksum of its entries is wrong"
        );
        assert!(said(vec![0; 100]).starts_with("the partition table cannot be read: "));
    }

    proptest! {
        #[test]
        fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 1024..4096), protective: bool) {
            bytes[510..520].copy_from_slice(b"\x55\xAAEFI PART");
            if protective {
                bytes[450] = PROTECTIVE;
            }
            if let Ok(table) = Table::read(&mut Cursor::new(bytes)) {
                let _ = table.by_number(1);
            }
        }
    }
}
