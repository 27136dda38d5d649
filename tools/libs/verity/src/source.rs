//! What bytes are read from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Something with bytes at offsets, which several threads may read at once.
pub trait ReadAt: Sync {
    /// Fills the buffer with the bytes from `at` on.
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, at)
    }
}

impl ReadAt for [u8] {
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let from = usize::try_from(at).ok().and_then(|at| self.get(at..));
        match from.and_then(|from| from.get(..buffer.len())) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// A part of something, such as a partition of an image. Nothing outside of it is read.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a, S: ?Sized> {
    whole: &'a S,
    start: u64,
    len: u64,
}

impl<'a, S: ?Sized> Part<'a, S> {
    /// The `len` bytes of `whole` from `start` on.
    pub fn new(whole: &'a S, start: u64, len: u64) -> Self {
        Self { whole, start, len }
    }

    /// Its bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<S: ReadAt + ?Sized> ReadAt for Part<'_, S> {
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let end = at.checked_add(buffer.len() as u64);
        match (end, self.start.checked_add(at)) {
            (Some(end), Some(at)) if end <= self.len => self.whole.read_exact_at(buffer, at),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_it_ends() {
        let whole: &[u8] = b"0123456789";
        let part = Part::new(whole, 2, 5);
        let read = |at, len| {
            let mut buffer = vec![0; len];
            part.read_exact_at(&mut buffer, at)
                .map(|()| buffer)
                .map_err(|error| error.kind())
        };
        assert_eq!(read(0, 5), Ok(b"23456".to_vec()));
        assert_eq!(read(3, 2), Ok(b"56".to_vec()));
        for (at, len) in [(0, 6), (5, 1), (u64::MAX, 1)] {
            assert_eq!(read(at, len), Err(io::ErrorKind::UnexpectedEof), "{at} {len}");
        }
    }
}
