//! The download of one file.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::error::DownloadError;
use super::http::{Answer, Ask, Pin, RequestError};
use super::journal::{Claims, Journal};
use super::source::Source;
use super::tuning::Tuning;
use super::watch::{Stage, Watch};
use crate::beside::{journal_name, part_name};
use crate::chunks::{ChunkList, Hasher};
use crate::digest::Digest;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::model::ModelFile;

/// How often a piece may arrive damaged, and how often a file may not read back as written, before the download fails.
const WRONG: u32 = 3;

/// How often the server may report another version of the file before its version information is ignored.
const CHANGES: u32 = 2;

/// The intervals at which a wait checks for Ctrl-C.
const NAP: Duration = Duration::from_millis(200);

/// Bytes read at a time.
const BUFFER: usize = 256 << 10;

/// An incomplete piece, of which only the first bytes have arrived.
#[derive(Debug, Default)]
struct Begun {
    chunk: usize,
    bytes: u64,
    hasher: Hasher,
}

/// A download of one file.
pub(super) struct Transfer<'a> {
    file: &'a ModelFile,
    home: &'a Folder,
    part_path: PathBuf,
    part: File,
    journal: Journal,
    source: &'a Source,
    /// The URL or path of the file at the source.
    place: String,
    tuning: &'a Tuning,
    watch: &'a mut dyn Watch,
    /// The expected hashes of the pieces, if known.
    known: Option<Vec<Digest>>,
    /// The hashes of the pieces that have arrived.
    have: Vec<Option<Digest>>,
    begun: Begun,
    /// The piece that an earlier download left incomplete, until its turn comes.
    left: Option<Begun>,
    pin: Option<Pin>,
    changes: u32,
    wrong: Vec<u32>,
    received: u64,
}

/// Why a request ended early.
enum Ended {
    Failed(RequestError),
    Stopped,
    Fatal(DownloadError),
}

impl From<RequestError> for Ended {
    fn from(error: RequestError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Fatal(error.into())
    }
}

/// Removes what a download of a file has left.
pub(super) fn remove(home: &Folder, file: &ModelFile) -> Result<(), StoreError> {
    home.remove(&journal_name(&file.name))?;
    home.remove(&part_name(&file.name))
}

