//! The log that QEMU's `blklogwrites` filter keeps of a disk: every write with its bytes, every discard and flush, in
//! the order in which the disk completed them. It has the format of the kernel's dm-log-writes (kernel documentation,
//! `admin-guide/device-mapper/log-writes.rst`).
//!
//! A write that is completed while a flush is under way stands before that flush, and counts as flushed, although the
//! guest did not ask for that.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// First number of a log.
const MAGIC: u64 = 0x006A_7366_7773_6872;
/// The version of the format.
const VERSION: u64 = 1;
/// Bytes of the header of the log, and of an entry.
const HEADER: usize = 32;
/// Flags of an entry.
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not begin as a log does.
    #[error("{} is not a log of writes; it is made by a machine whose drive has `log` set", .0.display())]
    NoLog(PathBuf),
    /// It says something impossible.
    #[error("the log {} is damaged at byte {at}; record it again", path.display())]
    Damaged {
        /// The log.
        path: PathBuf,
        /// Where.
        at: u64,
    },
    /// States were asked for in another order than that of the log.
    #[error("the log was replayed beyond entry {0} already; ask for cuts in the order of their entries")]
    Backwards(usize),
}

/// What a disk was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Write.
    Write,
    /// Write, past its cache.
    WriteThrough,
    /// Forget what is there.
    Discard,
    /// Empty its cache.
    Flush,
}

/// An entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What the disk was asked to do.
    pub kind: Kind,
    /// Where, in bytes from the start of the disk.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Where the bytes stand in the log.
    at: u64,
    /// Where the entry ends in the log.
    end: u64,
}

/// A log.
#[derive(Debug)]
pub struct WriteLog {
    path: PathBuf,
    file: File,
    sector: u64,
    entries: Vec<Entry>,
}

impl WriteLog {
    /// Reads the headers of a log whose machine is off. What the end of QEMU left unfinished is no entry.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let failed = |source| LogError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        let mut header = [0; HEADER];
        if len < HEADER as u64 {
            return Err(LogError::NoLog(path.to_owned()));
        }
        file.read_exact_at(&mut header, 0).map_err(failed)?;
        let sector = u64::from(u32::from_le_bytes([
            header[24], header[25], header[26], header[27],
        ]));
        let count = number(&header, 2);
        if number(&header, 0) != MAGIC
            || number(&header, 1) != VERSION
            || !sector.is_power_of_two()
            || sector < 512
        {
            return Err(LogError::NoLog(path.to_owned()));
        }
        let mut log = Self {
            path: path.to_owned(),
            file,
            sector,
            entries: Vec::new(),
        };
        let mut at = sector;
        while at + sector <= len {
            log.file.read_exact_at(&mut header, at).map_err(failed)?;
            let Some(entry) = log.entry(&header, at)? else {
                break;
            };
            if entry.end > len {
                break;
            }
            at = entry.end;
            log.entries.push(entry);
        }
        if (log.entries.len() as u64) < count {
            return Err(log.damaged(at));
        }
        Ok(log)
    }

    /// The entry whose header this is; `None` for one that was never written.
    fn entry(&self, header: &[u8; HEADER], at: u64) -> Result<Option<Entry>, LogError> {
        let [place, sectors, flags, data] = [0, 1, 2, 3].map(|index| number(header, index));
        let kind = match flags {
            0 if sectors == 0 => return Ok(None),
            0 => Kind::Write,
            FLUSH => Kind::Flush,
            FUA => Kind::WriteThrough,
            DISCARD => Kind::Discard,
            _ => return Err(self.damaged(at)),
        };
        // Only marks, which QEMU does not write, have data of another length.
        if data != 0 || (kind == Kind::Flush && sectors != 0) {
            return Err(self.damaged(at));
        }
        let scaled = |number: u64| number.checked_mul(self.sector);
        let (Some(offset), Some(bytes)) = (scaled(place), scaled(sectors)) else {
            return Err(self.damaged(at));
        };
        let stored = if matches!(kind, Kind::Write | Kind::WriteThrough) {
            bytes
        } else {
            0
        };
        let begin = at + self.sector;
        let (Some(end), Some(_)) = (begin.checked_add(stored), offset.checked_add(bytes)) else {
            return Err(self.damaged(at));
        };
        Ok(Some(Entry {
            kind,
            offset,
            bytes,
            at: begin,
            end,
        }))
    }

    fn damaged(&self, at: u64) -> LogError {
        LogError::Damaged {
            path: self.path.clone(),
            at,
        }
    }

    /// The entries, in their order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries the log had when its file was of this length.
    pub fn entries_in(&self, length: u64) -> usize {
        self.entries.partition_point(|entry| entry.end <= length)
    }

    /// The bytes that an entry has written.
    pub fn data(&self, entry: &Entry) -> Result<Vec<u8>, LogError> {
        let failed = |source| LogError::Io {
            action: "read",
            path: self.path.clone(),
            source,
        };
        let len = usize::try_from(entry.end - entry.at).map_err(|_| self.damaged(entry.at))?;
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, entry.at).map_err(failed)?;
        Ok(bytes)
    }
}

