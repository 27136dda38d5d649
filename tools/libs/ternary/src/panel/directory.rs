//! Header and directory of a packed file.
//!
//! All numbers are little-endian. A header of 64 bytes: `SVPANEL` and a zero byte, the version (u32), the count of
//! matrices (u32), the key (32 bytes: the SHA-256 of what was packed), where the directory begins (u64), its bytes
//! (u32) and its CRC-32 (u32). Then the matrices, each at a multiple of 4096. Then the directory, for each matrix: the
//! length of its name (u16) and the name, rows and columns (u64 each), the columns of a group (u16; 0: the whole tensor), the
//! tensor's scale (f32), its offset and length (u64 each), its CRC-32 (u32).

use std::collections::BTreeMap;

use super::layout::{Group, Layout, MAX_COLUMNS};

/// Incremented when the layout of panels or of the file changes; files of other versions are packed again.
pub const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"SVPANEL\0";
/// The size of the header in bytes.
pub(super) const HEADER: usize = 64;
/// The alignment of matrices in bytes.
pub(super) const ALIGNMENT: u64 = 4096;

/// A matrix in a packed file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub layout: Layout,
    pub offset: u64,
    pub length: u64,
    pub crc: u32,
}

/// Encodes the directory of these matrices.
pub(super) fn write(entries: &BTreeMap<String, Entry>) -> Vec<u8> {
    let mut directory = Vec::new();
    for (name, entry) in entries {
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend(name.as_bytes());
        directory.extend((entry.layout.rows as u64).to_le_bytes());
        directory.extend((entry.layout.cols as u64).to_le_bytes());
        let columns = if entry.layout.group == Group::Tensor {
            0
        } else {
            entry.layout.group.columns()
        };
        directory.extend((columns as u16).to_le_bytes());
        directory.extend(entry.layout.scale.to_le_bytes());
        directory.extend(entry.offset.to_le_bytes());
        directory.extend(entry.length.to_le_bytes());
        directory.extend(entry.crc.to_le_bytes());
    }
    directory
}

/// Encodes the header of a file with this many matrices whose directory begins at `start`.
pub(super) fn header(entries: usize, key: &[u8; 32], start: u64, directory: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend((entries as u32).to_le_bytes());
    header.extend(key);
    header.extend(start.to_le_bytes());
    header.extend((directory.len() as u32).to_le_bytes());
    header.extend(crc32fast::hash(directory).to_le_bytes());
    header
}

/// Why a directory cannot be used: it belongs to other weights, or is damaged.
pub(super) enum Fault {
    Stale,
    Damaged(String),
}

/// Takes numbers off the front of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Fault> {
        let (first, rest) = self
            .0
            .split_at_checked(n)
            .ok_or_else(|| Fault::Damaged("it is truncated".to_owned()))?;
        self.0 = rest;
        Ok(first)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }
}

/// Reads the header and directory of a packed file.
pub(super) fn read(bytes: &[u8], key: &[u8; 32]) -> Result<BTreeMap<String, Entry>, Fault> {
    let mut header = Reader(
        bytes
            .get(..HEADER)
            .ok_or_else(|| Fault::Damaged("it is too short".to_owned()))?,
    );
    if header.array()? != MAGIC {
        return Err(Fault::Damaged("it does not begin with SVPANEL".to_owned()));
    }
    if header.u32()? != VERSION {
        return Err(Fault::Stale);
    }
    let count = header.u32()?;
    if header.array::<32>()? != *key {
        return Err(Fault::Stale);
    }
    let (start, length, crc) = (header.u64()?, header.u32()?, header.u32()?);
    let directory = usize::try_from(start)
        .ok()
        .and_then(|start| bytes.get(start..)?.get(..usize::try_from(length).ok()?))
        .filter(|directory| crc32fast::hash(directory) == crc)
        .ok_or_else(|| Fault::Damaged("its directory is missing or damaged".to_owned()))?;
    let mut reader = Reader(directory);
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let length = usize::from(reader.u16()?);
        let name = String::from_utf8_lossy(reader.take(length)?).into_owned();
        let entry = entry(&mut reader, bytes.len()).and_then(|entry| {
            entry.ok_or_else(|| Fault::Damaged(format!("{name:?} has an invalid shape")))
        })?;
        entries.insert(name, entry);
    }
    Ok(entries)
}

/// One matrix of the directory, or `None` if its shape or offset is invalid.
fn entry(reader: &mut Reader<'_>, file: usize) -> Result<Option<Entry>, Fault> {
    let (rows, cols, columns) = (reader.u64()?, reader.u64()?, reader.u16()?);
    let scale = reader.array().map(f32::from_le_bytes)?;
    let (offset, length, crc) = (reader.u64()?, reader.u64()?, reader.u32()?);
    let group = match columns {
        0 => Group::Tensor,
        64 => Group::G64,
        128 => Group::G128,
        256 => Group::G256,
        _ => return Ok(None),
    };
    let (Ok(rows), Ok(cols)) = (usize::try_from(rows), usize::try_from(cols)) else {
        return Ok(None);
    };
    // Rows below a file's bytes, columns below the limit: the products below cannot overflow.
    if rows == 0 || rows > file || cols == 0 || cols > MAX_COLUMNS {
        return Ok(None);
    }
    let layout = Layout {
        rows,
        cols,
        group,
        scale,
    };
    let size = layout
        .panels()
        .checked_mul(layout.panel_bytes())
        .map(|size| size as u64);
    let inside = offset.checked_add(length).is_some_and(|end| end <= file as u64);
    let fits = size == Some(length) && inside && offset % ALIGNMENT == 0;
    Ok(fits.then_some(Entry {
        layout,
        offset,
        length,
        crc,
    }))
}
