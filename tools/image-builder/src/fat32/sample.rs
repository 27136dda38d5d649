//! Small FAT32 file systems for tests, written from the specification and not with the code under test.

use std::collections::BTreeMap;

/// Bytes of a sector, and of a cluster.
const SECTOR: usize = 512;
/// Sectors before the allocation table.
const RESERVED: usize = 2;

/// The parts of a file's path, and its bytes.
type File<'a> = (Vec<&'a str>, &'a [u8]);

/// A file system with these files; their folders are made. With `scattered`, no cluster lies beside its successor.
pub fn fat32(files: &[(&str, &[u8])], scattered: bool) -> Vec<u8> {
    let mut volume = Volume {
        data: Vec::new(),
        table: vec![0x0FFF_FFF8, 0x0FFF_FFFF],
        scattered,
    };
    let files = files
        .iter()
        .map(|(path, bytes)| (path.split('/').filter(|part| !part.is_empty()).collect(), *bytes))
        .collect::<Vec<_>>();
    let root = volume.folder(&files);
    volume.image(root)
}

struct Volume {
    data: Vec<u8>,
    table: Vec<u32>,
    scattered: bool,
}

impl Volume {
    /// Stores a folder and everything below it; gives its first cluster.
    fn folder(&mut self, files: &[File<'_>]) -> u32 {
        let mut inside: BTreeMap<&str, Vec<File<'_>>> = BTreeMap::new();
        for (path, bytes) in files {
            let (first, rest) = path.split_first().unwrap();
            inside.entry(*first).or_default().push((rest.to_vec(), *bytes));
        }
        let mut listing = [
            short(b"SAMPLE     ", 0x08, 0, 0),
            short(b".          ", 0x10, 0, 0),
        ]
        .concat();
        for (nth, (name, below)) in inside.into_iter().enumerate() {
            let (attributes, first, size) = match &below[..] {
                [(rest, bytes)] if rest.is_empty() => (0x20, self.store(bytes), bytes.len()),
                _ => (0x10, self.folder(&below), 0),
            };
            let (short_name, long) = names(name, nth);
            listing.extend(long);
            listing.extend(short(&short_name, attributes, first, size));
        }
        self.store(&listing)
    }

    /// Stores bytes; gives their first cluster.
    fn store(&mut self, bytes: &[u8]) -> u32 {
        let count = bytes.len().div_ceil(SECTOR).max(1);
        let first = self.table.len();
        let mut places = (first..first + count).collect::<Vec<_>>();
        if self.scattered {
            places.reverse();
        }
        self.table.resize(first + count, 0x0FFF_FFFF);
        self.data.resize((first + count - 2) * SECTOR, 0);
        for (nth, place) in places.iter().enumerate() {
            let chunk = bytes.chunks(SECTOR).nth(nth).unwrap_or_default();
            self.data[(place - 2) * SECTOR..][..chunk.len()].copy_from_slice(chunk);
            if let Some(next) = places.get(nth + 1) {
                self.table[*place] = u32::try_from(*next).unwrap();
            }
        }
        u32::try_from(places[0]).unwrap()
    }

    fn image(&self, root: u32) -> Vec<u8> {
        let table = self
            .table
            .iter()
            .flat_map(|next| next.to_le_bytes())
            .collect::<Vec<_>>();
        let table_sectors = table.len().div_ceil(SECTOR);
        let mut disk = vec![0; (RESERVED + table_sectors) * SECTOR];
        disk[RESERVED * SECTOR..][..table.len()].copy_from_slice(&table);
        disk.extend(&self.data);
        let sectors = disk.len() / SECTOR;
        let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        disk[11..13].copy_from_slice(&512_u16.to_le_bytes());
        disk[13] = 1;
        disk[14..16].copy_from_slice(&number(RESERVED)[..2]);
        disk[16] = 1;
        disk[32..36].copy_from_slice(&number(sectors));
        disk[36..40].copy_from_slice(&number(table_sectors));
        disk[44..48].copy_from_slice(&root.to_le_bytes());
        disk[510..512].copy_from_slice(&[0x55, 0xAA]);
        disk
    }
}

fn short(name: &[u8; 11], attributes: u8, first: u32, size: usize) -> Vec<u8> {
    let mut entry = vec![0; 32];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    entry[20..22].copy_from_slice(&first.to_le_bytes()[2..]);
    entry[26..28].copy_from_slice(&first.to_le_bytes()[..2]);
    entry[28..32].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
    entry
}

/// The name in its short form and, when that is not the whole name, the entries of its long form.
fn names(name: &str, nth: usize) -> ([u8; 11], Vec<u8>) {
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    let plain = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let mut short = [b' '; 11];
    if stem.len() <= 8 && ending.len() <= 3 && plain(stem) && plain(ending) {
        short[..stem.len()].copy_from_slice(stem.as_bytes());
        short[8..8 + ending.len()].copy_from_slice(ending.as_bytes());
        return (short, Vec::new());
    }
    short[..6].copy_from_slice(format!("LONG~{}", nth % 10).as_bytes());
    let sum = short
        .iter()
        .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let mut units = name.encode_utf16().chain([0]).collect::<Vec<_>>();
    units.resize(units.len().next_multiple_of(13), 0xFFFF);
    let parts = units.chunks(13).collect::<Vec<_>>();
    let mut entries = Vec::new();
    for (nth, part) in parts.iter().enumerate().rev() {
        let bytes = part
            .iter()
            .flat_map(|unit| unit.to_le_bytes())
            .collect::<Vec<_>>();
        let last = if nth + 1 == parts.len() { 0x40 } else { 0 };
        let mut entry = vec![0; 32];
        entry[0] = u8::try_from(nth + 1).unwrap() | last;
        entry[1..11].copy_from_slice(&bytes[..10]);
        entry[11] = 0x0F;
        entry[13] = sum;
        entry[14..26].copy_from_slice(&bytes[10..22]);
        entry[28..32].copy_from_slice(&bytes[22..]);
        entries.extend(entry);
    }
    (short, entries)
}
