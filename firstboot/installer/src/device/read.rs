//! Reading a file as it is on the disk.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::direct::{ALIGNMENT, AlignedBuffer, CHUNK, open_direct};

/// The bytes of a file, past the page cache.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = open_direct(path, false)?;
    let mut buffer = AlignedBuffer::new(CHUNK);
    let mut bytes = Vec::new();
    loop {
        let count = file.read_at(buffer.bytes_mut(), bytes.len() as u64)?;
        bytes.extend(&buffer.bytes()[..count]);
        // Reading goes on at whole blocks only; a part of one is the end of the file.
        if count == 0 || count % ALIGNMENT != 0 {
            return Ok(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for len in [0, 1, ALIGNMENT, CHUNK, CHUNK + 1, 2 * CHUNK + ALIGNMENT] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect();
            std::fs::write(&path, &bytes).unwrap();
            assert!(read(&path).unwrap() == bytes, "{len}");
        }
    }
}
