//! Reading and writing past the page cache (`O_DIRECT`, open(2)).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes read and written at once.
pub const CHUNK: usize = 4 << 20;
/// What `O_DIRECT` asks of addresses and lengths on every disk we know.
pub const ALIGNMENT: usize = 4096;

/// Memory that `O_DIRECT` takes.
#[derive(Debug)]
pub struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBuffer {
    /// Zeroed.
    pub fn new(len: usize) -> Self {
        let memory = vec![0; len + ALIGNMENT];
        // The heap does not move, so neither does this.
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        Self { memory, start, len }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }

    /// Its bytes, to be written to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

/// Opens a device past the page cache; a file system that has no such thing (tests on tmpfs) is opened as usual.
pub fn open_direct(path: &Path, write: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(write);
    match options.clone().custom_flags(nix::libc::O_DIRECT).open(path) {
        Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => options.open(path),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned() {
        for len in [0, 1, 4096, CHUNK] {
            let buffer = AlignedBuffer::new(len);
            assert_eq!(buffer.bytes().as_ptr().align_offset(ALIGNMENT), 0);
            assert_eq!(buffer.bytes().len(), len);
        }
    }
}
