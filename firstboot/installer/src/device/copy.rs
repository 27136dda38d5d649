//! Copying between block devices past the page cache: reading and writing at the same time.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::mpsc;

use nix::libc;

use super::direct::{ALIGNMENT, AlignedBuffer, CHUNK};

/// Chunks on their way from reader to writer.
const IN_FLIGHT: usize = 4;
/// Where a copy failed.
#[derive(Debug)]
pub enum CopyError {
    /// Reading.
    Read(io::Error),
    /// Writing.
    Write(io::Error),
    /// Asked to stop.
    Stopped,
}

/// Copies `len` bytes from one device to the start of another and waits until they are on the medium.
/// `told` is called with the bytes written so far; `false` stops the copy.
pub fn copy(from: &Path, to: &Path, len: u64, told: &mut dyn FnMut(u64) -> bool) -> Result<(), CopyError> {
    let target = open_alone(to).map_err(CopyError::Write)?;
    let (full, chunks) = mpsc::sync_channel::<io::Result<(AlignedBuffer, usize)>>(IN_FLIGHT);
    let (give_back, empty) = mpsc::channel::<AlignedBuffer>();
    for _ in 0..IN_FLIGHT {
        // The receiver lives in this function.
        let _ = give_back.send(AlignedBuffer::new(CHUNK));
    }
    std::thread::scope(|scope| {
        scope.spawn(move || read_chunks(from, len, &empty, &full));
        // Dropped with this closure, so that a reader that waits for a buffer ends too.
        let give_back = give_back;
        let mut done = 0;
        for chunk in chunks {
            let (buffer, count) = chunk.map_err(CopyError::Read)?;
            // The last chunk is padded with zeros to what the disk can write.
            let padded = count.next_multiple_of(ALIGNMENT);
            target
                .write_all_at(&buffer.bytes()[..padded], done)
                .map_err(CopyError::Write)?;
            done += count as u64;
            let _ = give_back.send(buffer);
            if !told(done) {
                return Err(CopyError::Stopped);
            }
        }
        target.sync_all().map_err(CopyError::Write)
    })
}

/// Opens a device past the page cache and for nobody else: one that is mounted or part of something is busy.
fn open_alone(path: &Path) -> io::Result<File> {
    let open = |flags| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_EXCL | flags)
            .open(path)
    };
    match open(libc::O_DIRECT) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => open(0),
        result => result,
    }
}

fn read_chunks(
    from: &Path,
    len: u64,
    empty: &mpsc::Receiver<AlignedBuffer>,
    full: &mpsc::SyncSender<io::Result<(AlignedBuffer, usize)>>,
) {
    let mut left = len;
    // Through the page cache: the second slot's copy finds it there.
    let mut source = match File::open(from) {
        Ok(source) => source,
        Err(error) => {
            let _ = full.send(Err(error));
            return;
        }
    };
    while left > 0 {
        let Ok(mut buffer) = empty.recv() else { return };
        let count = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        let bytes = buffer.bytes_mut();
        bytes[count..].fill(0);
        let result = source.read_exact(&mut bytes[..count]);
        left -= count as u64;
        let failed = result.is_err();
        // The writer is gone when it failed or was stopped.
        if full.send(result.map(|()| (buffer, count))).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn copied(bytes: &[u8]) -> (Vec<u8>, Vec<u64>) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, bytes).unwrap();
        std::fs::write(&to, vec![0xff; bytes.len().next_multiple_of(ALIGNMENT)]).unwrap();
        let mut told = Vec::new();
        copy(&from, &to, bytes.len() as u64, &mut |done| {
            told.push(done);
            true
        })
        .unwrap();
        (std::fs::read(&to).unwrap(), told)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn every_byte_arrives(len in 0_usize..3 * CHUNK, seed in any::<u64>()) {
            let bytes: Vec<u8> = (0..len as u64).map(|at| (at.wrapping_mul(seed | 1) >> 13).to_le_bytes()[0]).collect();
            let (written, told) = copied(&bytes);
            prop_assert!(written[..len] == bytes[..]);
            prop_assert!(written[len..].iter().all(|byte| *byte == 0));
            prop_assert_eq!(told.last().copied().unwrap_or(0), len as u64);
        }
    }

    #[test]
    fn it_stops_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, vec![1; 4 * CHUNK]).unwrap();
        std::fs::write(&to, vec![0; 4 * CHUNK]).unwrap();
        let result = copy(&from, &to, 4 * CHUNK as u64, &mut |done| done < 2 * CHUNK as u64);
        assert!(matches!(result, Err(CopyError::Stopped)));
        let written = std::fs::read(&to).unwrap();
        assert!(written[..2 * CHUNK].iter().all(|byte| *byte == 1));
        assert!(written[2 * CHUNK..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_source_that_ends_early_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, vec![1; 1000]).unwrap();
        std::fs::write(&to, vec![0; 8192]).unwrap();
        assert!(matches!(
            copy(&from, &to, 8192, &mut |_| true),
            Err(CopyError::Read(_))
        ));
    }
}
