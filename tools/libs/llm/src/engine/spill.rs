//! Prefixes on disk: what memory has no room for, and what outlives the process.
//!
//! One file for each prefix: `RYZPFX1\n`, the number of tokens (u32), the tokens (u32 each), the state as the model writes it, and a CRC-32 of all
//! that before it; little-endian. A folder belongs to one model. Files are written under another name first; a broken one is removed.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const MAGIC: [u8; 8] = *b"RYZPFX1\n";
const SUFFIX: &str = "prefix";

/// Where prefixes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpillOptions {
    /// A folder for this model alone: its name has to tell the weights apart. Made when it is not there.
    pub folder: PathBuf,
    /// Bytes that may lie there.
    pub bytes: u64,
}

/// The folder.
#[derive(Debug)]
pub(super) struct Spill {
    options: SpillOptions,
}

/// A prefix that was found in the folder.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) tokens: Vec<u32>,
    pub(super) bytes: u64,
    pub(super) written: std::time::SystemTime,
}

impl Spill {
    pub(super) fn open(options: SpillOptions) -> io::Result<Spill> {
        fs::create_dir_all(&options.folder)?;
        Ok(Spill { options })
    }

    pub(super) fn limit(&self) -> u64 {
        self.options.bytes
    }

    /// What lies in the folder, oldest first. What is no prefix file of this version is removed; other files are left alone.
    pub(super) fn scan(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.options.folder)? {
            let path = entry?.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some(SUFFIX) => match header(&path) {
                    Ok(prefix) if self.path(&prefix.tokens) == path => found.push(prefix),
                    _ => remove(&path),
                },
                Some("part") => remove(&path),
                _ => {}
            }
        }
        found.sort_by_key(|f| f.written);
        Ok(found)
    }

    /// Writes a prefix; its size.
    pub(super) fn save(&self, tokens: &[u32], state: &[u8]) -> io::Result<u64> {
        let path = self.path(tokens);
        let part = path.with_extension("part");
        let mut head = Vec::with_capacity(12 + tokens.len() * 4);
        head.extend(MAGIC);
        head.extend(
            u32::try_from(tokens.len())
                .map_err(io::Error::other)?
                .to_le_bytes(),
        );
        head.extend(tokens.iter().flat_map(|t| t.to_le_bytes()));
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head);
        sum.update(state);
        let write = || {
            let mut file = fs::File::create(&part)?;
            file.write_all(&head)?;
            file.write_all(state)?;
            file.write_all(&sum.clone().finalize().to_le_bytes())?;
            drop(file);
            fs::rename(&part, &path)
        };
        if let Err(error) = write() {
            remove(&part);
            return Err(error);
        }
        Ok((head.len() + state.len() + 4) as u64)
    }

    /// The state of a prefix; none when the file is damaged or gone.
    pub(super) fn load(&self, tokens: &[u32]) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(tokens)).ok()?;
        let sum = bytes.split_off(bytes.len().checked_sub(4)?);
        let head = 12 + tokens.len() * 4;
        if bytes.len() < head || crc32fast::hash(&bytes).to_le_bytes() != sum[..] {
            return None;
        }
        Some(bytes.split_off(head))
    }

    pub(super) fn delete(&self, tokens: &[u32]) {
        remove(&self.path(tokens));
    }

    fn path(&self, tokens: &[u32]) -> PathBuf {
        let mut hash = Sha256::new();
        for token in tokens {
            hash.update(token.to_le_bytes());
        }
        let name: String = hash
            .finalize()
            .iter()
            .take(16)
            .map(|b| format!("{b:02x}"))
            .collect();
        self.options.folder.join(name).with_extension(SUFFIX)
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
    let mut tokens = Vec::new();
    file.take(count * 4).read_to_end(&mut tokens)?;
    let tokens = tokens
        .as_chunks()
        .0
        .iter()
        .map(|b| u32::from_le_bytes(*b))
        .collect();
    Ok(Found {
        tokens,
        bytes: about.len(),
        written: about.modified()?,
    })
}
