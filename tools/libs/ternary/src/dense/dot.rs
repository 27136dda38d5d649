//! The products of one row with one, two or four tokens, and sums of rows, compiled for each tier.
#![allow(unsafe_code)] // calls into tiers that the processor supports

use super::quants::Quant;
use crate::isa::Isa;

mod products;
mod steps;
mod weights;

#[cfg(target_arch = "aarch64")]
use steps::neon;
use steps::plain;
#[cfg(target_arch = "x86_64")]
use steps::{avx2, avx512, ssse3};
pub(super) use weights::{LANES, Q8_BLOCK, Row, q8};

/// The numbers of tokens that a tier can take at once, largest first.
pub(super) fn tiles(isa: Isa) -> &'static [usize] {
    match isa {
        Isa::Avx512Vnni | Isa::NeonDotprod => &[4, 2, 1],
        _ => &[2, 1],
    }
}

/// Calls a function of a tier's module.
macro_rules! by_tier {
    ($isa:expr, $name:ident($($argument:expr),*)) => {
        match $isa {
            // SAFETY: the caller's.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => unsafe { avx512::$name($($argument),*) },
            // SAFETY: the caller's.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::AvxVnni => unsafe { avx2::$name($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the caller's.
            Isa::Ssse3 => unsafe { ssse3::$name($($argument),*) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: the caller's.
            Isa::NeonDotprod => unsafe { neon::$name($($argument),*) },
            _ => plain::$name($($argument),*),
        }
    };
}

/// The products of a row with the first tokens of `x`, as many as there are outputs: one of [`tiles`].
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
pub(super) unsafe fn row(isa: Isa, row: Row<'_>, x: &[&[f32]], out: &mut [f32]) {
    by_tier!(isa, row(row, x, out));
}

/// Converts a row of K-quants to floats.
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
pub(super) unsafe fn take_apart(isa: Isa, kind: Quant, row: &[u8], out: &mut [f32]) {
    by_tier!(isa, take_apart(kind, row, out));
}

/// Adds contiguous rows of fp16 or floats, each times its number, to one or two contiguous sums. While fp16 is read, as many lines
/// of memory are prefetched from `next` on.
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
pub(super) unsafe fn add_rows(
    isa: Isa,
    rows: Row<'_>,
    numbers: &[&[f32]],
    sums: &mut [f32],
    next: *const u8,
) {
    by_tier!(isa, add_rows(rows, numbers, sums, next));
}
