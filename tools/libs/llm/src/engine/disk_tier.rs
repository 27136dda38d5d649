//! Prefixes on disk: those evicted from memory, and those kept across restarts.
//!
//! There is a file for each prefix: `RYZPFX2\n`, the length of its key (u32), the key (u32 each: the owner, then the tokens), the
//! model's serialised state, and a CRC-32 of everything before it; little-endian. A folder belongs to one model. Files are written under another name first; damaged ones
//! are removed. They contain conversations, so only the service may read them.
//!
//! A separate thread writes the files: a state has hundreds of megabytes, and no request should wait for the disk.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::inference::State;

const MAGIC: [u8; 8] = *b"RYZPFX2\n";
const SUFFIX: &str = "prefix";
/// Bytes of the checksum.
const SUM: u64 = 4;

/// Options of the disk tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskTierOptions {
    /// The folder, for this model only: its name must identify the weights. Created if missing.
    pub folder: PathBuf,
    /// The largest total size of the files in bytes.
    pub bytes: u64,
}

/// The most bytes of states in the queue. Beyond it, adding blocks, so that memory is bounded.
const BACKLOG: usize = 64 << 20;

/// The folder and its thread.
#[derive(Debug)]
pub(super) struct DiskTier<S> {
    options: DiskTierOptions,
    shared: Arc<Shared<S>>,
}

/// State shared by the thread and the tree.
#[derive(Debug)]
struct Shared<S> {
    queue: Mutex<Queue<S>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Queue<S> {
    /// In order; the first may be running.
    tasks: VecDeque<Task<S>>,
    /// Bytes of the queued states.
    bytes: usize,
    written: Vec<Written>,
    closed: bool,
}

#[derive(Debug)]
enum Task<S> {
    Write { key: Vec<u32>, state: S },
    Delete { key: Vec<u32> },
}

impl<S> Task<S> {
    fn key(&self) -> &[u32] {
        match self {
            Task::Write { key, .. } | Task::Delete { key } => key,
        }
    }
}

/// The result of writing a prefix.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) key: Vec<u32>,
    /// The size of the file.
    pub(super) bytes: io::Result<u64>,
}

/// A kept prefix.
pub(super) enum Kept<S> {
    /// It was still in the queue.
    State(S),
    /// Its file.
    File(Saved),
}

/// The file of a prefix, at the beginning of its state.
#[derive(Debug)]
pub(super) struct Saved {
    /// What is before its checksum.
    rest: io::Take<Summed<BufReader<fs::File>>>,
}

/// Passes bytes on and computes their checksum.
#[derive(Debug)]
struct Summed<T> {
    inner: T,
    sum: crc32fast::Hasher,
    bytes: u64,
}

impl<T> Summed<T> {
    fn new(inner: T) -> Self {
        Summed {
            inner,
            sum: crc32fast::Hasher::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.add(&bytes[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.add(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Saved {
    fn open(path: &Path, key: &[u32]) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        let before_sum = file.metadata()?.len().checked_sub(SUM);
        let before_sum = before_sum.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut rest = Summed::new(BufReader::new(file)).take(before_sum);
        // The name of the file is the hash of its key.
        let head = 12 + key.len() as u64 * 4;
        if io::copy(&mut (&mut rest).take(head), &mut io::sink())? < head {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { rest })
    }

    /// What `restore` reads from it, without a copy of the whole; `None` if it is damaged.
    pub(super) fn restore<S>(
        mut self,
        restore: impl FnOnce(&mut dyn Read) -> Result<S, String>,
    ) -> Option<S> {
        let restored = restore(&mut self.rest);
        let unread = self.rest.limit() > 0;
        let Summed { mut inner, sum, .. } = self.rest.into_inner();
        let mut expected = [0; 4];
        inner.read_exact(&mut expected).ok()?;
        if unread || sum.finalize().to_le_bytes() != expected {
            return None;
        }
        restored
            .inspect_err(|reason| log::warn!("cannot use a kept prefix: {reason}"))
            .ok()
    }
}

/// A prefix found in the folder.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Vec<u32>,
    pub(super) bytes: u64,
    pub(super) written: std::time::SystemTime,
}

impl<S: State> DiskTier<S> {
    /// Opens the folder and starts the thread.
    pub(super) fn open(options: DiskTierOptions) -> io::Result<DiskTier<S>> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&options.folder)?;
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                tasks: VecDeque::new(),
                bytes: 0,
                written: Vec::new(),
                closed: false,
            }),
            changed: Condvar::new(),
        });
        let disk_tier = DiskTier { options, shared };
        let (folder, shared) = (disk_tier.options.clone(), Arc::clone(&disk_tier.shared));
        std::thread::Builder::new()
            .name("llm-disk-tier".into())
            .spawn(move || run_tasks(&folder, &shared))?;
        Ok(disk_tier)
    }

    pub(super) fn limit(&self) -> u64 {
        self.options.bytes
    }

    /// Bytes of queued states.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.shared.lock().bytes
    }

    /// The results since the last call.
    pub(super) fn written(&self) -> Vec<Written> {
        std::mem::take(&mut self.shared.lock().written)
    }

    /// Waits until the queue is empty.
    pub(super) fn finish(&self) {
        let mut queue = self.shared.lock();
        while !queue.tasks.is_empty() {
            queue = self.shared.wait(queue);
        }
    }

    /// The prefixes in the folder, oldest first. Prefix files of other versions are removed; other files are left alone.
    pub(super) fn scan(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.options.folder)? {
            let path = entry?.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some(SUFFIX) => match header(&path) {
                    Ok(prefix) if self.options.path(&prefix.key) == path => found.push(prefix),
                    _ => remove(&path),
                },
                Some("part") => remove(&path),
                _ => {}
            }
        }
        found.sort_by_key(|f| f.written);
        Ok(found)
    }

    /// Queues a prefix for writing. Blocks only if the queue is full.
    pub(super) fn save(&self, key: Vec<u32>, state: S) {
        let bytes = state.bytes();
        let mut queue = self.shared.lock();
        while queue.bytes > 0 && queue.bytes.saturating_add(bytes) > BACKLOG {
            queue = self.shared.wait(queue);
        }
        queue.bytes += bytes;
        queue.tasks.push_back(Task::Write { key, state });
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// A kept prefix; `None` if its file is missing or too short.
    pub(super) fn load(&self, key: &[u32]) -> Option<Kept<S>> {
        let queue = self.shared.lock();
        match queue.tasks.iter().rfind(|task| task.key() == key) {
            Some(Task::Write { state, .. }) => return Some(Kept::State(state.fork())),
            Some(Task::Delete { .. }) => return None,
            None => drop(queue),
        }
        Saved::open(&self.options.path(key), key).ok().map(Kept::File)
    }

    pub(super) fn delete(&self, key: &[u32]) {
        self.shared
            .lock()
            .tasks
            .push_back(Task::Delete { key: key.to_vec() });
        self.shared.changed.notify_all();
    }
}

