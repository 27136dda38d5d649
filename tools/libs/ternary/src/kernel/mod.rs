//! One module per instruction set, all with the same function: the products of one panel with some tokens.
//!
//! What every tier computes, in this order, so that all give the same floats:
//!
//! - Per token, plane of activations and chunk of 64 columns, the int32 sum of `(code - 1) * value`, exact.
//! - Of two planes, `256 * first + second`: below 64 * 2 * 32768, exact.
//! - When the tensor has one scale and the token has one scale, the int32 sum over all columns, then
//!   `(f32(sum) * token's scale) * tensor's scale`.
//! - Otherwise, chunk after chunk, `total += (f32(sum) * chunk's scale) * weight's scale`, each operation rounded: no
//!   fused multiply-add, which SSSE3 lacks.

#![allow(unsafe_code)] // calls into tiers the processor was found to have

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod alone;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod narrow;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod ssse3;
#[cfg(target_arch = "x86_64")]
mod steps_256;
#[cfg(test)]
mod tests;

use crate::activations::{Activations, Precision, Repeated, TOGETHER, Together};
use crate::isa::Isa;
use crate::panel::{CHUNK_BYTES, Group, Layout, PANEL_ROWS, SCALE_BYTES};

/// Tokens a kernel takes at once, at most.
pub(crate) const TILE: usize = TOGETHER;

/// The outputs of one panel for the tokens of a tile.
pub(crate) type Outputs = [[f32; PANEL_ROWS]; TILE];

/// What a kernel needs beside a panel's bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub layout: &'a Layout,
    pub x: &'a Activations,
    /// What [`Activations::together`] gave for the first token.
    pub together: &'a Together<'a>,
    /// First token; a tile does not reach into the next group of [`TOGETHER`].
    pub first: usize,
    /// How many: one of [`tiles`].
    pub tokens: usize,
    /// What [`repeated`] gave.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // SSSE3 reads it
    pub repeated: &'a [Repeated],
}

impl Job<'_> {
    /// Whether one int32 sum per row serves the whole product.
    pub(crate) fn whole(&self) -> bool {
        self.layout.group == Group::Tensor && self.x.precision() == Precision::Int8PerToken
    }
}

/// The products of a panel with the tokens of a job, into the first `job.tokens` of the outputs.
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
pub(crate) unsafe fn panel(isa: Isa, panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's.
        Isa::Avx512Vnni => unsafe { avx512::panel(panel, job, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's.
        Isa::AvxVnni => unsafe { avx_vnni::panel(panel, job, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's.
        Isa::Avx2 => unsafe { avx2::panel(panel, job, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's.
        Isa::Ssse3 => unsafe { ssse3::panel(panel, job, out) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: the caller's.
        Isa::NeonDotprod => unsafe { neon::panel(panel, job, out) },
        _ => scalar::panel(panel, job, out),
    }
}

/// The tile sizes a tier has, largest first, for activations of one or two planes.
pub(crate) fn tiles(isa: Isa, planes: usize) -> &'static [usize] {
    match (isa, planes) {
        (Isa::Avx512Vnni, 1) => &[16, 8, 7, 6, 5, 4, 3, 2, 1],
        (Isa::Avx512Vnni, _) => &[8, 7, 6, 5, 4, 3, 2, 1],
        (Isa::Scalar, _) => &[1],
        (_, 1) => &[8, 4, 2, 1],
        _ => &[4, 2, 1],
    }
}

/// Four values in every lane, for the token that will be alone in its tile, where the tier cannot load them so: taking
/// them apart in every panel would be a fifteenth of the work.
pub(crate) fn repeated(isa: Isa, x: &Activations) -> Vec<Repeated> {
    let alone = x.precision().planes() == 1 && x.m() % 2 == 1;
    if isa == Isa::Ssse3 && alone {
        x.repeated(x.m() - 1)
    } else {
        Vec::new()
    }
}

/// Asks for the line that lies 4 KiB behind an address. The processor's own prefetching ends at pages and runs some 20
/// lines ahead; on a server whose memory answers late (12 GB/s to one core) this makes products that stream from
/// memory half as fast again. Beyond the end of the weights it does nothing.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    prefetch_line(address.wrapping_add(4096));
}

/// Asks for the line at an address.
#[inline(always)]
pub(crate) fn prefetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, for any address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a hint, for any address.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// Prefetches what lies behind a chunk: its four lines, and one of scales.
#[inline(always)]
pub(crate) fn prefetch_chunk(codes: &[u8; CHUNK_BYTES]) {
    for line in 0..5 {
        prefetch(codes.as_ptr().wrapping_add(64 * line));
    }
}

/// `M` neighbours.
#[inline(always)]
pub(crate) fn part<T, const M: usize>(slice: &[T], at: usize) -> &[T; M] {
    match slice[at..].first_chunk() {
        Some(part) => part,
        None => unreachable!("a tile lies within its group"),
    }
}

/// The four activations that a plane of a block meets, as they lie in memory.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn word(values: &[i8; 16], plane: usize) -> i32 {
    let at = 4 * plane;
    let bytes = [values[at], values[at + 1], values[at + 2], values[at + 3]];
    i32::from_ne_bytes(bytes.map(i8::cast_unsigned))
}

/// The groups of a panel in order: the codes of their chunks, and their scales unless the tensor has one.
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
