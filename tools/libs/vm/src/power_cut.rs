//! What a power cut leaves of a disk whose writes were logged.
//!
//! What was written before the last flush is there. Of what was written after it, each write is there, or not, or some
//! of its sectors: the cache of a drive is written in any order. A sector is never torn.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::image::Image;
use crate::write_log::{Entry, Kind, LogError, WriteLog};

/// Bytes that a drive writes as one.
const SECTOR: u64 = 512;

/// What becomes of a drive's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// All of it had reached the disk.
    Kept,
    /// All of it is lost.
    Lost,
    /// The last write had reached the disk, and none before it.
    Last,
    /// Chance decides for each write.
    Mixed,
}

/// What became of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is there.
    Kept,
    /// It is not.
    Lost,
    /// Its first sectors are there, as many as this.
    Begun(u64),
    /// Its last sectors are there, as many as this.
    Ended(u64),
}

/// A power cut: where it hits, and what becomes of each write that no flush had followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerCut {
    /// How many entries of the log came before it.
    pub entries: usize,
    /// The first of them that is not flushed.
    unflushed: usize,
    /// Fates of those from there on.
    fates: Vec<Fate>,
}

impl PowerCut {
    /// A cut after this many entries; `random` gives the next random number.
    pub fn new(log: &WriteLog, entries: usize, cache: Cache, random: &mut dyn FnMut() -> u64) -> Self {
        let before = &log.entries()[..entries];
        let flush = before.iter().rposition(|entry| entry.kind == Kind::Flush);
        let unflushed = flush.map_or(0, |flush| flush + 1);
        let fates = (unflushed + 1..)
            .zip(&before[unflushed..])
            .map(|(number, entry)| {
                let last = number == entries;
                match (entry.kind, cache) {
                    (Kind::WriteThrough, _) | (_, Cache::Kept) => Fate::Kept,
                    (_, Cache::Last) if last => Fate::Kept,
                    (_, Cache::Lost | Cache::Last) => Fate::Lost,
                    (_, Cache::Mixed) => fate(entry.bytes / SECTOR, random),
                }
            });
        Self {
            entries,
            unflushed,
            fates: fates.collect(),
        }
    }

    /// How many writes were lost, as a whole or in part.
    pub fn lost(&self) -> usize {
        self.fates.iter().filter(|fate| **fate != Fate::Kept).count()
    }

    /// How many writes no flush had followed.
    pub fn unflushed(&self) -> usize {
        self.fates.len()
    }

    /// Whether everything that the log has of the bytes from `range` is on the disk, whatever the cache kept.
    pub fn has_all(&self, log: &WriteLog, range: &Range<u64>) -> bool {
        let touches = |entry: &Entry| entry.offset < range.end && entry.offset + entry.bytes > range.start;
        !log.entries()[self.unflushed..].iter().any(touches)
    }

    /// Whether nothing that the log has of the bytes from `range` can be on the disk.
    pub fn has_none(&self, log: &WriteLog, range: &Range<u64>) -> bool {
        let touches = |entry: &Entry| entry.offset < range.end && entry.offset + entry.bytes > range.start;
        !log.entries()[..self.entries].iter().any(touches)
    }
}

/// A write is kept by half a chance; torn, where it can be, by a quarter.
fn fate(sectors: u64, random: &mut dyn FnMut() -> u64) -> Fate {
    let (choice, some) = (random() % 8, random());
    let part = 1 + some % sectors.saturating_sub(1).max(1);
    match choice {
        0..=3 => Fate::Kept,
        4 if sectors > 1 => Fate::Begun(part),
        5 if sectors > 1 => Fate::Ended(part),
        _ => Fate::Lost,
    }
}

/// Hash of a sector.
type Hash = [u8; 16];

/// A sector that was written.
#[derive(Debug, Clone, Copy)]
struct Change {
    /// What it was before the log.
    before: Hash,
    /// What it is now.
    now: Hash,
}

/// A log on its way to the disk that it was recorded on.
#[derive(Debug)]
pub struct Replay<'a> {
    log: &'a WriteLog,
    disk: Image,
    file: File,
    done: usize,
    changed: BTreeMap<u64, Change>,
}

/// A disk after a power cut.
#[derive(Debug)]
pub struct State<'r, 'a> {
    replay: &'r Replay<'a>,
    /// What reached the disk of the writes that were not flushed, in their order.
    pieces: Vec<Piece>,
}

/// Bytes that reach the disk.
#[derive(Debug)]
struct Piece {
    offset: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Bytes(Vec<u8>),
    Zeros(u64),
}

/// Bytes that are handled at once, at most.
const CHUNK: usize = 1 << 20;
static ZEROS: [u8; CHUNK] = [0; CHUNK];

impl Piece {
    /// What an entry writes, when this is its fate; a discarded place reads as zeros.
    fn of(log: &WriteLog, entry: &Entry, fate: Fate) -> Result<Option<Self>, Error> {
        let (skip, count) = match fate {
            Fate::Lost => return Ok(None),
            Fate::Kept => (0, entry.bytes),
            Fate::Begun(sectors) => (0, sectors * SECTOR),
            Fate::Ended(sectors) => (entry.bytes - sectors * SECTOR, sectors * SECTOR),
        };
        let what = match entry.kind {
            Kind::Flush => return Ok(None),
            Kind::Discard => What::Zeros(count),
            Kind::Write | Kind::WriteThrough => {
                let mut bytes = log.data(entry)?;
                // What is in memory has a length in memory.
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let (from, to) = (place(skip), place(skip + count));
                bytes.truncate(to);
                What::Bytes(bytes.split_off(from))
            }
        };
        let offset = entry.offset + skip;
        Ok(Some(Self { offset, what }))
    }