/// A number of a header.
fn number(header: &[u8; HEADER], index: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[8 * index..8 * index + 8]);
    u64::from_le_bytes(bytes)
}

/// Logs made by hand.
#[cfg(test)]
pub mod sample {
    use super::*;

    /// An entry: kind, first sector, and the byte that each of its sectors is filled with.
    pub type Line = (Kind, u64, &'static [u8]);

    /// A log of these entries, whose header counts `count` of them.
    pub fn bytes(lines: &[Line], count: u64) -> Vec<u8> {
        let mut log = header([MAGIC, VERSION, count, 512]);
        for (kind, place, fill) in lines {
            let flags = match kind {
                Kind::Write => 0,
                Kind::WriteThrough => FUA,
                Kind::Discard => DISCARD,
                Kind::Flush => FLUSH,
            };
            log.extend(header([*place, fill.len() as u64, flags, 0]));
            if matches!(kind, Kind::Write | Kind::WriteThrough) {
                log.extend(fill.iter().flat_map(|byte| [*byte; 512]));
            }
        }
        log
    }

    pub fn header(numbers: [u64; 4]) -> Vec<u8> {
        let mut sector: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        sector.resize(512, 0);
        sector
    }

    /// The log in a file.
    pub fn file(folder: &Path, lines: &[Line]) -> PathBuf {
        let path = folder.join("log");
        std::fs::write(&path, bytes(lines, lines.len() as u64)).unwrap();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINES: [sample::Line; 5] = [
        (Kind::Write, 0, &[1, 2]),
        (Kind::Flush, 0, &[]),
        (Kind::WriteThrough, 9, &[3]),
        (Kind::Discard, 8, &[0, 0]),
        (Kind::Write, 4, &[4]),
    ];

    fn open(bytes: &[u8]) -> Result<WriteLog, LogError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, bytes).unwrap();
        WriteLog::open(&path)
    }

    #[test]
    fn entries_with_their_bytes() {
        let log = open(&sample::bytes(&LINES, 5)).unwrap();
        let seen: Vec<(Kind, u64, u64)> = log
            .entries()
            .iter()
            .map(|entry| (entry.kind, entry.offset, entry.bytes))
            .collect();
        assert_eq!(
            seen,
            [
                (Kind::Write, 0, 1024),
                (Kind::Flush, 0, 0),
                (Kind::WriteThrough, 9 * 512, 512),
                (Kind::Discard, 8 * 512, 1024),
                (Kind::Write, 4 * 512, 512),
            ]
        );
        let data = |index: usize| log.data(&log.entries()[index]).unwrap();
        assert_eq!(data(0), [[1; 512], [2; 512]].concat());
        assert_eq!((data(1), data(3)), (vec![], vec![]));
        assert_eq!(data(4), [4; 512]);
    }

    #[test]
    fn an_unfinished_end_is_left_out() {
        let whole = sample::bytes(&LINES, 4);
        let log = open(&whole[..whole.len() - 1]).unwrap();
        assert_eq!(log.entries().len(), 4);
        let log = open(&[&whole[..], &[0; 4096]].concat()).unwrap();
        assert_eq!(log.entries().len(), 5);
        // Header of the log, header and bytes of the first entry.
        let lengths = [512, 1024, 2048, 2560, u64::MAX];
        assert_eq!(lengths.map(|length| log.entries_in(length)), [0, 0, 1, 2, 5]);
    }

    #[test]
    fn what_is_no_log() {
        assert!(matches!(open(b"log"), Err(LogError::NoLog(_))));
        assert!(matches!(open(&[0; 4096]), Err(LogError::NoLog(_))));
        let whole = sample::bytes(&LINES, 5);
        assert!(matches!(
            open(&whole[..whole.len() - 1]),
            Err(LogError::Damaged { .. })
        ));
        for entry in [[0, 1, 8, 0], [0, 1, 0, 7], [0, 1, 1, 0], [u64::MAX, 1, 4, 0]] {
            let bytes = [sample::bytes(&[], 0), sample::header(entry)].concat();
            assert!(
                matches!(open(&bytes), Err(LogError::Damaged { at: 512, .. })),
                "{entry:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_are_a_log_or_none(numbers: [u64; 4], rest in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let bytes = [sample::bytes(&[], 0), sample::header(numbers), rest].concat();
            if let Ok(log) = open(&bytes) {
                prop_assert!(log.entries().iter().all(|entry| entry.end <= bytes.len() as u64));
            }
        }
    }
}
