//! Converting fp16 to f32, with and without dedicated instructions.
#![allow(unsafe_code)] // loads and stores of whole registers

use crate::isa::Isa;
use crate::prefetch::prefetch_line;

/// fp16 numbers in a cache line.
const LINE: usize = 32;

/// Converts fp16 numbers, given by their bits, to floats, exactly and in every tier. Meanwhile, as many numbers of `next` are
/// prefetched.
///
/// # Panics
/// If `bits` and `out` differ in length.
pub fn widen_all(bits: &[u16], out: &mut [f32], next: &[u16]) {
    widen_all_with(Isa::active(), bits, out, next);
}

fn widen_all_with(isa: Isa, bits: &[u16], out: &mut [f32], next: &[u16]) {
    assert_eq!(bits.len(), out.len(), "numbers and floats");
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: tiers are used on processors that were found to have them; these have F16C.
        Isa::Avx512Vnni | Isa::AvxVnni | Isa::Avx2 => unsafe { widen_f16c(bits, out, next) },
        _ => widen_lines(bits, out, next, widen_plain),
    }
}

/// Converts whole lines by `line`, and the rest plainly.
#[inline(always)]
fn widen_lines(bits: &[u16], out: &mut [f32], next: &[u16], line: impl Fn(&[u16], &mut [f32])) {
    let (lines, rest) = bits.as_chunks::<LINE>();
    let (outs, last) = out.as_chunks_mut::<LINE>();
    let mut next = next.chunks(LINE);
    for (bits, out) in lines.iter().zip(outs) {
        if let Some(next) = next.next() {
            prefetch_line(next.as_ptr().cast());
        }
        line(bits, out);
    }
    widen_plain(rest, last);
}

#[inline(always)]
fn widen_plain(bits: &[u16], out: &mut [f32]) {
    for (out, bits) in out.iter_mut().zip(bits) {
        *out = widen(*bits);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx,f16c")]
fn widen_f16c(bits: &[u16], out: &mut [f32], next: &[u16]) {
    use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};

    widen_lines(bits, out, next, |bits, out| {
        for (bits, out) in bits.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
            // SAFETY: 16 bytes are read, as many as there are.
            let halves = unsafe { _mm_loadu_si128(bits.as_ptr().cast()) };
            // SAFETY: 32 bytes are written, as many as there are.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(halves)) };
        }
    });
}

/// The exact value of an fp16; NaN payloads are kept. Branch-free, so that loops are vectorised, and without arithmetic on
/// subnormal floats, which is slow.
#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    const INFINITE: u32 = 0x7c00 << 13;
    const REBIAS: u32 = (127 - 15) << 23;
    let bits = u32::from(bits);
    let magnitude = (bits & 0x7fff) << 13;
    let exponent = magnitude & INFINITE;
    let normal = magnitude + REBIAS;
    // Infinities and NaN have the highest exponent, which has another value in f32.
    let special = if exponent == INFINITE {
        normal + REBIAS
    } else {
        normal
    };
    // Given the exponent of 2^-14 and its leading one, a subnormal is 2^-14 too large.
    let least = f32::from_bits(REBIAS + (1 << 23));
    let subnormal = f32::from_bits(normal + (1 << 23)) - least;
    let value = if exponent == 0 {
        subnormal.to_bits()
    } else {
        special
    };
    f32::from_bits(value | (bits & 0x8000) << 16)
}

/// [`widen`] for four numbers, with integer operations.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "ssse3")]
pub(crate) fn widen_ssse3(bytes: &[u8; 8]) -> std::arch::x86_64::__m128 {
    #[allow(clippy::wildcard_imports)] // the names of intrinsics tell their origin
    use std::arch::x86_64::*;

    // SAFETY: as many bytes are read as there are.
    let bits = unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) };
    let bits = _mm_unpacklo_epi16(bits, _mm_setzero_si128());
    let magnitude = _mm_slli_epi32::<13>(_mm_and_si128(bits, _mm_set1_epi32(0x7fff)));
    let infinite = _mm_set1_epi32(0x7c00 << 13);
    let rebias = _mm_set1_epi32((127 - 15) << 23);
    let one = _mm_set1_epi32(1 << 23);
    let exponent = _mm_and_si128(magnitude, infinite);
    let normal = _mm_add_epi32(magnitude, rebias);
    let special = _mm_add_epi32(normal, _mm_and_si128(_mm_cmpeq_epi32(exponent, infinite), rebias));
    let least = _mm_castsi128_ps(_mm_add_epi32(rebias, one));
    let subnormal = _mm_castps_si128(_mm_sub_ps(_mm_castsi128_ps(_mm_add_epi32(normal, one)), least));
    let is_subnormal = _mm_cmpeq_epi32(exponent, _mm_setzero_si128());
    let value = _mm_or_si128(
        _mm_and_si128(is_subnormal, subnormal),
        _mm_andnot_si128(is_subnormal, special),
    );
    let sign = _mm_slli_epi32::<16>(_mm_and_si128(bits, _mm_set1_epi32(0x8000)));
    _mm_castsi128_ps(_mm_or_si128(value, sign))
}

#[cfg(test)]
mod tests {
    use crate::isa::Isa;

    #[test]
    fn every_tier_gives_all_values() {
        // An odd number of them, so that there is a rest.
        let bits: Vec<u16> = (0..=u16::MAX).chain([1]).collect();
        for isa in Isa::supported() {
            let mut out = vec![0.0; bits.len()];
            super::widen_all_with(isa, &bits, &mut out, &bits[..100]);
            for (bits, found) in bits.iter().zip(&out) {
                let expected = half::f16::from_bits(*bits).to_f32_const();
                assert!(
                    found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                    "{}: {bits:#06x}",
                    isa.name()
                );
            }
        }
    }

    #[test]
    fn all_65536_values_are_those_of_the_standard() {
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits).to_f32_const();
            let found = super::widen(bits);
            assert!(
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                "{bits:#06x}: {found} for {expected}"
            );
        }
    }
}
