//! The input of a kernel, and the iteration over a panel that all tiers share.

use crate::activations::{Activations, Precision, Repeated, TOGETHER, Together};
use crate::panel::{CHUNK_BYTES, Group, Layout, PANEL_ROWS, SCALE_BYTES};
use crate::prefetch::prefetch;

/// The most tokens that a kernel takes at once.
pub(crate) const TILE: usize = TOGETHER;

/// The outputs of one panel for the tokens of a tile.
pub(crate) type Outputs = [[f32; PANEL_ROWS]; TILE];

/// The input of a kernel, besides a panel's bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub layout: &'a Layout,
    pub x: &'a Activations,
    /// The result of [`Activations::together`] for the first token.
    pub together: &'a Together<'a>,
    /// The first token; a tile does not extend into the next group of [`TOGETHER`].
    pub first: usize,
    /// The number of tokens: one of [`super::tiles`].
    pub tokens: usize,
    /// The result of [`super::repeated`].
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // SSSE3 reads it
    pub repeated: &'a [Repeated],
}

impl Job<'_> {
    /// Whether one int32 sum per row suffices for the whole product.
    pub(crate) fn whole(&self) -> bool {
        self.layout.group == Group::Tensor && self.x.precision() == Precision::Int8PerToken
    }
}

/// Prefetches the lines 4 KiB behind a chunk: four of codes, and one of scales.
#[inline(always)]
pub(crate) fn prefetch_chunk(codes: &[u8; CHUNK_BYTES]) {
    for line in 0..5 {
        prefetch(codes.as_ptr().wrapping_add(64 * line));
    }
}

/// The four activations that a plane of a block is multiplied with, in memory order.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn word(values: &[i8; 16], plane: usize) -> i32 {
    let at = 4 * plane;
    let bytes = [values[at], values[at + 1], values[at + 2], values[at + 3]];
    i32::from_ne_bytes(bytes.map(i8::cast_unsigned))
}

/// The groups of a panel in order: the codes of their chunks, and their scales unless the tensor has a single scale.
pub(crate) struct Groups<'a> {
    rest: &'a [u8],
    scales: Option<&'a [u8; 32]>,
    chunks: Option<usize>,
}

impl<'a> Groups<'a> {
    #[inline(always)]
    pub(crate) fn new(panel: &'a [u8], layout: &Layout) -> Self {
        Self {
            rest: panel,
            scales: None,
            chunks: layout.group.chunks(),
        }
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = (&'a [[u8; CHUNK_BYTES]], Option<&'a [u8; 32]>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(chunks) = self.chunks else {
            return Some((std::mem::take(&mut self.rest).as_chunks().0, None));
        };
        let size = chunks * CHUNK_BYTES;
        let (codes, rest) = self.rest.split_at(size);
        let codes = codes.as_chunks().0;
        // The second of a pair.
        if let Some(scales) = self.scales.take() {
            self.rest = &rest[SCALE_BYTES..];
            return Some((codes, Some(scales)));
        }
        let alone = rest.len() < size + SCALE_BYTES;
        let scales = if alone { rest } else { &rest[size..] };
        let (first, second) = scales.split_first_chunk::<32>()?;
        if alone {
            self.rest = &[];
        } else {
            self.rest = rest;
            self.scales = second.first_chunk();
        }
        Some((codes, Some(first)))
    }
}
