//! The bytes of a packed file at a fixed address: mapped from the file, or copied to huge pages.
//!
//! The page cache of most file systems uses pages of 4 KiB, and a product that streams weights from memory spends a tenth of
//! its time or more walking page tables. While there is work, the weights are therefore kept in huge pages and dropped from
//! the page cache; when idle, the file is mapped again, and the kernel can reclaim the memory.
#![allow(unsafe_code)] // memory maps

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::slice;
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::mman::{
    MRemapFlags, MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, mremap, munmap,
};

/// Bytes of a huge page on AMD64, and on ARM64 with pages of 4 KiB.
const HUGE: usize = 2 << 20;
/// Bytes read at a time.
const PIECE: usize = 8 << 20;

/// A file's bytes at an address that never changes.
#[derive(Debug)]
pub struct Mapping {
    file: File,
    at: Reserved,
    len: usize,
    /// Whether they are in huge pages.
    resident: Mutex<bool>,
}

// SAFETY: the memory is only read, and its backing changes only under the mutex.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a file.
    ///
    /// # Safety
    ///
    /// The file must not be truncated or modified while it is mapped.
    pub(super) unsafe fn new(file: File) -> io::Result<Self> {
        let len = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mapping = Self {
            at: Reserved::new(len)?,
            file,
            len,
            resident: Mutex::new(false),
        };
        mapping.map_file()?;
        Ok(mapping)
    }

    /// Copies the file into huge pages, unless that is already done, and drops it from the page cache. Address and content of
    /// the bytes stay the same, even for concurrent readers. On an error they stay mapped. (If the system has no address space
    /// left for the exchange itself, they are briefly unmapped, so it is better done while nobody reads.)
    pub fn make_resident(&self) -> io::Result<()> {
        let mut resident = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        if *resident || self.len == 0 {
            return Ok(());
        }
        let copy = Reserved::new(self.len)?;
        let span = copy.protect(ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)?;
        // SAFETY: the range is ours.
        unsafe { madvise(copy.start, span, MmapAdvise::MADV_HUGEPAGE)? };
        // SAFETY: the range is ours, readable, writable, and nobody else knows of it.
        let bytes = unsafe { slice::from_raw_parts_mut(copy.start.cast::<u8>().as_ptr(), self.len) };
        for (piece, at) in bytes.chunks_mut(PIECE).zip((0..).step_by(PIECE)) {
            self.file.read_exact_at(piece, at)?;
            self.forget_cached(at, piece.len());
        }
        copy.protect(ProtFlags::PROT_READ)?;
        // The emptied range stays reserved (Linux 5.7), so that nobody else can own it when `copy` unmaps it.
        let flags = MRemapFlags::MREMAP_MAYMOVE | MRemapFlags::MREMAP_FIXED | MRemapFlags::MREMAP_DONTUNMAP;
        // SAFETY: both ranges are ours, disjoint, and `span` bytes long. A reader of the target waits while the kernel exchanges
        // its pages, and then finds the same bytes.
        if let Err(error) = unsafe { mremap(copy.start, span, span, flags, Some(self.at.start)) } {
            // The target may be unmapped by now.
            self.map_again();
            return Err(error.into());
        }
        *resident = true;
        // Also the pages that were mapped while their piece was read.
        self.forget_cached(0, self.len);
        Ok(())
    }

    /// Maps the file again and frees the huge pages.
    pub fn release(&self) {
        let mut resident = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        if *resident {
            self.map_again();
            *resident = false;
        }
    }

    /// Maps the file over the current backing. A process without its weights cannot continue.
    fn map_again(&self) {
        if let Err(error) = self.map_file() {
            log::error!("cannot map the weights from their file again: {error}");
            std::process::abort();
        }
    }

    /// Atomically replaces the current backing by a map of the file.
    fn map_file(&self) -> io::Result<()> {
        // To the end of the last huge page, so that no old page remains; nothing is read past the file.
        let Some(span) = NonZeroUsize::new(self.at.span()) else {
            return Ok(());
        };
        let (start, flags) = (self.at.start.addr(), MapFlags::MAP_SHARED | MapFlags::MAP_FIXED);
        // SAFETY: the range is ours, and the map that replaces its content has the same bytes.
        unsafe { mmap(Some(start), span, ProtFlags::PROT_READ, flags, &self.file, 0)? };
        // For file systems with large folios.
        // SAFETY: the range is the one just mapped.
        if let Err(error) = unsafe { madvise(self.at.start, span.get(), MmapAdvise::MADV_HUGEPAGE) } {
            log::debug!("no huge pages for mapped weights: {error}");
        }
        Ok(())
    }

    /// Drops a range from the page cache: one copy of the weights in memory is enough.
    fn forget_cached(&self, at: u64, len: usize) {
        let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        // A length of 0 is the whole file.
        let (at, len) = (at.cast_signed(), i64::try_from(len).unwrap_or(0));
        if let Err(error) = posix_fadvise(&self.file, at, len, advice) {
            log::debug!("cannot drop weights from the page cache: {error}");
        }
    }
}

