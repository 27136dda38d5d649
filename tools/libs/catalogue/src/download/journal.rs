//! The journal of a download: what has arrived, one JSON object per line.
//!
//! The journal is not trusted: a resumed download reads every piece from the disk again and keeps those whose hash agrees.
//! So nothing has to be flushed to the disk in a certain order.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::http::Pin;
use crate::digest::Digest;
use crate::error::StoreError;
use crate::folder::Folder;

/// The largest journal that is read, in bytes. It has a line of some 90 bytes for every MiB.
const LIMIT: u64 = 256 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Record {
    /// The first line: which file this is the journal of.
    Begin {
        version: u32,
        bytes: u64,
        sha256: Digest,
        chunk_bytes: u64,
    },
    /// The version of the file on the server. Earlier entries belong to another version.
    Pin(Pin),
    /// A complete piece.
    Chunk(usize, Digest),
    /// The first bytes of a piece.
    Mark(usize, u64, Digest),
}

/// The entries of a journal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) pin: Option<Pin>,
    pub(super) chunks: Vec<(usize, Digest)>,
    /// The last mark: piece, bytes, hash.
    pub(super) mark: Option<(usize, u64, Digest)>,
}

/// A journal open for appending.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal of a file, or begins a new one if there is none or it belongs to another file.
    pub(super) fn open(
        home: &Folder,
        name: &str,
        bytes: u64,
        sha256: Digest,
        chunk_bytes: u64,
    ) -> Result<(Self, Claims), StoreError> {
        let mut file = home.writable(name)?;
        let path = home.path().join(name);
        let mut text = Vec::new();
        (&mut file)
            .take(LIMIT)
            .read_to_end(&mut text)
            .map_err(StoreError::on("read", &path))?;
        let begin = |record: &Record| {
            matches!(record, Record::Begin { version: 1, bytes: b, sha256: s, chunk_bytes: c }
                if (*b, *s, *c) == (bytes, sha256, chunk_bytes))
        };
        let (claims, end) = read(&text, begin);
        let mut journal = Self {
            path: path.clone(),
            file,
        };
        // A line left incomplete by a power cut is removed, so that the next one does not continue it.
        journal
            .file
            .set_len(end as u64)
            .and_then(|()| journal.file.seek(SeekFrom::End(0)))
            .map_err(StoreError::on("write", &path))?;
        if end == 0 {
            journal.append(&Record::Begin {
                version: 1,
                bytes,
                sha256,
                chunk_bytes,
            })?;
        }
        Ok((journal, claims))
    }

    pub(super) fn pin(&mut self, pin: &Pin) -> Result<(), StoreError> {
        self.append(&Record::Pin(pin.clone()))
    }

    pub(super) fn chunk(&mut self, index: usize, digest: Digest) -> Result<(), StoreError> {
        self.append(&Record::Chunk(index, digest))
    }

    pub(super) fn mark(&mut self, index: usize, bytes: u64, digest: Digest) -> Result<(), StoreError> {
        self.append(&Record::Mark(index, bytes, digest))
    }

    fn append(&mut self, record: &Record) -> Result<(), StoreError> {
        // Plain fields are always JSON.
        let mut line = serde_json::to_vec(record).unwrap_or_default();
        line.push(b'\n');
        self.file
            .write_all(&line)
            .map_err(StoreError::on("write", &self.path))
    }
}

/// The entries, and where the last good line ends; no entries and 0 if the first line is not the expected one.
fn read(text: &[u8], begin: impl Fn(&Record) -> bool) -> (Claims, usize) {
    let mut claims = Claims::default();
    let mut end = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let whole = line.ends_with(b"\n");
        let record = serde_json::from_slice::<Record>(line).ok().filter(|_| whole);
        match record {
            Some(record) if end == 0 => {
                if !begin(&record) {
                    return (Claims::default(), 0);
                }
            }
            Some(Record::Pin(pin)) => {
                claims = Claims {
                    pin: Some(pin),
                    ..Claims::default()
                };
            }
            Some(Record::Chunk(index, digest)) => claims.chunks.push((index, digest)),
            Some(Record::Mark(index, bytes, digest)) => claims.mark = Some((index, bytes, digest)),
            Some(Record::Begin { .. }) | None => break,
        }
        end += line.len();
    }
    (claims, end)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::chunks::Hasher;

    fn digest(text: &str) -> Digest {
        Hasher::of(text.as_bytes())
    }

    fn open(path: &Path, bytes: u64) -> (Journal, Claims) {
        let home = Folder::open(path.parent().unwrap()).unwrap().unwrap();
        Journal::open(&home, "f.journal", bytes, digest("file"), 8).unwrap()
    }

    #[test]
    fn a_journal_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.journal");
        let (mut journal, claims) = open(&path, 20);
        assert_eq!(claims, Claims::default());
        let pin = Pin {
            etag: Some("\"1\"".into()),
            modified: None,
        };
        journal.pin(&pin).unwrap();
        journal.chunk(0, digest("a")).unwrap();
        journal.mark(1, 3, digest("b")).unwrap();
        drop(journal);
        let (mut journal, claims) = open(&path, 20);
        let expected = Claims {
            pin: Some(pin.clone()),
            chunks: vec![(0, digest("a"))],
            mark: Some((1, 3, digest("b"))),
        };
        assert_eq!(claims, expected);
        // Another version on the server: earlier entries are discarded.
        let other = Pin {
            etag: Some("\"2\"".into()),
            modified: None,
        };
        journal.pin(&other).unwrap();
        let (_, claims) = open(&path, 20);
        assert_eq!(
            claims,
            Claims {
                pin: Some(other),
                ..Claims::default()
            }
        );
        // Another file in the catalogue: the journal begins anew.
        assert_eq!(open(&path, 21).1, Claims::default());
        assert_eq!(open(&path, 20).1, Claims::default());
    }

    #[test]
    fn a_torn_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.journal");
        let (mut journal, _) = open(&path, 20);
        journal.chunk(0, digest("a")).unwrap();
        journal.chunk(1, digest("b")).unwrap();
        let text = std::fs::read(&path).unwrap();
        let end_of_first = text.iter().take_while(|&&byte| byte != b'\n').count() + 1;
        for length in 0..text.len() {
            std::fs::write(&path, &text[..length]).unwrap();
            let (mut journal, claims) = open(&path, 20);
            assert!(claims.chunks.len() <= 1, "cut at {length}");
            journal.chunk(2, digest("c")).unwrap();
            let (_, claims) = open(&path, 20);
            let last = claims.chunks.last().copied();
            assert_eq!(last, Some((2, digest("c"))), "cut at {length} of {end_of_first}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(\\{\"begin\":\\{|\\{\"chunk\":\\[0,|[\"{}\\[\\]a-z0-9:,\n]){0,60}") {
            let (_, end) = read(text.as_bytes(), |_| true);
            proptest::prop_assert!(end <= text.len());
        }
    }
}
