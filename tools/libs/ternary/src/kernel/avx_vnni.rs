//! AVX-VNNI: eight rows in a register, `vpdpbusd` in its VEX form.
#![allow(unsafe_code)] // loads and stores of whole registers

use std::arch::x86_64::{
    __m256, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_cvtepi32_ps,
    _mm256_cvtph_ps, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256, _mm256_mul_ps, _mm256_set1_epi8,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srai_epi32,
    _mm256_srli_epi16, _mm256_storeu_ps,
};

use super::job::{Groups, Job, Outputs, prefetch_chunk, word};
use super::narrow::narrow;
use super::steps_256::steps_256;
use crate::panel::{CHUNK, PANEL_ROWS};
use crate::slices::part;

const LANES: usize = 8;
type Int = __m256i;
type Float = __m256;

narrow!(#[target_feature(enable = "avx2,f16c,avxvnni")]);

#[target_feature(enable = "avx2,f16c,avxvnni")]
fn one_whole(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    one_of::<true>(panel, job, out);
}

#[target_feature(enable = "avx2,f16c,avxvnni")]
fn one(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    one_of::<false>(panel, job, out);
}

/// One token of one plane. Bit planes are not shifted, so their sums are 1, 4, 16 and 64 times too large: at most 16 columns x
/// 192 x 128 in a lane.
#[target_feature(enable = "avx2,f16c,avxvnni")]
fn one_of<const WHOLE: bool>(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    let x = *job.together;
    let masks = [
        _mm256_set1_epi8(3),
        _mm256_set1_epi8(12),
        _mm256_set1_epi8(48),
        _mm256_set1_epi8(-64),
    ];
    let mut whole = [zero(); SLICES];
    let mut total = [floats(0.0); SLICES];
    let mut weight = [floats(job.layout.scale); SLICES];
    let mut at = 0;
    for (group, scales) in Groups::new(panel, job.layout) {
        if let Some(scales) = scales {
            for s in 0..SLICES {
                weight[s] = weights(scales.as_chunks().0[s]);
            }
        }
        for codes in group {
            prefetch_chunk(codes);
            let mut sums = [[zero(); 4]; SLICES];
            let values = x.values[0][at].as_chunks::<16>().0;
            for i in 0..4 {
                let words = words(&values[i]);
                for s in 0..SLICES {
                    let block = load(codes.as_chunks().0[i * SLICES + s]);
                    for plane in 0..4 {
                        let codes = _mm256_and_si256(block, masks[plane]);
                        sums[s][plane] = _mm256_dpbusd_avx_epi32(sums[s][plane], codes, words[plane]);
                    }
                }
            }
            let offset = splat(x.offsets[0][at]);
            let scale = floats(x.scales[at]);
            for s in 0..SLICES {
                let [first, second, third, fourth] = sums[s];
                let low = plus(first, _mm256_srai_epi32::<2>(second));
                let high = plus(_mm256_srai_epi32::<4>(third), _mm256_srai_epi32::<6>(fourth));
                let sum = plus(plus(low, high), offset);
                if WHOLE {
                    whole[s] = plus(whole[s], sum);
                } else {
                    total[s] = plus_floats(total[s], times(times(float(sum), scale), weight[s]));
                }
            }
            at += x.width;
        }
    }
    for s in 0..SLICES {
        if WHOLE {
            total[s] = times(times(float(whole[s]), floats(x.scales[0])), weight[s]);
        }
        store(&mut out[0].as_chunks_mut().0[s], total[s]);
    }
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
