//! Writing an image to a device and reading it back.
//!
//! The first chunk, which holds the partition table, is written last: a device on which the work was cut short is
//! not taken for a whole image. What was left at the device's end (a backup partition table, RAID or ZFS labels) is
//! overwritten with zeros, so that nothing old is found beside the new table.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use sha2::{Digest, Sha256};

/// Bytes written or read at once.
pub const CHUNK: usize = 4 << 20;
/// Bytes cleared at the end of the device.
const TAIL: u64 = 1 << 20;
/// Alignment that direct access asks for on every disk.
const ALIGN: usize = 4096;

/// Why the image is not, or not certainly, on the device.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The ISO could not be read.
    #[error("cannot read the ISO at byte {at}; {device} now holds nothing that boots")]
    Source {
        /// The device.
        device: String,
        /// Where.
        at: u64,
        /// Why.
        source: io::Error,
    },
    /// The device is gone.
    #[error(
        "{device} vanished while it was {pass} at byte {at}: plug it in again, directly and not through a hub, see what name it has now (`lsblk`), and start over"
    )]
    Vanished {
        /// The device.
        device: String,
        /// What was done with it.
        pass: Pass,
        /// Where.
        at: u64,
        /// Why.
        source: io::Error,
    },
    /// The device failed.
    #[error(
        "{device} could not be {pass} at byte {at}: try another port, then another disk; `dmesg` says more"
    )]
    Device {
        /// The device.
        device: String,
        /// What was done with it.
        pass: Pass,
        /// Where.
        at: u64,
        /// Why.
        source: io::Error,
    },
    /// The user stopped it.
    #[error(
        "stopped after {at} of {bytes} bytes: {device} now holds nothing that boots; run the same command again to write it"
    )]
    Stopped {
        /// The device.
        device: String,
        /// Bytes done.
        at: u64,
        /// Bytes in all.
        bytes: u64,
    },
    /// The user stopped the verification.
    #[error("{device} is written, but only {at} of {bytes} bytes were verified before it was stopped")]
    NotVerified {
        /// The device.
        device: String,
        /// Bytes verified.
        at: u64,
        /// Bytes in all.
        bytes: u64,
    },
    /// It does not keep what was written.
    #[error(
        "{device} reads back differently between byte {from} and {to}: it is worn out or counterfeit; use another one"
    )]
    Different {
        /// The device.
        device: String,
        /// Beginning of the first chunk that differs.
        from: u64,
        /// Its end.
        to: u64,
    },
}

/// What is done with the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The image is written to it.
    Write,
    /// It is read back and compared.
    Verify,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "written",
            Self::Verify => "read back",
        })
    }
}

/// What is written to.
pub trait Target {
    /// Size in bytes.
    fn size(&self) -> u64;
    /// Smallest unit that can be written, in bytes.
    fn block(&self) -> usize;
    /// Writes whole blocks so that they are on the medium.
    fn write_at(&mut self, at: u64, data: &[u8]) -> io::Result<()>;
    /// Reads whole blocks from the medium.
    fn read_at(&mut self, at: u64, data: &mut [u8]) -> io::Result<()>;
    /// Empties the device's own cache.
    fn sync(&mut self) -> io::Result<()>;
    /// Whether the device is still there.
    fn present(&self) -> bool;
}

/// One image to write.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Device, for messages.
    pub name: &'a str,
    /// Size of the image.
    pub bytes: u64,
    /// Set to stop.
    pub stop: &'a AtomicBool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// SHA-256 of the image, hexadecimal.
    pub sha256: String,
    digest: [u8; 32],
    /// CRC-32 of each chunk, to say where a difference is.
    chunks: Vec<u32>,
}

