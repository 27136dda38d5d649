//! dm-verity hash trees, as Linux documents them (Documentation/admin-guide/device-mapper/verity.rst, on-disk format of
//! cryptsetup's veritysetup): reading a whole root file system against its root hash.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::aligned::{AlignedBuffer, CHUNK};
use crate::source::ReadAt;

/// Data and hash blocks: the only size that we write.
const BLOCK: u64 = 4096;
/// The same as a length.
const BLOCK_LEN: usize = 4096;
/// Bytes of a SHA-256.
const HASH: usize = 32;
/// Hashes in one hash block.
const PER_BLOCK: u64 = BLOCK / HASH as u64;

/// Why a verification failed.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// It cannot be read.
    #[error("cannot read the {side} at byte {at}: {source}")]
    Read {
        /// Which of the two.
        side: Side,
        /// Where.
        at: u64,
        /// Why not.
        source: io::Error,
    },
    /// No superblock, or one of another kind.
    #[error("{0}")]
    Format(&'static str),
    /// A block has another hash.
    #[error("block {block} of the {of} does not have the hash that the tree says")]
    Mismatch {
        /// Number of the block.
        block: u64,
        /// What it is a block of.
        of: Layer,
    },
    /// Asked to stop.
    #[error("stopped")]
    Stopped,
}

/// What a tree is checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The file system.
    Data,
    /// The hash tree over it.
    Tree,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "data",
            Self::Tree => "hash tree",
        })
    }
}

/// What a block with another hash is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The file system.
    Data,
    /// A level of the tree; 0 lies over the data.
    Level(usize),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => f.write_str("data"),
            Self::Level(depth) => write!(f, "hash tree's level {depth}"),
        }
    }
}

/// The first block of a hash device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    data_blocks: u64,
    salt: Vec<u8>,
}

impl Superblock {
    /// Parses it: little-endian fields, SHA-256, version 1, blocks of 4096 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, VerityError> {
        let field = |at: usize, len: usize| {
            bytes
                .get(at..at + len)
                .ok_or(VerityError::Format("the superblock is cut off"))
        };
        let number = |at: usize, len: usize| {
            field(at, len).map(|bytes| {
                bytes
                    .iter()
                    .rev()
                    .fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
            })
        };
        if field(0, 8)? != b"verity\0\0" {
            return Err(VerityError::Format("there is no dm-verity superblock"));
        }
        if number(8, 4)? != 1 || number(12, 4)? != 1 {
            return Err(VerityError::Format("the dm-verity format is not version 1"));
        }
        if field(32, 7)? != b"sha256\0" || number(64, 4)? != BLOCK || number(68, 4)? != BLOCK {
            return Err(VerityError::Format(
                "the tree does not use SHA-256 over blocks of 4096 bytes",
            ));
        }
        let salt_len = usize::try_from(number(80, 2)?).unwrap_or(usize::MAX);
        if salt_len > 256 {
            return Err(VerityError::Format("the salt is longer than 256 bytes"));
        }
        let data_blocks = number(72, 8)?;
        if data_blocks == 0 || data_blocks > u64::MAX / BLOCK / 2 {
            return Err(VerityError::Format("the number of data blocks is impossible"));
        }
        Ok(Self {
            data_blocks,
            salt: field(88, salt_len)?.to_vec(),
        })
    }

    /// Reads that of a tree.
    pub fn read(tree: &(impl ReadAt + ?Sized)) -> Result<Self, VerityError> {
        let mut block = AlignedBuffer::new(BLOCK_LEN);
        tree.read_exact_at(block.bytes_mut(), 0)
            .map_err(failed(Side::Tree, 0))?;
        Self::parse(block.bytes())
    }

    /// Bytes of the data that the tree is over.
    pub const fn data_bytes(&self) -> u64 {
        self.data_blocks * BLOCK
    }

    /// Bytes of the tree, superblock included.
    pub fn tree_bytes(&self) -> u64 {
        (1 + self.levels().iter().sum::<u64>()) * BLOCK
    }

    /// Blocks of each level, the one above the data first.
    fn levels(&self) -> Vec<u64> {
        let mut levels = Vec::new();
        let mut below = self.data_blocks;
        while below > 1 || levels.is_empty() {
            below = below.div_ceil(PER_BLOCK);
            levels.push(below);
        }
        levels
    }

    fn hash(&self, block: &[u8]) -> [u8; HASH] {
        Sha256::new()
            .chain_update(&self.salt)
            .chain_update(block)
            .finalize()
            .into()
    }
}

