//! AVX-512 with VNNI: a block is one register, a plane one `vpdpbusd`.
#![allow(unsafe_code)] // loads and stores of whole registers

use std::arch::x86_64::{
    __m512, __m512i, _mm256_loadu_si256, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512,
    _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_mul_ps,
    _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_slli_epi32, _mm512_srai_epi32, _mm512_srli_epi16, _mm512_storeu_ps,
};

use super::job::{Groups, Job, Outputs, prefetch_chunk, word};
use crate::panel::{CHUNK, CHUNK_BYTES, PANEL_ROWS};
use crate::slices::part;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) fn panel(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    macro_rules! tiles {
        ($planes:literal: $($tokens:literal)+) => {
            match job.tokens {
                $($tokens if job.whole() => tile::<$tokens, $planes, true>(panel, job, out),
                $tokens => tile::<$tokens, $planes, false>(panel, job, out),)+
                tokens => unreachable!("no tile of {tokens} tokens"),
            }
        };
    }
    match (job.x.precision().planes(), job.tokens) {
        (1, 1) if job.whole() => one_whole(panel, job, out),
        (1, 1) => one::<1>(panel, job, out),
        (_, 1) => one::<2>(panel, job, out),
        (1, _) => tiles!(1: 2 3 4 5 6 7 8 16),
        _ => tiles!(2: 2 3 4 5 6 7 8),
    }
}

/// One token of `P` planes. The bit planes are not shifted, which makes their sums 1, 4, 16 and 64 times too large (at most 16
/// columns x 192 x 128 in a lane); the shifts at the end are exact.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn one<const P: usize>(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    let layout = job.layout;
    let x = *job.together;
    let masks = masks();
    let zero = _mm512_setzero_si512();
    let mut total = _mm512_setzero_ps();
    let mut weight = _mm512_set1_ps(layout.scale);
    let mut at = 0;
    for (group, weights) in Groups::new(panel, layout) {
        if let Some(weights) = weights {
            weight = convert(weights);
        }
        for codes in group {
            prefetch_chunk(codes);
            let mut sums = [[zero; 4]; P];
            for p in 0..P {
                // Starting with the negated sum of the values makes codes 0..=3 stand for -1..=2 at no cost.
                sums[p][0] = _mm512_set1_epi32(x.offsets[p][at]);
            }
            for (i, block) in codes.as_chunks::<64>().0.iter().enumerate() {
                let block = load(block);
                for plane in 0..4 {
                    let codes = _mm512_and_si512(block, masks[plane]);
                    for p in 0..P {
                        let values = broadcast(&x.values[p][at].as_chunks::<16>().0[i], plane);
                        sums[p][plane] = _mm512_dpbusd_epi32(sums[p][plane], codes, values);
                    }
                }
            }
            let mut sum = zero;
            for p in 0..P {
                sum = _mm512_add_epi32(_mm512_slli_epi32::<8>(sum), together(sums[p]));
            }
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(x.scales[at]));
            total = _mm512_add_ps(total, _mm512_mul_ps(scaled, weight));
            at += x.width;
        }
    }
    store(&mut out[0], total);
}

/// One token of one plane, if one int32 sum per row suffices for the whole product. The planes' sums are combined only at the
/// end ([`MAX_COLUMNS`](crate::panel::MAX_COLUMNS) / 4 columns in a lane x 192 x 128 are below 2^31). Blocks alternate between
/// two sums each, as the latency of an addition is longer than the time of a block.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn one_whole(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    let x = *job.together;
    let masks = masks();
    let mut sums = [[_mm512_setzero_si512(); 4]; 2];
    let mut offset = 0;
    let mut at = 0;
    for codes in panel.as_chunks::<CHUNK_BYTES>().0 {
        let (Some(values), Some(minus)) = (x.values[0].get(at), x.offsets[0].get(at)) else {
            unreachable!("activations are as long as rows");
        };
        prefetch_chunk(codes);
        for (i, block) in codes.as_chunks::<64>().0.iter().enumerate() {
            let block = load(block);
            for plane in 0..4 {
                let codes = _mm512_and_si512(block, masks[plane]);
                let values = broadcast(&values.as_chunks::<16>().0[i], plane);
                sums[i % 2][plane] = _mm512_dpbusd_epi32(sums[i % 2][plane], codes, values);
            }
        }
        offset += minus;
        at += x.width;
    }
    let sum = _mm512_add_epi32(together(sums[0]), together(sums[1]));
    let sum = _mm512_cvtepi32_ps(_mm512_add_epi32(sum, _mm512_set1_epi32(offset)));
    let scaled = _mm512_mul_ps(sum, _mm512_set1_ps(x.scales[0]));
    store(
        &mut out[0],
        _mm512_mul_ps(scaled, _mm512_set1_ps(job.layout.scale)),
    );
}