impl<S> Drop for DiskTier<S> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, Queue<S>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue<S>>) -> MutexGuard<'a, Queue<S>> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: runs the tasks of the queue in order, until it is empty and the folder is closed.
fn run_tasks<S: State>(folder: &DiskTierOptions, shared: &Shared<S>) {
    let mut queue = shared.lock();
    loop {
        let Some(first) = queue.tasks.front() else {
            if queue.closed {
                return;
            }
            queue = shared.wait(queue);
            continue;
        };
        // The task stays in the queue meanwhile, so that the prefix can be loaded from there.
        let (key, state) = match first {
            Task::Write { key, state } => (key.clone(), Some(state.fork())),
            Task::Delete { key } => (key.clone(), None),
        };
        drop(queue);
        let written = match &state {
            Some(state) => Some(folder.write(&key, state)),
            None => {
                remove(&folder.path(&key));
                None
            }
        };
        drop(state);
        queue = shared.lock();
        if let Some(Task::Write { state, .. }) = queue.tasks.pop_front() {
            queue.bytes -= state.bytes();
        }
        queue.written.extend(written.map(|bytes| Written { key, bytes }));
        shared.changed.notify_all();
    }
}

impl DiskTierOptions {
    /// Writes a prefix, without a copy of its state. Returns its size.
    fn write(&self, key: &[u32], state: &impl State) -> io::Result<u64> {
        let path = self.path(key);
        let part = path.with_extension("part");
        let mut head = Vec::with_capacity(12 + key.len() * 4);
        head.extend(MAGIC);
        head.extend(u32::try_from(key.len()).map_err(io::Error::other)?.to_le_bytes());
        head.extend(key.iter().flat_map(|element| element.to_le_bytes()));
        let write = || {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&part)?;
            let room = Limited {
                inner: BufWriter::with_capacity(64 << 10, file),
                limit: self.bytes,
                left: self.bytes,
            };
            let mut out = Summed::new(room);
            out.write_all(&head)?;
            state.save(&mut out)?;
            let sum = out.sum.clone().finalize();
            out.write_all(&sum.to_le_bytes())?;
            out.flush()?;
            fs::rename(&part, &path)?;
            Ok(out.bytes)
        };
        write().inspect_err(|_| remove(&part))
    }

    fn path(&self, key: &[u32]) -> PathBuf {
        let mut hash = Sha256::new();
        for element in key {
            hash.update(element.to_le_bytes());
        }
        let name: String = hash
            .finalize()
            .iter()
            .take(16)
            .map(|b| format!("{b:02x}"))
            .collect();
        self.folder.join(name).with_extension(SUFFIX)
    }
}

/// Fails when more is written than may lie there.
#[derive(Debug)]
struct Limited<T> {
    inner: T,
    limit: u64,
    left: u64,
}

impl<T: Write> Write for Limited<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = self.limit;
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| io::Error::other(format!("it has more than {limit} bytes")))?;
        self.inner.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        log::warn!("cannot remove {}: {error}", path.display());
    }
}

fn header(path: &Path) -> io::Result<Found> {
    let mut file = fs::File::open(path)?;
    let about = file.metadata()?;
    let mut head = [0; 12];
    file.read_exact(&mut head)?;
    let (magic, count) = head.split_at(8);
    let count = count.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
    if magic != MAGIC || 16 + count * 4 > about.len() {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut key = Vec::new();
    file.take(count * 4).read_to_end(&mut key)?;
    let key = key.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
    Ok(Found {
        key,
        bytes: about.len(),
        written: about.modified()?,
    })
}
