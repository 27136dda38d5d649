//! SSSE3: four rows in a register, products in int16 pairs by `pmaddubsw`. The bounds are those of AVX2.
#![allow(unsafe_code)] // loads and stores of whole registers

use std::arch::x86_64::{
    __m128, __m128i, _mm_add_epi16, _mm_add_epi32, _mm_add_ps, _mm_and_si128, _mm_castsi128_ps,
    _mm_cmpeq_epi16, _mm_cvtepi32_ps, _mm_load_si128, _mm_loadu_si128, _mm_madd_epi16, _mm_maddubs_epi16,
    _mm_min_epi16, _mm_movemask_epi8, _mm_mul_ps, _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi32, _mm_set1_ps,
    _mm_setzero_si128, _mm_shuffle_epi32, _mm_slli_epi32, _mm_srai_epi16, _mm_srai_epi32, _mm_srli_epi16,
    _mm_storeu_ps, _mm_unpackhi_epi16, _mm_unpacklo_epi16,
};

use super::alone::alone;
use super::job::{Groups, Job, Outputs, prefetch_chunk};
use super::narrow::narrow;
use crate::activations::{Repeated, Together};
use crate::half_float::widen_ssse3;
use crate::panel::{CHUNK, CHUNK_BYTES, PANEL_ROWS};
use crate::slices::part;

const LANES: usize = 4;
const SLICES_INSIDE: bool = false;
type Int = __m128i;
type Float = __m128;
/// Planes 0 and 2; planes 1 and 3, 4 times too large. int16.
type Apart = [__m128i; 2];
/// They stay in memory.
type Masks = ();