impl std::ops::Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the range is mapped, readable and unchanging as long as `self` lives; for 0 bytes any address serves.
        unsafe { slice::from_raw_parts(self.at.start.cast::<u8>().as_ptr(), self.len) }
    }
}

/// A reserved address range, aligned to huge pages.
#[derive(Debug)]
struct Reserved {
    whole: NonNull<c_void>,
    whole_len: NonZeroUsize,
    start: NonNull<c_void>,
}

impl Reserved {
    /// Reserves `len` bytes, not accessible yet.
    fn new(len: usize) -> io::Result<Self> {
        let whole_len = len
            .checked_next_multiple_of(HUGE)
            .and_then(|len| len.checked_add(HUGE))
            .and_then(NonZeroUsize::new)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: new memory at an address of the kernel's choice.
        let whole = unsafe { mmap_anonymous(None, whole_len, ProtFlags::PROT_NONE, flags)? };
        Ok(Self {
            whole,
            whole_len,
            start: whole.map_addr(|at| at.saturating_add(at.get().next_multiple_of(HUGE) - at.get())),
        })
    }

    /// Bytes from `start` to the end of the last huge page.
    fn span(&self) -> usize {
        self.whole_len.get() - HUGE
    }

    /// Sets the protection of the range. Returns its length.
    fn protect(&self, protection: ProtFlags) -> io::Result<usize> {
        // SAFETY: the range is ours.
        unsafe { mprotect(self.start, self.span(), protection)? };
        Ok(self.span())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and no reference to it outlives its owner.
        if let Err(error) = unsafe { munmap(self.whole, self.whole_len.get()) } {
            log::debug!("cannot unmap the memory of weights: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn mapping(bytes: &[u8]) -> Mapping {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        fs::write(&path, bytes).unwrap();
        // SAFETY: nobody else has the file, and its name is gone.
        unsafe { Mapping::new(File::open(&path).unwrap()) }.unwrap()
    }

    /// What /proc/self/smaps says of the bytes, in KiB.
    fn kibibytes(mapping: &Mapping, field: &str) -> u64 {
        let start = format!("{:x}-", mapping.as_ptr().addr());
        let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&start));
        let line = lines
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn the_bytes_stay_the_same_and_memory_is_given_back() {
        for len in [0, 1, 4096, HUGE - 1, HUGE, 2 * PIECE + 5] {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + at / 251) as u8).collect();
            let mapping = mapping(&bytes);
            let at = mapping.as_ptr();
            for _ in 0..2 {
                assert!(*mapping == *bytes, "{len} bytes, mapped");
                mapping.make_resident().unwrap();
                mapping.make_resident().unwrap();
                assert_eq!(mapping.as_ptr(), at);
                assert!(*mapping == *bytes, "{len} bytes, resident");
                if len > 0 {
                    let span = len.next_multiple_of(HUGE) as u64 / 1024;
                    let anonymous = kibibytes(&mapping, "Anonymous");
                    assert!((len as u64 / 1024..=span).contains(&anonymous), "{anonymous} KiB");
                }
                mapping.release();
                mapping.release();
                if len > 0 {
                    assert_eq!(kibibytes(&mapping, "Anonymous"), 0);
                }
            }
        }
    }

    #[test]
    fn who_reads_meanwhile_sees_no_change() {
        let bytes: Vec<u8> = (0..PIECE + 4096).map(|at| (at % 253) as u8).collect();
        let (mapping, done) = (mapping(&bytes), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut times = 0;
                while !done.load(Ordering::Relaxed) {
                    assert!(*mapping == *bytes);
                    times += 1;
                }
                times
            });
            for _ in 0..50 {
                mapping.make_resident().unwrap();
                mapping.release();
            }
            done.store(true, Ordering::Relaxed);
            assert!(reader.join().unwrap() > 0);
        });
    }

    #[test]
    fn a_file_that_cannot_be_read_stays_mapped() {
        let bytes = vec![5; HUGE + 100];
        let mut mapping = mapping(&bytes);
        let readable = std::mem::replace(&mut mapping.file, File::open("/dev/null").unwrap());
        assert!(mapping.make_resident().is_err());
        assert!(*mapping == *bytes);
        mapping.file = readable;
        mapping.make_resident().unwrap();
        assert!(*mapping == *bytes);
    }
}
