//! The compressed image of a disk: what is in it, and unpacking it.
//!
//! [`unpack()`] gives the disk as it would be on a card; everything else reads that. The manifest is on the first partition, the command
//! line with the root hash on that of slot A.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sigmavault_verity::source::{Part, ReadAt};

use crate::fat32::{Fat32, FatError};
use crate::gpt::{self, Partition, Table};
use crate::manifest::Manifest;

/// Name of the partition that has the manifest.
pub const BOOT: &str = "boot";
/// Name of the partition that the firmware starts slot A from.
pub const BOOT_A: &str = "boot-a";
/// Where the manifest is on the first partition.
const MANIFEST: &str = "sigmavault/manifest.json";
/// Where the command line of a slot is.
const COMMAND_LINE: &str = "cmdline.txt";
/// How a Zstandard frame begins (RFC 8878).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes unpacked at once.
const CHUNK: usize = 1 << 20;
/// Largest text that is read from a boot partition.
const TEXT_MAX: u64 = 16 << 20;

/// Whether a file is compressed, which an ISO never is.
pub fn is_packed(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(start == MAGIC)
}

/// Unpacks into a file without a name; zeros take no room. `told` is called with the bytes read so far.
pub fn unpack(packed: &File, told: &dyn Fn(u64)) -> io::Result<File> {
    let mut disk = scratch()?;
    unpack_into(packed, &mut disk, told)?;
    Ok(disk)
}

/// Unpacks into an empty file.
pub fn unpack_into(packed: &File, disk: &mut File, told: &dyn Fn(u64)) -> io::Result<()> {
    let mut reader = zstd::stream::read::Decoder::new(Counted {
        reader: BufReader::new(packed),
        at: 0,
        told,
    })?;
    let mut chunk = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let length = fill(&mut reader, &mut chunk)?;
        if length == 0 {
            break;
        }
        let part = chunk.get(..length).unwrap_or_default();
        if part.iter().all(|byte| *byte == 0) {
            disk.seek(SeekFrom::Start(size + length as u64))?;
        } else {
            disk.write_all(part)?;
        }
        size += length as u64;
    }
    disk.set_len(size)?;
    disk.seek(SeekFrom::Start(0))?;
    Ok(())
}

/// A file for gigabytes: `/tmp` may be memory.
fn scratch() -> io::Result<File> {
    let large = Path::new("/var/tmp");
    if std::env::var_os("TMPDIR").is_none()
        && large.is_dir()
        && let Ok(file) = tempfile::tempfile_in(large)
    {
        return Ok(file);
    }
    tempfile::tempfile()
}

/// Reads until the buffer is full or the input has ended.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest)? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// Tells how much was read.
struct Counted<'a, R> {
    reader: R,
    at: u64,
    told: &'a dyn Fn(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.at += length as u64;
        (self.told)(self.at);
        Ok(length)
    }
}

/// The partition of this name.
pub fn partition<'a>(table: &'a Table, name: &str) -> Option<&'a Partition> {
    table.partitions.iter().find(|partition| partition.name == name)
}

/// The text of the manifest.
pub fn manifest(disk: &File, table: &Table) -> Result<Vec<u8>, FatError> {
    named(disk, table, BOOT, MANIFEST)
}

/// The kernel command line of slot A.
pub fn command_line(disk: &File, table: &Table) -> Result<String, FatError> {
    let text = named(disk, table, BOOT_A, COMMAND_LINE)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn named(disk: &File, table: &Table, name: &str, path: &str) -> Result<Vec<u8>, FatError> {
    let partition = partition(table, name).ok_or_else(|| FatError::NotFound(path.to_owned()))?;
    read(disk, partition, path)
}

/// A small file on a partition of a disk.
pub fn read(disk: &File, partition: &Partition, path: &str) -> Result<Vec<u8>, FatError> {
    let part = Part::new(
        disk,
        partition.first.saturating_mul(gpt::SECTOR),
        partition.size(),
    );
    let volume = Fat32::open(&part)?;
    let entry = volume
        .find(path)?
        .ok_or_else(|| FatError::NotFound(path.to_owned()))?;
    let content = volume.content(&entry)?;
    if content.size() > TEXT_MAX {
        return Err(FatError::Damaged("a text on it is too large"));
    }
    let mut text = vec![0; usize::try_from(content.size()).unwrap_or(0)];
    content
        .read_exact_at(&mut text, 0)
        .map_err(|source| FatError::Read { at: 0, source })?;
    Ok(text)
}

/// Partitions of a disk image, where they differ from what its manifest implies.
pub fn mismatches(manifest: &Manifest, table: &Table) -> Vec<String> {
    let (root_guid, verity_guid) = match gpt::root_hash_guids(&manifest.root_hash) {
        Ok(guids) => guids,
        Err(error) => return vec![format!("in the manifest, {error}")],
    };
    let expected = [
        (1, BOOT, None, 1),
        (2, BOOT_A, None, manifest.sizes.esp),
        (3, "boot-b", None, manifest.sizes.esp),
        (4, "root-a", Some(root_guid), manifest.sizes.root),
        (5, "root-a-verity", Some(verity_guid), manifest.sizes.verity),
    ];
    let mut problems = Vec::new();
    for (number, name, guid, size) in expected {
        let found = table.partition(number).filter(|part| part.name == name);
        let Some(part) = found else {
            problems.push(format!("partition {number} is not `{name}`"));
            continue;
        };
        if let Some(guid) = guid.filter(|guid| *guid != part.guid) {
            let found = part.guid;
            problems.push(format!(
                "the partition {name} has the GUID {found}, the root hash implies {guid}"
            ));
        }
        if part.size() < size {
            let found = part.size();
            problems.push(format!(
                "the partition {name} has {found} bytes, the manifest says {size}"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_take_no_room_and_the_end_is_kept() {
        let mut disk = vec![0_u8; 5 * CHUNK + 3];
        disk[CHUNK + 7] = 9;
        for tail in [0, 1] {
            *disk.last_mut().unwrap() = tail;
            let mut packed = tempfile::tempfile().unwrap();
            packed
                .write_all(&zstd::encode_all(&disk[..], 1).unwrap())
                .unwrap();
            assert!(is_packed(&mut packed).unwrap());
            let mut text = Vec::new();
            unpack(&packed, &|_| {}).unwrap().read_to_end(&mut text).unwrap();
            assert!(text == disk);
        }
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let whole = zstd::encode_all(&vec![7; 100_000][..], 1).unwrap();
        let mut packed = tempfile::tempfile().unwrap();
        packed.write_all(&whole[..whole.len() - 2]).unwrap();
        packed.seek(SeekFrom::Start(0)).unwrap();
        assert!(unpack(&packed, &|_| {}).is_err());
        let mut other = io::Cursor::new(b"CD001".to_vec());
        assert!(!is_packed(&mut other).unwrap());
        assert!(!is_packed(&mut io::Cursor::new(Vec::new())).unwrap());
    }
}