narrow!(#[target_feature(enable = "ssse3")]);
alone!(#[target_feature(enable = "ssse3")]);

/// The words of a chunk, each in every lane.
type Alone = [Repeated; CHUNK / 4];

#[inline(always)]
fn alone<'a>(job: &Job<'a>, _: &Together<'a>, chunk: usize) -> Option<&'a Alone> {
    job.repeated.as_chunks().0.get(chunk)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn alone_words(values: &Alone, block: usize) -> [Int; 4] {
    let mut words = [_mm_setzero_si128(); 4];
    for (word, Repeated(values)) in words.iter_mut().zip(&values[4 * block..][..4]) {
        // SAFETY: 16 aligned bytes are read, as many as there are.
        *word = unsafe { _mm_load_si128(values.as_ptr().cast()) };
    }
    words
}

#[inline(always)]
fn masks() -> Masks {}

#[inline]
#[target_feature(enable = "ssse3")]
fn apart() -> Apart {
    [_mm_setzero_si128(); 2]
}

#[inline]
#[target_feature(enable = "ssse3")]
fn apart_add(sums: Apart, block: Int, words: [Int; 4], (): Masks) -> Apart {
    let (even, odd) = (_mm_set1_epi8(3), _mm_set1_epi8(12));
    let high = _mm_srli_epi16::<4>(block);
    let pair = |low: Int, mask: Int, first: Int, second: Int, sum: Int| {
        let first = _mm_maddubs_epi16(_mm_and_si128(low, mask), first);
        let second = _mm_maddubs_epi16(_mm_and_si128(high, mask), second);
        _mm_add_epi16(sum, _mm_add_epi16(first, second))
    };
    [
        pair(block, even, words[0], words[2], sums[0]),
        pair(block, odd, words[1], words[3], sums[1]),
    ]
}

#[inline]
#[target_feature(enable = "ssse3")]
fn apart_sum(sums: Apart) -> Int {
    _mm_add_epi16(sums[0], _mm_srai_epi16::<2>(sums[1]))
}

#[inline]
#[target_feature(enable = "ssse3")]
fn plus_narrow(a: Int, b: Int) -> Int {
    _mm_add_epi16(a, b)
}

/// Adds to int16 sums.
#[inline]
#[target_feature(enable = "ssse3")]
fn add(sums: Int, planes: [Int; 4], words: [Int; 4]) -> Int {
    let first = _mm_add_epi16(
        _mm_maddubs_epi16(planes[0], words[0]),
        _mm_maddubs_epi16(planes[1], words[1]),
    );
    let second = _mm_add_epi16(
        _mm_maddubs_epi16(planes[2], words[2]),
        _mm_maddubs_epi16(planes[3], words[3]),
    );
    _mm_add_epi16(sums, _mm_add_epi16(first, second))
}

/// Pairs of int16 sums to int32.
#[inline]
#[target_feature(enable = "ssse3")]
fn sum(sums: Int) -> Int {
    _mm_madd_epi16(sums, _mm_set1_epi16(1))
}

#[inline]
#[target_feature(enable = "ssse3")]
fn load(codes: [u8; 16]) -> Int {
    // SAFETY: 16 bytes are read, as many as there are.
    unsafe { _mm_loadu_si128(codes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "ssse3")]
fn words(values: &[i8; 16]) -> [Int; 4] {
    // SAFETY: 16 bytes are read, as many as there are.
    let values = unsafe { _mm_loadu_si128(values.as_ptr().cast()) };
    [
        _mm_shuffle_epi32::<0x00>(values),
        _mm_shuffle_epi32::<0x55>(values),
        _mm_shuffle_epi32::<0xaa>(values),
        _mm_shuffle_epi32::<0xff>(values),
    ]
}

#[inline]
#[target_feature(enable = "ssse3")]
fn planes(block: Int) -> [Int; 4] {
    let three = _mm_set1_epi8(3);
    [
        _mm_and_si128(block, three),
        _mm_and_si128(_mm_srli_epi16::<2>(block), three),
        _mm_and_si128(_mm_srli_epi16::<4>(block), three),
        _mm_and_si128(_mm_srli_epi16::<6>(block), three),
    ]
}

#[inline]
#[target_feature(enable = "ssse3")]
fn zero() -> Int {
    _mm_setzero_si128()
}

#[inline]
#[target_feature(enable = "ssse3")]
fn splat(value: i32) -> Int {
    _mm_set1_epi32(value)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn plus(a: Int, b: Int) -> Int {
    _mm_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn join(first: Int, second: Int) -> Int {
    _mm_add_epi32(_mm_slli_epi32::<8>(first), second)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn float(sums: Int) -> Float {
    _mm_cvtepi32_ps(sums)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn floats(value: f32) -> Float {
    _mm_set1_ps(value)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn times(a: Float, b: Float) -> Float {
    _mm_mul_ps(a, b)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn plus_floats(a: Float, b: Float) -> Float {
    _mm_add_ps(a, b)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn weights(scales: [u8; 8]) -> Float {
    widen_ssse3(&scales)
}

/// All scales of a group. Widening is slow only for subnormal halves, which hardly occur.
#[inline]
#[target_feature(enable = "ssse3")]
fn all_weights(scales: &[u8; 32]) -> [Float; SLICES] {
    let halves = scales.as_chunks().0;
    let (first, second) = (load(halves[0]), load(halves[1]));
    let exponent = _mm_set1_epi16(0x7c00);
    let least = _mm_min_epi16(_mm_and_si128(first, exponent), _mm_and_si128(second, exponent));
    let mut out = [floats(0.0); SLICES];
    if _mm_movemask_epi8(_mm_cmpeq_epi16(least, zero())) != 0 {
        for s in 0..SLICES {
            out[s] = weights(scales.as_chunks().0[s]);
        }
        return out;
    }
    let high = [
        _mm_unpacklo_epi16(zero(), first),
        _mm_unpackhi_epi16(zero(), first),
        _mm_unpacklo_epi16(zero(), second),
        _mm_unpackhi_epi16(zero(), second),
    ];
    for s in 0..SLICES {
        // Moves exponent and mantissa to their position in a float; the exponents differ by 112. Infinities and NaN would become
        // numbers, but they are rejected when packing.
        let small = _mm_and_si128(
            _mm_srai_epi32::<3>(high[s]),
            _mm_set1_epi32(0x8fff_e000_u32.cast_signed()),
        );
        out[s] = _mm_castsi128_ps(_mm_add_epi32(small, _mm_set1_epi32(112 << 23)));
    }
    out
}

#[inline]
#[target_feature(enable = "ssse3")]
fn store(out: &mut [f32; 4], value: Float) {
    // SAFETY: 4 floats are written, as many as there are.
    unsafe { _mm_storeu_ps(out.as_mut_ptr(), value) }
}
