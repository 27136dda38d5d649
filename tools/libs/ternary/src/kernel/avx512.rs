//! AVX-512 with VNNI: a block is one register, a plane one `vpdpbusd`.
#![allow(unsafe_code)] // loads and stores of whole registers

use std::arch::x86_64::{
    __m512, __m512i, _mm256_loadu_si256, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512,
    _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_mul_ps,
    _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_slli_epi32, _mm512_srai_epi32, _mm512_srli_epi16, _mm512_storeu_ps,
};

use super::{Groups, Job, Outputs};
use crate::panel::{CHUNK, CHUNK_BYTES, PANEL_ROWS};

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
    if job.x.precision().planes() == 1 {
        tiles!(1: 1 2 3 4 5 6 7 8 16);
    } else {
        tiles!(2: 1 2 3 4 5 6 7 8);
    }
}

/// `M` tokens of `P` planes. `WHOLE`: int32 sums over all columns.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile<const M: usize, const P: usize, const WHOLE: bool>(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    let Job { layout, x, first, .. } = job;
    let chunks = layout.chunks();
    let values: [[&[[i8; CHUNK]]; P]; M] =
        std::array::from_fn(|j| std::array::from_fn(|p| &x.values(p, first + j)[..chunks]));
    let offsets: [[&[i32]; P]; M] =
        std::array::from_fn(|j| std::array::from_fn(|p| &x.sums(p, first + j)[..chunks]));
    let scales: [&[f32]; M] = std::array::from_fn(|j| &x.scales(first + j)[..chunks]);

    let mut whole = [_mm512_setzero_si512(); M];
    let mut total = [_mm512_setzero_ps(); M];
    let mut chunk = 0;
    for (group, weights) in Groups::new(panel, layout) {
        let weight = weights.map_or(_mm512_set1_ps(layout.scale), |weights| convert(weights));
        for codes in group {
            let sums = sum::<M, P>(codes, &values, &offsets, chunk);
            for j in 0..M {
                if WHOLE {
                    whole[j] = _mm512_add_epi32(whole[j], sums[j]);
                } else {
                    let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[j]), _mm512_set1_ps(scales[j][chunk]));
                    total[j] = _mm512_add_ps(total[j], _mm512_mul_ps(scaled, weight));
                }
            }
            chunk += 1;
        }
    }
    for j in 0..M {
        if WHOLE {
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(whole[j]), _mm512_set1_ps(scales[j][0]));
            total[j] = _mm512_mul_ps(scaled, _mm512_set1_ps(layout.scale));
        }
        store(&mut out[j], total[j]);
    }
}

/// The int32 sums of a chunk, both planes put together.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn sum<const M: usize, const P: usize>(
    codes: &[u8; CHUNK_BYTES],
    values: &[[&[[i8; CHUNK]]; P]; M],
    offsets: &[[&[i32]; P]; M],
    chunk: usize,
) -> [__m512i; M] {
    // Starting at minus the sum of the values makes codes 0..=3 stand for -1..=2 at no cost.
    let mut sums = [[_mm512_setzero_si512(); P]; M];
    for j in 0..M {
        for p in 0..P {
            sums[j][p] = _mm512_set1_epi32(-offsets[j][p][chunk]);
        }
    }
    if M * P == 1 {
        // Planes left where they are, 4, 16 and 64 times too large in sums of their own, save the shifts: at most
        // 16 columns x 192 x 128 in a lane, and the shifts at the end are exact.
        let masks = [3, 12, 48, -64].map(|mask| _mm512_set1_epi8(mask));
        let mut planes = [
            sums[0][0],
            _mm512_setzero_si512(),
            _mm512_setzero_si512(),
            _mm512_setzero_si512(),
        ];
        for (block, values) in codes
            .as_chunks::<64>()
            .0
            .iter()
            .zip(values[0][0][chunk].as_chunks::<16>().0)
        {
            let block = load(block);
            for i in 0..4 {
                let codes = _mm512_and_si512(block, masks[i]);
                planes[i] = _mm512_dpbusd_epi32(planes[i], codes, broadcast(values, i));
            }
        }
        let low = _mm512_add_epi32(planes[0], _mm512_srai_epi32::<2>(planes[1]));
        let high = _mm512_add_epi32(
            _mm512_srai_epi32::<4>(planes[2]),
            _mm512_srai_epi32::<6>(planes[3]),
        );
        return [_mm512_add_epi32(low, high); M];
    }
    let three = _mm512_set1_epi8(3);
    for (i, block) in codes.as_chunks::<64>().0.iter().enumerate() {
        let block = load(block);
        let planes = [
            _mm512_and_si512(block, three),
            _mm512_and_si512(_mm512_srli_epi16::<2>(block), three),
            _mm512_and_si512(_mm512_srli_epi16::<4>(block), three),
            _mm512_and_si512(_mm512_srli_epi16::<6>(block), three),
        ];
        for (plane, codes) in planes.into_iter().enumerate() {
            for j in 0..M {
                for p in 0..P {
                    let values = &values[j][p][chunk].as_chunks::<16>().0[i];
                    sums[j][p] = _mm512_dpbusd_epi32(sums[j][p], codes, broadcast(values, plane));
                }
            }
        }
    }
    let mut whole = [_mm512_setzero_si512(); M];
    for j in 0..M {
        whole[j] = sums[j][0];
        for p in 1..P {
            whole[j] = _mm512_add_epi32(_mm512_slli_epi32::<8>(whole[j]), sums[j][p]);
        }
    }
    whole
}

/// Four activations, in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(values: &[i8; 16], plane: usize) -> __m512i {
    let [a, b, c, d] = values.as_chunks::<4>().0[plane].map(i8::cast_unsigned);
    _mm512_set1_epi32(i32::from_le_bytes([a, b, c, d]))
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
