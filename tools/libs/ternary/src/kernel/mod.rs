//! One module per instruction set, all with the same function: the products of one panel with some tokens.
//!
//! Every tier computes the following in this order, so that all give the same floats:
//!
//! - Per token, plane of activations and chunk of 64 columns, the int32 sum of `(code - 1) * value`, exact.
//! - Of two planes, `256 * first + second`: below 64 * 2 * 32768, exact.
//! - If both the tensor and the token have one scale, the int32 sum over all columns, then
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
mod job;
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

use crate::activations::{Activations, Repeated};
use crate::isa::Isa;

pub(crate) use job::{Job, Outputs, TILE};

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

/// Four values in every lane, for the token that is alone in its tile, where the tier cannot load them this way: rearranging
/// them for every panel would be a fifteenth of the work.
pub(crate) fn repeated(isa: Isa, x: &Activations) -> Vec<Repeated> {
    let alone = x.precision().planes() == 1 && x.m() % 2 == 1;
    if isa == Isa::Ssse3 && alone {
        x.repeated(x.m() - 1)
    } else {
        Vec::new()
    }
}