#[inline]
#[target_feature(enable = "avx512f")]
fn masks() -> [__m512i; 4] {
    [
        _mm512_set1_epi8(3),
        _mm512_set1_epi8(12),
        _mm512_set1_epi8(48),
        _mm512_set1_epi8(-64),
    ]
}

/// The sum of the planes' sums, which are 1, 4, 16 and 64 times too large.
#[inline]
#[target_feature(enable = "avx512f")]
fn together([first, second, third, fourth]: [__m512i; 4]) -> __m512i {
    let low = _mm512_add_epi32(first, _mm512_srai_epi32::<2>(second));
    let high = _mm512_add_epi32(_mm512_srai_epi32::<4>(third), _mm512_srai_epi32::<6>(fourth));
    _mm512_add_epi32(low, high)
}

/// `M` tokens of `P` planes. `WHOLE`: int32 sums over all columns.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile<const M: usize, const P: usize, const WHOLE: bool>(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    let layout = job.layout;
    let x = *job.together;
    let three = _mm512_set1_epi8(3);
    let zero = _mm512_setzero_si512();
    let mut whole = [zero; M];
    let mut total = [_mm512_setzero_ps(); M];
    let mut weight = _mm512_set1_ps(layout.scale);
    let mut at = 0;
    for (group, weights) in Groups::new(panel, layout) {
        if let Some(weights) = weights {
            weight = convert(weights);
        }
        for codes in group {
            prefetch_chunk(codes);
            let mut sums = [[zero; M]; P];
            for p in 0..P {
                let offsets: &[i32; M] = part(x.offsets[p], at);
                for j in 0..M {
                    sums[p][j] = _mm512_set1_epi32(offsets[j]);
                }
            }
            for (i, block) in codes.as_chunks::<64>().0.iter().enumerate() {
                let block = load(block);
                let planes = [
                    _mm512_and_si512(block, three),
                    _mm512_and_si512(_mm512_srli_epi16::<2>(block), three),
                    _mm512_and_si512(_mm512_srli_epi16::<4>(block), three),
                    _mm512_and_si512(_mm512_srli_epi16::<6>(block), three),
                ];
                for p in 0..P {
                    let values: &[[i8; CHUNK]; M] = part(x.values[p], at);
                    for plane in 0..4 {
                        for j in 0..M {
                            let values = broadcast(&values[j].as_chunks::<16>().0[i], plane);
                            sums[p][j] = _mm512_dpbusd_epi32(sums[p][j], planes[plane], values);
                        }
                    }
                }
            }
            let token: &[f32; M] = part(x.scales, at);
            for j in 0..M {
                let mut sum = sums[0][j];
                if P == 2 {
                    sum = _mm512_add_epi32(_mm512_slli_epi32::<8>(sum), sums[P - 1][j]);
                }
                if WHOLE {
                    whole[j] = _mm512_add_epi32(whole[j], sum);
                } else {
                    let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(token[j]));
                    total[j] = _mm512_add_ps(total[j], _mm512_mul_ps(scaled, weight));
                }
            }
            at += x.width;
        }
    }
    for j in 0..M {
        if WHOLE {
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(whole[j]), _mm512_set1_ps(x.scales[j]));
            total[j] = _mm512_mul_ps(scaled, weight);
        }
        store(&mut out[j], total[j]);
    }
}

/// Four activations, in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(values: &[i8; 16], plane: usize) -> __m512i {
    _mm512_set1_epi32(word(values, plane))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(block: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes are read, as many as there are.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// 16 fp16 scales as floats.
#[inline]
#[target_feature(enable = "avx512f")]
fn convert(scales: &[u8; 32]) -> __m512 {
    // SAFETY: 32 bytes are read, as many as there are.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(scales.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(out: &mut [f32; PANEL_ROWS], value: __m512) {
    // SAFETY: 64 bytes are written, as many as there are.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), value) }
}
