//! Comparing block devices as they are on the disk.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::direct::{AlignedBuffer, CHUNK, open_direct};

/// Where the first `len` bytes of two devices differ first, past the page cache; nothing when they are the same. `told` is
/// called with the bytes compared so far; `false` ends the comparison with an error of kind `Interrupted`.
pub fn difference(
    one: &Path,
    other: &Path,
    len: u64,
    told: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Option<u64>> {
    let files = (open_direct(one, false)?, open_direct(other, false)?);
    let mut buffers = (AlignedBuffer::new(CHUNK), AlignedBuffer::new(CHUNK));
    let mut done = 0;
    while done < len {
        let count = usize::try_from(len - done).map_or(CHUNK, |left| left.min(CHUNK));
        // A direct read goes on at whole blocks: what is beyond `len` is read and passed over.
        let whole = count.next_multiple_of(super::direct::ALIGNMENT);
        let (a, b) = (
            &mut buffers.0.bytes_mut()[..whole],
            &mut buffers.1.bytes_mut()[..whole],
        );
        read_at_least(&files.0, a, count, done)?;
        read_at_least(&files.1, b, count, done)?;
        if let Some(at) = (0..count).find(|at| a[*at] != b[*at]) {
            return Ok(Some(done + at as u64));
        }
        done += count as u64;
        if !told(done) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    Ok(None)
}

/// Fills a buffer up to `count` bytes or more.
fn read_at_least(file: &std::fs::File, buffer: &mut [u8], count: usize, at: u64) -> io::Result<()> {
    let mut have = 0;
    while have < count {
        match file.read_at(&mut buffer[have..], at + have as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => have += read,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let len = 2 * CHUNK + 100;
        let bytes: Vec<u8> = (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect();
        std::fs::write(&one, &bytes).unwrap();
        for (changed, expected) in [
            (None, None),
            (Some(0), Some(0)),
            (Some(CHUNK), Some(CHUNK as u64)),
            (Some(len - 1), Some(len as u64 - 1)),
        ] {
            let mut copy = bytes.clone();
            if let Some(at) = changed {
                copy[at] ^= 1;
            }
            std::fs::write(&other, copy).unwrap();
            let found = difference(&one, &other, len as u64, &mut |_| true).unwrap();
            assert_eq!(found, expected, "{changed:?}");
        }
        let error = difference(&one, &other, len as u64 + 1, &mut |_| true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = difference(&one, &one, len as u64, &mut |_| false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