impl Job<'_> {
    /// Writes the image.
    pub fn write(
        &self,
        image: &mut (impl Read + Seek),
        target: &mut impl Target,
        position: &mut dyn FnMut(u64),
    ) -> Result<Written, CopyError> {
        let block = target.block();
        let mut first = Aligned::new();
        let mut buffer = Aligned::new();
        let mut hash = Sha256::new();
        let mut chunks = Vec::new();
        image
            .seek(SeekFrom::Start(0))
            .map_err(|source| self.source_error(0, source))?;
        self.clear_ends(target, &mut buffer)?;
        for (at, length) in self.spans() {
            self.check_stop(at)?;
            let chunk = if at == 0 { &mut first } else { &mut buffer };
            let data = chunk.part(length);
            image
                .read_exact(data)
                .map_err(|source| self.source_error(at, source))?;
            hash.update(&*data);
            chunks.push(crc32fast::hash(data));
            if at > 0 {
                let padded = chunk.padded(length, block);
                target
                    .write_at(at, padded)
                    .map_err(|source| self.device_error(target, Pass::Write, at, source))?;
            }
            position(at + length as u64);
        }
        self.check_stop(self.bytes)?;
        let error = |target: &_, source| self.device_error(target, Pass::Write, self.bytes, source);
        // Everything else is on the medium before the part that makes it an image.
        target.sync().map_err(|source| error(target, source))?;
        if let Some((_, length)) = self.spans().next() {
            target
                .write_at(0, first.padded(length, block))
                .map_err(|source| error(target, source))?;
        }
        target.sync().map_err(|source| error(target, source))?;
        let digest: [u8; 32] = hash.finalize().into();
        let sha256 = digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .concat();
        Ok(Written {
            sha256,
            digest,
            chunks,
        })
    }

    /// Reads the image back and compares.
    pub fn verify(
        &self,
        written: &Written,
        target: &mut impl Target,
        position: &mut dyn FnMut(u64),
    ) -> Result<(), CopyError> {
        let block = target.block();
        let mut buffer = Aligned::new();
        let mut hash = Sha256::new();
        let different = |from, to| CopyError::Different {
            device: self.name.to_owned(),
            from,
            to,
        };
        for ((at, length), expected) in self.spans().zip(&written.chunks) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(CopyError::NotVerified {
                    device: self.name.to_owned(),
                    at,
                    bytes: self.bytes,
                });
            }
            let read = target.read_at(at, buffer.part(length.next_multiple_of(block)));
            read.map_err(|source| self.device_error(target, Pass::Verify, at, source))?;
            let data = buffer.part(length);
            if crc32fast::hash(data) != *expected {
                return Err(different(at, at + length as u64));
            }
            hash.update(&*data);
            position(at + length as u64);
        }
        let digest: [u8; 32] = hash.finalize().into();
        if digest == written.digest {
            Ok(())
        } else {
            Err(different(0, self.bytes))
        }
    }

    /// Zeros over the beginning and the end, so that a device cut short boots nothing and shows nothing old.
    fn clear_ends(&self, target: &mut impl Target, zeros: &mut Aligned) -> Result<(), CopyError> {
        let block = target.block() as u64;
        let size = target.size();
        let head = self.bytes.min(CHUNK as u64).next_multiple_of(block);
        let tail = (size.saturating_sub(TAIL) / block * block).max(self.bytes.next_multiple_of(block));
        for (at, end) in [(tail, size), (0, head.min(size))] {
            let length = usize::try_from(end.saturating_sub(at)).unwrap_or(0).min(CHUNK);
            if length > 0 {
                let data = zeros.part(length);
                data.fill(0);
                target
                    .write_at(at, data)
                    .map_err(|source| self.device_error(target, Pass::Write, at, source))?;
            }
        }
        Ok(())
    }

    /// Offset and length of each chunk.
    fn spans(&self) -> impl Iterator<Item = (u64, usize)> + use<> {
        let bytes = self.bytes;
        (0..bytes)
            .step_by(CHUNK)
            .map(move |at| (at, usize::try_from(bytes - at).unwrap_or(CHUNK).min(CHUNK)))
    }

    fn check_stop(&self, at: u64) -> Result<(), CopyError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(CopyError::Stopped {
                device: self.name.to_owned(),
                at,
                bytes: self.bytes,
            });
        }
        Ok(())
    }

    fn source_error(&self, at: u64, source: io::Error) -> CopyError {
        CopyError::Source {
            device: self.name.to_owned(),
            at,
            source,
        }
    }

    fn device_error(&self, target: &impl Target, pass: Pass, at: u64, source: io::Error) -> CopyError {
        let device = self.name.to_owned();
        let errno = source.raw_os_error().map(Errno::from_raw);
        let gone = matches!(errno, Some(Errno::ENODEV | Errno::ENXIO | Errno::ENOMEDIUM));
        if gone || !target.present() {
            CopyError::Vanished {
                device,
                pass,
                at,
                source,
            }
        } else {
            CopyError::Device {
                device,
                pass,
                at,
                source,
            }
        }
    }
}

/// A buffer of one chunk whose address is a multiple of [`ALIGN`].
struct Aligned {
    storage: Vec<u8>,
    start: usize,
}

impl Aligned {
    fn new() -> Self {
        let storage = vec![0; CHUNK + ALIGN];
        // The storage never grows, so its address stays.
        let start = storage.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { storage, start }
    }

    /// The first bytes of it.
    fn part(&mut self, length: usize) -> &mut [u8] {
        let end = self.start + length.min(CHUNK);
        self.storage.get_mut(self.start..end).unwrap_or_default()
    }

    /// The first bytes of it, with zeros up to a whole block.
    fn padded(&mut self, length: usize, block: usize) -> &[u8] {
        let whole = length.next_multiple_of(block);
        let data = self.part(whole);
        if let Some(rest) = data.get_mut(length..) {
            rest.fill(0);
        }
        data
    }
}

#[cfg(test)]
mod tests;