    /// Its bytes with their places, a chunk at a time.
    fn chunks(&self) -> Box<dyn Iterator<Item = (u64, &[u8])> + '_> {
        let places = (self.offset..).step_by(CHUNK);
        match &self.what {
            What::Bytes(bytes) => Box::new(places.zip(bytes.chunks(CHUNK))),
            What::Zeros(count) => {
                Box::new(places.zip((0..*count).step_by(CHUNK)).map(move |(place, from)| {
                    let rest = usize::try_from(count - from).unwrap_or(CHUNK);
                    (place, &ZEROS[..rest.min(CHUNK)])
                }))
            }
        }
    }
}

impl<'a> Replay<'a> {
    /// Begins with a copy of the disk as it was before the recording; the copy is written to.
    pub fn new(log: &'a WriteLog, disk: Image) -> Result<Self, Error> {
        let mut options = File::options();
        let file = options.read(true).write(true).open(&disk.path);
        Ok(Self {
            log,
            file: file.map_err(Error::io("open", &disk.path))?,
            disk,
            done: 0,
            changed: BTreeMap::new(),
        })
    }

    /// The disk as this cut leaves it. Cuts come in the order of their entries.
    pub fn cut(&mut self, cut: &PowerCut) -> Result<State<'_, 'a>, Error> {
        if cut.unflushed < self.done {
            return Err(LogError::Backwards(cut.unflushed).into());
        }
        let log = self.log;
        for entry in &log.entries()[self.done..cut.unflushed] {
            if let Some(piece) = Piece::of(log, entry, Fate::Kept)? {
                self.write(&piece)?;
            }
        }
        self.done = cut.unflushed;
        let late = log.entries()[cut.unflushed..cut.entries].iter().zip(&cut.fates);
        let pieces: Result<Vec<_>, Error> = late
            .filter_map(|(entry, fate)| Piece::of(log, entry, *fate).transpose())
            .collect();
        Ok(State {
            pieces: pieces?,
            replay: self,
        })
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; len];
        let read = self.file.read_exact_at(&mut bytes, offset);
        read.map_err(Error::io("read", &self.disk.path))?;
        Ok(bytes)
    }

    fn write(&mut self, piece: &Piece) -> Result<(), Error> {
        for (offset, bytes) in piece.chunks() {
            let old = self.read(offset, bytes.len())?;
            if old == bytes {
                continue;
            }
            let written = self.file.write_all_at(bytes, offset);
            written.map_err(Error::io("write", &self.disk.path))?;
            for (sector, old, new) in sectors(offset, &old, bytes) {
                note(&mut self.changed, sector, old, new);
            }
        }
        Ok(())
    }
}

impl State<'_, '_> {
    /// Makes the disk, as a new file.
    pub fn make(&self, path: impl Into<PathBuf>) -> Result<Image, Error> {
        let image = self.replay.disk.copy_to(path)?;
        for (offset, bytes) in self.pieces.iter().flat_map(Piece::chunks) {
            let mut old = vec![0; bytes.len()];
            image.read_at(offset, &mut old)?;
            // Places that were never written take no space.
            if old != bytes {
                image.write_at(offset, bytes)?;
            }
        }
        Ok(image)
    }

    /// A name of what the recording has changed in a range of the disk's bytes: equal states have equal ones.
    pub fn digest(&self, range: Range<u64>) -> Result<String, Error> {
        let range = range.start / SECTOR..range.end.div_ceil(SECTOR);
        let kept = self.replay.changed.range(range.clone());
        let mut merged: BTreeMap<u64, Change> = kept.map(|(sector, change)| (*sector, *change)).collect();
        for (offset, bytes) in self.pieces.iter().flat_map(Piece::chunks) {
            let old = self.replay.read(offset, bytes.len())?;
            for (sector, old, new) in sectors(offset, &old, bytes) {
                if range.contains(&sector) {
                    note(&mut merged, sector, old, new);
                }
            }
        }
        let mut all = Sha256::new();
        for (sector, change) in merged {
            if change.now != change.before {
                all.update(sector.to_le_bytes());
                all.update(change.now);
            }
        }
        Ok(all.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Notes what a sector is now; `old` is what it was before the recording, unless it is noted already.
fn note(changed: &mut BTreeMap<u64, Change>, sector: u64, old: &[u8], new: &[u8]) {
    match changed.get_mut(&sector) {
        Some(change) => change.now = hash(new),
        None if old == new => {}
        None => {
            let (before, now) = (hash(old), hash(new));
            changed.insert(sector, Change { before, now });
        }
    }
}

/// The sectors of two equally long runs of bytes, with their numbers.
fn sectors<'b>(offset: u64, old: &'b [u8], new: &'b [u8]) -> impl Iterator<Item = (u64, &'b [u8], &'b [u8])> {
    let pairs = old.chunks(512).zip(new.chunks(512));
    (offset / SECTOR..)
        .zip(pairs)
        .map(|(sector, (old, new))| (sector, old, new))
}

fn hash(bytes: &[u8]) -> Hash {
    let digest = Sha256::digest(bytes);
    let mut hash = Hash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

#[cfg(test)]
#[path = "power_cut_tests.rs"]
mod tests;
