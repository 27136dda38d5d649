//! AVX2: eight rows in a register, products in int16 pairs by `vpmaddubsw`.
//!
//! Bounds of the int16 sums, for codes up to 3 and values down to -128: a pair gives at most 2 x 3 x 128 = 768. A chunk
//! adds 4 blocks x 4 planes of pairs to a lane: 12288. With planes 1 and 3 left 4 times too large, a pair gives
//! 3072, and a chunk adds 4 x 2 of them: 24576, while planes 0 and 2 add 4 x 2 x 768 = 6144; shifted down (exactly) and
//! added, 6144 + 6144. All are below 32767, and pairs are widened to int32 after each chunk. Without widening, 16 blocks of
//! 4 planes would reach 49152.
#![allow(unsafe_code)] // loads and stores of whole registers

use std::arch::x86_64::{
    __m256, __m256i, _mm_loadu_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256,
    _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srai_epi16, _mm256_srli_epi16, _mm256_storeu_ps,
};

use super::alone::alone;
use super::job::{Groups, Job, Outputs, prefetch_chunk, word};
use super::narrow::narrow;
use super::steps_256::steps_256;
use crate::activations::Together;
use crate::panel::{CHUNK, CHUNK_BYTES, PANEL_ROWS};
use crate::slices::part;

const LANES: usize = 8;
const SLICES_INSIDE: bool = true;
type Int = __m256i;
type Float = __m256;
/// Planes 0 and 2; planes 1 and 3, 4 times too large. int16.
type Apart = [__m256i; 2];
/// Of planes 0 and 2, and of 1 and 3.
type Masks = [__m256i; 2];

narrow!(#[target_feature(enable = "avx2,f16c")]);
alone!(#[target_feature(enable = "avx2,f16c")]);

/// The values of a chunk.
type Alone = [i8; CHUNK];

#[inline(always)]
fn alone<'a>(_: &Job<'a>, x: &Together<'a>, chunk: usize) -> Option<&'a Alone> {
    x.values[0].get(chunk * x.width)
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn alone_words(values: &Alone, block: usize) -> [Int; 4] {
    words(&values.as_chunks::<16>().0[block])
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn all_weights(scales: &[u8; 32]) -> [Float; SLICES] {
    let mut out = [floats(0.0); SLICES];
    for s in 0..SLICES {
        out[s] = weights(scales.as_chunks().0[s]);
    }
    out
}

#[inline]
#[target_feature(enable = "avx2")]
fn apart() -> Apart {
    [_mm256_setzero_si256(); 2]
}

/// Hides a value from the compiler. A known constant would be reloaded as a repeated byte when registers are scarce, which
/// takes a slot of the port needed for additions and masks; a hidden one is spilled to the stack, where `vpand` reads it.
#[inline]
#[target_feature(enable = "avx2")]
fn opaque(mut value: Int) -> Int {
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!("/* {0} */", inout(ymm_reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks() -> Masks {
    [opaque(_mm256_set1_epi8(3)), opaque(_mm256_set1_epi8(12))]
}

#[inline]
#[target_feature(enable = "avx2")]
fn apart_add(sums: Apart, block: Int, words: [Int; 4], [even, odd]: Masks) -> Apart {
    let high = _mm256_srli_epi16::<4>(block);
    let pair = |low: Int, mask: Int, first: Int, second: Int, sum: Int| {
        let first = _mm256_maddubs_epi16(_mm256_and_si256(low, mask), first);
        let second = _mm256_maddubs_epi16(_mm256_and_si256(high, mask), second);
        _mm256_add_epi16(sum, _mm256_add_epi16(first, second))
    };
    [
        pair(block, even, words[0], words[2], sums[0]),
        pair(block, odd, words[1], words[3], sums[1]),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn apart_sum(sums: Apart) -> Int {
    _mm256_add_epi16(sums[0], _mm256_srai_epi16::<2>(sums[1]))
}

#[inline]
#[target_feature(enable = "avx2")]
fn plus_narrow(a: Int, b: Int) -> Int {
    _mm256_add_epi16(a, b)
}

/// Adds to int16 sums.
#[inline]
#[target_feature(enable = "avx2")]
fn add(sums: Int, planes: [Int; 4], words: [Int; 4]) -> Int {
    let first = _mm256_add_epi16(
        _mm256_maddubs_epi16(planes[0], words[0]),
        _mm256_maddubs_epi16(planes[1], words[1]),
    );
    let second = _mm256_add_epi16(
        _mm256_maddubs_epi16(planes[2], words[2]),
        _mm256_maddubs_epi16(planes[3], words[3]),
    );
    _mm256_add_epi16(sums, _mm256_add_epi16(first, second))
}

/// Pairs of int16 sums to int32.
#[inline]
#[target_feature(enable = "avx2")]
fn sum(sums: Int) -> Int {
    _mm256_madd_epi16(sums, _mm256_set1_epi16(1))
}

steps_256!("avx2,f16c");
