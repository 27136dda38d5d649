//! The hashes of a file's pieces.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// The size of a piece: 8 MiB.
pub const CHUNK_BYTES: u64 = 8 << 20;

/// An incremental SHA-256.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The SHA-256 of all bytes added.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }

    /// The SHA-256 of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        let mut hasher = Self::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// The hashes of a complete file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChunkList {
    /// Version of this format: 1.
    pub version: u32,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file.
    pub sha256: Digest,
    /// The size of a piece in bytes; the last may be shorter.
    pub chunk_bytes: u64,
    /// SHA-256 of every piece.
    pub chunks: Vec<Digest>,
}

impl ChunkList {
    /// Reads a file to its end. `seen` is called with the bytes read so far and stops the reading by returning `false`.
    pub fn read(
        reader: &mut dyn Read,
        chunk_bytes: u64,
        seen: &mut dyn FnMut(u64) -> bool,
    ) -> io::Result<Self> {
        let (mut whole, mut chunk) = (Hasher::default(), Hasher::default());
        let (mut bytes, mut in_chunk) = (0_u64, 0_u64);
        let mut chunks = Vec::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            let room = usize::try_from(chunk_bytes - in_chunk).unwrap_or(usize::MAX);
            let most = room.min(buffer.len());
            let length = match reader.read(&mut buffer[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                length => length?,
            };
            if length == 0 {
                break;
            }
            whole.update(&buffer[..length]);
            chunk.update(&buffer[..length]);
            bytes += length as u64;
            in_chunk += length as u64;
            if in_chunk == chunk_bytes {
                chunks.push(std::mem::take(&mut chunk).finish());
                in_chunk = 0;
            }
            if !seen(bytes) {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        if in_chunk > 0 {
            chunks.push(chunk.finish());
        }
        Ok(Self {
            version: 1,
            bytes,
            sha256: whole.finish(),
            chunk_bytes,
            chunks,
        })
    }

    /// Whether it belongs to a file of this length and is consistent.
    pub fn fits(&self, bytes: u64) -> bool {
        self.version == 1
            && self.bytes == bytes
            && self.chunk_bytes > 0
            && self.chunks.len() as u64 == bytes.div_ceil(self.chunk_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_a_file() {
        let list = ChunkList::read(&mut &b"abcabca"[..], 3, &mut |_| true).unwrap();
        assert_eq!(list.bytes, 7);
        assert_eq!(list.sha256, Hasher::of(b"abcabca"));
        assert_eq!(
            list.chunks,
            [Hasher::of(b"abc"), Hasher::of(b"abc"), Hasher::of(b"a")]
        );
        assert_eq!(
            Hasher::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(list.fits(7) && !list.fits(8));
        let empty = ChunkList::read(&mut &b""[..], 3, &mut |_| true).unwrap();
        assert_eq!((empty.bytes, empty.chunks.len()), (0, 0));
    }

    #[test]
    fn reading_can_be_ended() {
        let error = ChunkList::read(&mut &b"abcabca"[..], 3, &mut |bytes| bytes < 6).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
