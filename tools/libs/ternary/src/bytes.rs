//! Storage of weights: owned memory, or a part of a shared map of a file.

use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::{Mmap, MmapMut};

use crate::panel::Mapping;

/// Read-only bytes, aligned to at least 64.
#[derive(Debug)]
pub(crate) enum Bytes {
    Owned { map: Mmap, len: usize },
    Mapped { map: Arc<Mmap>, range: Range<usize> },
    Panels { map: Arc<Mapping>, range: Range<usize> },
}

impl Bytes {
    /// Zeroed memory of `len` bytes (at least one page), on huge pages if available: with 4 KiB pages, page walks take a tenth
    /// of the time of a product that streams from memory.
    pub(crate) fn zeroed(len: usize) -> std::io::Result<MmapMut> {
        let map = MmapMut::map_anon(len.max(1))?;
        #[cfg(target_os = "linux")]
        if let Err(error) = map.advise(memmap2::Advice::HugePage) {
            log::debug!("no huge pages for {len} bytes of weights: {error}");
        }
        Ok(map)
    }

    pub(crate) fn copied(bytes: &[u8]) -> std::io::Result<Self> {
        let mut map = Self::zeroed(bytes.len())?;
        map[..bytes.len()].copy_from_slice(bytes);
        Self::owned(map, bytes.len())
    }

    pub(crate) fn owned(map: MmapMut, len: usize) -> std::io::Result<Self> {
        map.make_read_only().map(|map| Self::Owned { map, len })
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned { map, len } => &map[..*len],
            Self::Mapped { map, range } => &map[range.clone()],
            Self::Panels { map, range } => &map[range.clone()],
        }
    }
}