impl<'a> Transfer<'a> {
    /// Resumes or begins a download. `known` are the expected hashes of the pieces, if published or kept.
    pub(super) fn open(
        file: &'a ModelFile,
        home: &'a Folder,
        known: Option<Vec<Digest>>,
        (source, place): (&'a Source, String),
        tuning: &'a Tuning,
        watch: &'a mut dyn Watch,
    ) -> Result<Self, DownloadError> {
        let part_name = part_name(&file.name);
        let part = home.writable(&part_name)?;
        let journal_name = journal_name(&file.name);
        let (journal, claims) =
            Journal::open(home, &journal_name, file.bytes, file.sha256, tuning.chunk_bytes)?;
        let count = usize::try_from(file.bytes.div_ceil(tuning.chunk_bytes)).unwrap_or(usize::MAX);
        let mut transfer = Self {
            file,
            home,
            part_path: home.path().join(part_name),
            part,
            journal,
            source,
            place,
            tuning,
            watch,
            known: known.filter(|known| known.len() == count),
            have: vec![None; count],
            begun: Begun::default(),
            left: None,
            pin: claims.pin.clone(),
            changes: 0,
            wrong: vec![0; count],
            received: 0,
        };
        transfer.read_back(&claims)?;
        Ok(transfer)
    }

    /// Fetches what is missing, then reads the whole file from the disk and returns its hashes.
    pub(super) fn run(mut self) -> Result<ChunkList, DownloadError> {
        for _ in 0..WRONG {
            self.fetch()?;
            let list = self.read_whole()?;
            let mut whole = true;
            for (index, (had, found)) in self.have.iter_mut().zip(&list.chunks).enumerate() {
                if had.as_ref() != Some(found) {
                    self.watch.note(&format!(
                        "piece {index} does not read back as written and will be fetched again"
                    ));
                    *had = None;
                    whole = false;
                }
            }
            if !whole {
                continue;
            }
            if list.sha256 == self.file.sha256 {
                return Ok(list);
            }
            // It is unknown which piece is wrong, so nothing is worth keeping.
            remove(self.home, self.file)?;
            return Err(DownloadError::WrongFile {
                place: self.place.clone(),
                expected: self.file.sha256,
                found: list.sha256,
            });
        }
        Err(DownloadError::Disk { path: self.part_path })
    }

    /// Keeps the pieces on disk that match the known hashes or, without those, the journal.
    fn read_back(&mut self, claims: &Claims) -> Result<(), DownloadError> {
        let there = self
            .part
            .metadata()
            .map_err(StoreError::on("look at", &self.part_path))?
            .len();
        let mut claimed: Vec<Option<Digest>> = match &self.known {
            Some(known) => known.iter().copied().map(Some).collect(),
            None => vec![None; self.have.len()],
        };
        if self.known.is_none() {
            for &(index, digest) in &claims.chunks {
                if let Some(place) = claimed.get_mut(index) {
                    *place = Some(digest);
                }
            }
        }
        for (index, claim) in claimed.into_iter().enumerate() {
            let (start, end) = self.bounds(index);
            let Some(claim) = claim.filter(|_| end <= there) else {
                continue;
            };
            self.have[index] = (self.hash(start, end)?.finish() == claim).then_some(claim);
            self.tell(Stage::Resuming, end);
            if self.watch.stopped() {
                return Err(self.stopped());
            }
        }
        if let Some((chunk, bytes, claim)) = claims.mark
            && self.have.get(chunk) == Some(&None)
        {
            let (start, end) = self.bounds(chunk);
            if bytes < end - start && start + bytes <= there {
                let hasher = self.hash(start, start + bytes)?;
                if hasher.clone().finish() == claim {
                    self.left = Some(Begun { chunk, bytes, hasher });
                }
            }
        }
        Ok(())
    }

    fn fetch(&mut self) -> Result<(), DownloadError> {
        let mut failures = 0;
        while let Some((start, end)) = self.missing() {
            if self.watch.stopped() {
                return Err(self.stopped());
            }
            let before = self.received;
            let (why, wait) = match self.request(start, end) {
                Ok(()) => {
                    failures = 0;
                    continue;
                }
                Err(Ended::Fatal(error)) => return Err(error),
                Err(Ended::Stopped) => return Err(self.stopped()),
                Err(Ended::Failed(RequestError::Refused(why))) => {
                    return Err(DownloadError::Refused {
                        place: self.place.clone(),
                        why,
                    });
                }
                Err(Ended::Failed(RequestError::Length(found))) => {
                    return Err(DownloadError::Length {
                        place: self.place.clone(),
                        expected: self.file.bytes,
                        found,
                    });
                }
                Err(Ended::Failed(RequestError::Broken { why, wait })) => (why, wait),
            };
            if self.received > before {
                failures = 0;
            }
            failures += 1;
            if failures >= self.tuning.attempts {
                return Err(DownloadError::GaveUp {
                    place: self.place.clone(),
                    why,
                    attempts: failures,
                });
            }
            let wait = wait.unwrap_or_else(|| {
                let doubled = self.tuning.first_wait.saturating_mul(1 << (failures - 1).min(16));
                doubled.min(self.tuning.longest_wait)
            });
            self.watch
                .note(&format!("{why}; trying again in {} s", wait.as_secs_f32().ceil()));
            self.wait(wait)?;
        }
        Ok(())
    }

    /// Requests the bytes from `start` up to, but not including, `end`, and stores what arrives.
    fn request(&mut self, start: u64, end: u64) -> Result<(), Ended> {
        let answer = self.source.get(&Ask {
            place: self.place.clone(),
            start,
            end: Some(end),
            total: Some(self.file.bytes),
            pin: self.pin.clone().filter(|_| self.changes < CHANGES),
        })?;
        self.check_version(answer.pin.as_ref())?;
        let taken = self.take(answer, start, end);
        self.mark_what_is_begun()?;
        taken
    }

    /// Rejects an answer with another version of the file than the data on disk, and discards that data except for pieces
    /// with known hashes.
    fn check_version(&mut self, pin: Option<&Pin>) -> Result<(), Ended> {
        let Some(pin) = pin else {
            return Ok(());
        };
        let Some(known) = &self.pin else {
            self.journal.pin(pin)?;
            self.pin = Some(pin.clone());
            // A new version in the journal invalidates the entries before it.
            return Ok(self.claim_again()?);
        };
        if known.agrees(pin) || self.changes >= CHANGES {
            return Ok(());
        }
        self.changes += 1;
        self.journal.pin(pin)?;
        self.pin = Some(pin.clone());
        self.begun = Begun::default();
        self.left = None;
        if self.known.is_none() {
            self.have.fill(None);
        }
        self.claim_again()?;
        Err(Ended::Failed(RequestError::Broken {
            why: "the file has changed on the server".to_owned(),
            wait: Some(Duration::ZERO),
        }))
    }

    fn claim_again(&mut self) -> Result<(), StoreError> {
        for (index, digest) in self.have.iter().enumerate() {
            if let Some(digest) = digest {
                self.journal.chunk(index, *digest)?;
            }
        }
        self.mark_what_is_begun()
    }

    fn take(&mut self, mut answer: Answer, start: u64, end: u64) -> Result<(), Ended> {
        let mut at = answer.from;
        let mut buffer = vec![0; BUFFER];
        while at < end {
            if self.watch.stopped() {
                return Err(Ended::Stopped);
            }
            // A server without support for ranges sends the beginning again.
            let until = if at < start { start } else { end };
            let most = usize::try_from(until - at).unwrap_or(BUFFER).min(BUFFER);
            let length = match answer.body.read(&mut buffer[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(RequestError::broken(error.to_string()).into()),
                Ok(0) => {
                    return Err(RequestError::broken(format!(
                        "the server closed the connection at byte {at} of {end}"
                    ))
                    .into());
                }
                Ok(length) => length,
            };
            if at >= start {
                self.keep(at, &buffer[..length])?;
            }
            at += length as u64;
        }
        Ok(())
    }

    /// Writes bytes at their offset, and closes the pieces that they complete.
    fn keep(&mut self, mut at: u64, mut bytes: &[u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            let chunk = usize::try_from(at / self.tuning.chunk_bytes).unwrap_or(usize::MAX);
            let (start, end) = self.bounds(chunk);
            if self.begun.chunk != chunk || start + self.begun.bytes != at {
                self.begun = Begun {
                    chunk,
                    ..Begun::default()
                };
                self.left.take_if(|left| left.chunk == chunk);
            }
            let room = usize::try_from(end - at).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.part
                .write_all_at(now, at)
                .map_err(StoreError::on("write", &self.part_path))?;
            self.begun.hasher.update(now);
            let before = self.begun.bytes;
            self.begun.bytes += now.len() as u64;
            self.received += now.len() as u64;
            at += now.len() as u64;
            bytes = later;
            if at == end {
                self.close(chunk)?;
            } else if self.begun.bytes / self.tuning.mark_bytes > before / self.tuning.mark_bytes {
                self.mark()?;
            }
            self.tell(Stage::Fetching, self.done());
        }
        Ok(())
    }

    /// Checks a piece that has arrived completely.
    fn close(&mut self, chunk: usize) -> Result<(), Ended> {
        let digest = std::mem::take(&mut self.begun).hasher.finish();
        let right = self.known.as_ref().map(|known| known[chunk]);
        if right.is_none_or(|right| right == digest) {
            self.have[chunk] = Some(digest);
            return Ok(self.journal.chunk(chunk, digest)?);
        }
        self.wrong[chunk] += 1;
        if self.wrong[chunk] >= WRONG {
            return Err(Ended::Fatal(DownloadError::Chunk {
                place: self.place.clone(),
                chunk,
                times: self.wrong[chunk],
            }));
        }
        self.watch.note(&format!(
            "piece {chunk} arrived with a wrong SHA-256 and will be fetched again"
        ));
        Ok(())
    }

    fn mark_what_is_begun(&mut self) -> Result<(), StoreError> {
        // Only the last mark counts, and the piece left incomplete may still be needed.
        let begun = [Some(&self.begun), self.left.as_ref()];
        for begun in begun.into_iter().flatten().filter(|begun| begun.bytes > 0) {
            let digest = begun.hasher.clone().finish();
            self.journal.mark(begun.chunk, begun.bytes, digest)?;
        }
        Ok(())
    }

    fn mark(&mut self) -> Result<(), StoreError> {
        let digest = self.begun.hasher.clone().finish();
        self.journal.mark(self.begun.chunk, self.begun.bytes, digest)
    }

    fn read_whole(&mut self) -> Result<ChunkList, DownloadError> {
        let failed = |action| StoreError::on(action, &self.part_path);
        self.part.set_len(self.file.bytes).map_err(failed("write"))?;
        self.part.sync_all().map_err(failed("write"))?;
        self.part.seek(SeekFrom::Start(0)).map_err(failed("read"))?;
        let (file, watch) = (self.file, &mut self.watch);
        let list = ChunkList::read(&mut self.part, self.tuning.chunk_bytes, &mut |bytes| {
            watch.progress(&file.name, Stage::Checking, bytes, file.bytes);
            !watch.stopped()
        });
        match list {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(self.stopped()),
            list => Ok(list.map_err(StoreError::on("read", &self.part_path))?),
        }
    }

    /// The first missing range of bytes: its start, and its end (exclusive).
    fn missing(&mut self) -> Option<(u64, u64)> {
        let first = self.have.iter().position(Option::is_none)?;
        if let Some(left) = self.left.take_if(|left| left.chunk == first) {
            self.begun = left;
        }
        let run = self.have[first..].iter().take_while(|had| had.is_none()).count();
        let begun = if self.begun.chunk == first {
            self.begun.bytes
        } else {
            0
        };
        Some((self.bounds(first).0 + begun, self.bounds(first + run - 1).1))
    }

    /// The start and the end (exclusive) of a piece.
    fn bounds(&self, chunk: usize) -> (u64, u64) {
        let start = chunk as u64 * self.tuning.chunk_bytes;
        (start, (start + self.tuning.chunk_bytes).min(self.file.bytes))
    }

    fn hash(&self, start: u64, end: u64) -> Result<Hasher, StoreError> {
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; BUFFER];
        let mut at = start;
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(BUFFER).min(BUFFER);
            self.part
                .read_exact_at(&mut buffer[..most], at)
                .map_err(StoreError::on("read", &self.part_path))?;
            hasher.update(&buffer[..most]);
            at += most as u64;
        }
        Ok(hasher)
    }

    fn done(&self) -> u64 {
        let whole: u64 = (0..self.have.len())
            .filter(|&chunk| self.have[chunk].is_some())
            .map(|chunk| self.bounds(chunk).1 - self.bounds(chunk).0)
            .sum();
        let left = self.left.as_ref().map_or(0, |left| left.bytes);
        whole + self.begun.bytes + left
    }

    fn tell(&mut self, stage: Stage, done: u64) {
        self.watch.progress(&self.file.name, stage, done, self.file.bytes);
    }

    fn wait(&mut self, time: Duration) -> Result<(), DownloadError> {
        let mut left = time;
        while !left.is_zero() {
            if self.watch.stopped() {
                return Err(self.stopped());
            }
            let nap = left.min(NAP);
            self.watch.sleep(nap);
            left -= nap;
        }
        Ok(())
    }

    fn stopped(&self) -> DownloadError {
        DownloadError::Stopped {
            file: self.file.name.clone(),
            done: self.done(),
            total: self.file.bytes,
        }
    }
}
