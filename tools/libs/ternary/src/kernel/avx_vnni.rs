//! AVX-VNNI: eight rows in a register, `vpdpbusd` in its VEX form.
#![allow(unsafe_code)] // loads and stores of whole registers

use std::arch::x86_64::{
    __m256, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_cvtepi32_ps,
    _mm256_cvtph_ps, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256, _mm256_mul_ps, _mm256_set1_epi8,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srai_epi32,
    _mm256_srli_epi16, _mm256_storeu_ps,
};

use super::narrow::narrow;
use super::steps_256::steps_256;
use super::{Groups, Job, Outputs, part, prefetch_chunk, word};
use crate::panel::{CHUNK, PANEL_ROWS};

const LANES: usize = 8;
type Int = __m256i;
type Float = __m256;
/// Plane by plane, 1, 4, 16 and 64 times too large: at most 16 columns x 192 x 128 in a lane.
type Apart = [__m256i; 4];

narrow!(#[target_feature(enable = "avx2,f16c,avxvnni")]);

#[inline]
#[target_feature(enable = "avx2")]
fn apart() -> Apart {
    [_mm256_setzero_si256(); 4]
}

#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn apart_add(sums: Apart, block: Int, words: [Int; 4]) -> Apart {
    [
        _mm256_dpbusd_avx_epi32(sums[0], _mm256_and_si256(block, _mm256_set1_epi8(3)), words[0]),
        _mm256_dpbusd_avx_epi32(sums[1], _mm256_and_si256(block, _mm256_set1_epi8(12)), words[1]),
        _mm256_dpbusd_avx_epi32(sums[2], _mm256_and_si256(block, _mm256_set1_epi8(48)), words[2]),
        _mm256_dpbusd_avx_epi32(sums[3], _mm256_and_si256(block, _mm256_set1_epi8(-64)), words[3]),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn apart_sum(sums: Apart) -> Int {
    let low = _mm256_add_epi32(sums[0], _mm256_srai_epi32::<2>(sums[1]));
    let high = _mm256_add_epi32(_mm256_srai_epi32::<4>(sums[2]), _mm256_srai_epi32::<6>(sums[3]));
    _mm256_add_epi32(low, high)
}

#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn add(sums: Int, planes: [Int; 4], words: [Int; 4]) -> Int {
    let sums = _mm256_dpbusd_avx_epi32(sums, planes[0], words[0]);
    let sums = _mm256_dpbusd_avx_epi32(sums, planes[1], words[1]);
    let sums = _mm256_dpbusd_avx_epi32(sums, planes[2], words[2]);
    _mm256_dpbusd_avx_epi32(sums, planes[3], words[3])
}

#[inline]
#[target_feature(enable = "avx2")]
fn sum(sums: Int) -> Int {
    sums
}

steps_256!("avx2,f16c");