/// For `map_err` on a read.
fn failed(side: Side, at: u64) -> impl FnOnce(io::Error) -> VerityError {
    move |source| VerityError::Read { side, at, source }
}

/// Reads data and tree, and compares every block with the root hash. Memory and offsets of the reads are multiples of
/// 4096 bytes, as direct access asks for.
/// `told` is called with the data bytes read so far; `false` stops the reading.
pub fn verify(
    data: &(impl ReadAt + ?Sized),
    tree: &(impl ReadAt + ?Sized),
    root_hash: &[u8; HASH],
    told: &(dyn Fn(u64) -> bool + Sync),
) -> Result<(), VerityError> {
    let superblock = Superblock::read(tree)?;
    let hashes = trusted_hashes(&superblock, tree, root_hash)?;
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let stopped = AtomicBool::new(false);
    let worker = || -> Result<(), VerityError> {
        let mut buffer = AlignedBuffer::new(CHUNK);
        loop {
            let at = next.fetch_add(CHUNK as u64, Ordering::Relaxed);
            let left = superblock.data_bytes().saturating_sub(at);
            if left == 0 {
                return Ok(());
            }
            if stopped.load(Ordering::Relaxed) {
                return Err(VerityError::Stopped);
            }
            let len = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let chunk = &mut buffer.bytes_mut()[..len];
            data.read_exact_at(chunk, at).map_err(failed(Side::Data, at))?;
            let first = at / BLOCK;
            for (block, bytes) in (first..).zip(chunk.chunks_exact(BLOCK_LEN)) {
                let wanted = usize::try_from(block)
                    .ok()
                    .and_then(|block| hashes.get(block * HASH..(block + 1) * HASH));
                if wanted != Some(&superblock.hash(bytes)[..]) {
                    stopped.store(true, Ordering::Relaxed);
                    return Err(VerityError::Mismatch {
                        block,
                        of: Layer::Data,
                    });
                }
            }
            if !told(done.fetch_add(len as u64, Ordering::Relaxed) + len as u64) {
                stopped.store(true, Ordering::Relaxed);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
    let results: Vec<Result<(), VerityError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or(Err(VerityError::Stopped)))
            .collect()
    });
    // A wrong block says more than the workers that stopped because of it.
    let mut error = None;
    for result in results {
        match result {
            Ok(()) => {}
            Err(VerityError::Stopped) if error.is_some() => {}
            Err(other) => error = Some(other),
        }
    }
    error.map_or(Ok(()), Err)
}

/// The hashes of the data blocks, once every level above them has been compared with the one above it.
fn trusted_hashes(
    superblock: &Superblock,
    tree: &(impl ReadAt + ?Sized),
    root_hash: &[u8; HASH],
) -> Result<Vec<u8>, VerityError> {
    let levels = superblock.levels();
    // The highest level stands first, behind the superblock.
    let mut at = BLOCK;
    let mut wanted = root_hash.to_vec();
    for (depth, blocks) in levels.iter().enumerate().rev() {
        let buffer = level(tree, at, blocks * BLOCK)?;
        for (block, bytes) in buffer.bytes().chunks_exact(BLOCK_LEN).enumerate() {
            if wanted.get(block * HASH..(block + 1) * HASH) != Some(&superblock.hash(bytes)[..]) {
                return Err(VerityError::Mismatch {
                    block: block as u64,
                    of: Layer::Level(depth),
                });
            }
        }
        wanted = buffer.bytes().to_vec();
        at += blocks * BLOCK;
    }
    Ok(wanted)
}

/// One level of the tree. Its size comes from the superblock, which is not trusted yet: the last block is read first, so
/// that a tree that ends earlier does not make us ask for memory.
fn level(tree: &(impl ReadAt + ?Sized), at: u64, bytes: u64) -> Result<AlignedBuffer, VerityError> {
    let mut last = AlignedBuffer::new(BLOCK_LEN);
    let end = at + bytes - BLOCK;
    tree.read_exact_at(last.bytes_mut(), end)
        .map_err(failed(Side::Tree, end))?;
    let len = usize::try_from(bytes).map_err(|_| VerityError::Format("the tree is too large"))?;
    let mut buffer = AlignedBuffer::new(len);
    tree.read_exact_at(buffer.bytes_mut(), at)
        .map_err(failed(Side::Tree, at))?;
    Ok(buffer)
}

/// A root hash from its 64 hexadecimal digits.
pub fn parse_root_hash(text: &str) -> Option<[u8; HASH]> {
    let mut hash = [0; HASH];
    if text.len() != 2 * HASH {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests;
