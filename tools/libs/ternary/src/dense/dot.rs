//! The products of one row with one, two or four tokens, compiled for each tier.
#![allow(unsafe_code)] // loads of whole registers

use super::half_float::widen;
use super::matrix::Kind;
use crate::isa::Isa;

/// Columns of a step, and running totals.
pub(super) const LANES: usize = 32;
/// Bytes of a Q8_0 block: fp16 scale, 32 signed bytes.
pub(super) const Q8_BLOCK: usize = 34;

/// Tokens a tier takes at once, largest first.
pub(super) fn tiles(isa: Isa) -> &'static [usize] {
    match isa {
        Isa::Avx512Vnni | Isa::NeonDotprod => &[4, 2, 1],
        _ => &[2, 1],
    }
}

/// The products of a row with the first tokens of `x`, as many as there are outputs: one of [`tiles`].
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
pub(super) unsafe fn row(isa: Isa, kind: Kind, row: &[u8], x: &[&[f32]], out: &mut [f32]) {
    match isa {
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => unsafe { avx512::row(kind, row, x, out) },
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::AvxVnni => unsafe { avx2::row(kind, row, x, out) },
        _ => plain::row(kind, row, x, out),
    }
}

#[inline(always)]
fn f16(block: &[u8; 2 * LANES]) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    for (out, bytes) in out.iter_mut().zip(block.as_chunks::<2>().0) {
        *out = widen(u16::from_le_bytes(*bytes));
    }
    out
}

#[inline(always)]
pub(super) fn q8(block: &[u8; Q8_BLOCK]) -> [f32; LANES] {
    let scale = widen(u16::from_le_bytes([block[0], block[1]]));
    let mut out = [0.0; LANES];
    for (out, byte) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(byte.cast_signed()) * scale;
    }
    out
}

/// Adds the products of 32 columns to the running totals.
#[inline(always)]
fn add<const M: usize>(
    totals: &mut [[f32; LANES]; M],
    weights: &[f32; LANES],
    x: &[&[[f32; LANES]]; M],
    at: usize,
) {
    for (totals, x) in totals.iter_mut().zip(x) {
        for ((total, weight), x) in totals.iter_mut().zip(weights).zip(&x[at]) {
            *total += weight * x;
        }
    }
}

/// The sums of the totals, in halves.
#[inline(always)]
fn reduce<const M: usize>(totals: &mut [[f32; LANES]; M]) -> [f32; M] {
    let mut sums = [0.0; M];
    for (sum, totals) in sums.iter_mut().zip(totals) {
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                totals[lane] += totals[lane + half];
            }
            half /= 2;
        }
        *sum = totals[0];
    }
    sums
}

/// The whole steps of each token.
#[inline(always)]
fn tokens<'a, const M: usize>(x: &[&'a [f32]], steps: usize) -> [&'a [[f32; LANES]]; M] {
    let mut tokens: [&[[f32; LANES]]; M] = [&[]; M];
    for (token, x) in tokens.iter_mut().zip(x) {
        *token = &x.as_chunks().0[..steps];
    }
    tokens
}

macro_rules! tier {
    ($name:ident, $(#[$feature:meta])? $f16:path) => {
        mod $name {
            use super::super::matrix::Kind;
            use super::{LANES, Q8_BLOCK, add, q8, reduce, tokens};

            $(#[$feature])?
            pub(super) fn row(kind: Kind, row: &[u8], x: &[&[f32]], out: &mut [f32]) {
                match (kind, out) {
                    (Kind::F16, [out]) => [*out] = f16::<1>(row, x),
                    (Kind::F16, [a, b]) => [*a, *b] = f16::<2>(row, x),
                    (Kind::F16, [a, b, c, d]) => [*a, *b, *c, *d] = f16::<4>(row, x),
                    (Kind::Q8, [out]) => [*out] = blocks::<1>(row, x),
                    (Kind::Q8, [a, b]) => [*a, *b] = blocks::<2>(row, x),
                    (Kind::Q8, [a, b, c, d]) => [*a, *b, *c, *d] = blocks::<4>(row, x),
                    (_, out) => unreachable!("no tile of {} tokens", out.len()),
                }
            }

            $(#[$feature])?
            fn f16<const M: usize>(row: &[u8], x: &[&[f32]]) -> [f32; M] {
                let (blocks, rest) = row.as_chunks::<{ 2 * LANES }>();
                let tokens = tokens(x, blocks.len());
                let mut totals = [[0.0; LANES]; M];
                for (at, block) in blocks.iter().enumerate() {
                    add(&mut totals, &$f16(block), &tokens, at);
                }
                if !rest.is_empty() {
                    let mut block = [0; 2 * LANES];
                    block[..rest.len()].copy_from_slice(rest);
                    let mut padded = [[0.0; LANES]; M];
                    for j in 0..M {
                        padded[j][..rest.len() / 2].copy_from_slice(x[j].as_chunks::<LANES>().1);
                    }
                    let mut tokens: [&[[f32; LANES]]; M] = [&[]; M];
                    for j in 0..M {
                        tokens[j] = std::slice::from_ref(&padded[j]);
                    }
                    add(&mut totals, &$f16(&block), &tokens, 0);
                }
                reduce(&mut totals)
            }

            $(#[$feature])?
            fn blocks<const M: usize>(row: &[u8], x: &[&[f32]]) -> [f32; M] {
                let blocks = row.as_chunks::<Q8_BLOCK>().0;
                let tokens = tokens(x, blocks.len());
                let mut totals = [[0.0; LANES]; M];
                for (at, block) in blocks.iter().enumerate() {
                    add(&mut totals, &q8(block), &tokens, at);
                }
                reduce(&mut totals)
            }
        }
    };
}

tier!(plain, super::f16);
#[cfg(target_arch = "x86_64")]
tier!(
    avx2,
    #[target_feature(enable = "avx2,f16c")]
    super::x86::f16_avx2
);
#[cfg(target_arch = "x86_64")]
tier!(
    avx512,
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    super::x86::f16_avx512
);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm_loadu_si128, _mm256_cvtph_ps, _mm256_loadu_si256, _mm256_storeu_ps, _mm512_cvtph_ps,
        _mm512_storeu_ps,
    };

    use super::LANES;

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    pub(super) fn f16_avx2(block: &[u8; 2 * LANES]) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        for (out, bytes) in out
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .zip(block.as_chunks::<16>().0)
        {
            // SAFETY: 16 bytes are read and 8 floats written, as many as there are.
            unsafe {
                let floats = _mm256_cvtph_ps(_mm_loadu_si128(bytes.as_ptr().cast()));
                _mm256_storeu_ps(out.as_mut_ptr(), floats);
            }
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn f16_avx512(block: &[u8; 2 * LANES]) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        for (out, bytes) in out
            .as_chunks_mut::<16>()
            .0
            .iter_mut()
            .zip(block.as_chunks::<32>().0)
        {
            // SAFETY: 32 bytes are read and 16 floats written, as many as there are.
            unsafe {
                let floats = _mm512_cvtph_ps(_mm256_loadu_si256(bytes.as_ptr().cast()));
                _mm512_storeu_ps(out.as_mut_ptr(), floats);
            }
        }
        out
    }
}
