//! The steps of each instruction set: registers of floats, and the conversion of fp16 and bytes.
#![allow(unsafe_code)] // loads and stores of whole registers
#![allow(clippy::wildcard_imports)] // the names of intrinsics tell their origin
#![allow(clippy::trivially_copy_pass_by_ref)] // registers differ in size, the signatures of steps do not

/// Plain Rust.
pub(super) mod plain {
    const WIDTH: usize = 1;
    type Floats = f32;

    super::super::products::products!();

    #[inline(always)]
    fn zero() -> Floats {
        0.0
    }

    #[inline(always)]
    fn splat(value: f32) -> Floats {
        value
    }

    #[inline(always)]
    fn load(floats: &[f32; 1]) -> Floats {
        floats[0]
    }

    #[inline(always)]
    fn store(out: &mut [f32; 1], floats: Floats) {
        out[0] = floats;
    }

    #[inline(always)]
    fn times(a: Floats, b: Floats) -> Floats {
        a * b
    }

    #[inline(always)]
    fn plus(a: Floats, b: Floats) -> Floats {
        a + b
    }

    #[inline(always)]
    fn f16(bytes: &[u8; 2]) -> Floats {
        widen(u16::from_le_bytes(*bytes))
    }

    #[inline(always)]
    fn i8(bytes: &[u8; 1]) -> Floats {
        f32::from(bytes[0].cast_signed())
    }
}

/// AVX-512.
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512 {
    use std::arch::x86_64::*;

    const WIDTH: usize = 16;
    type Floats = __m512;

    super::super::products::products!(#[target_feature(enable = "avx512f")]);

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn zero() -> Floats {
        _mm512_setzero_ps()
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn splat(value: f32) -> Floats {
        _mm512_set1_ps(value)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(floats: &[f32; WIDTH]) -> Floats {
        // SAFETY: as many floats are read as there are.
        unsafe { _mm512_loadu_ps(floats.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(out: &mut [f32; WIDTH], floats: Floats) {
        // SAFETY: as many floats are written as there are.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), floats) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn times(a: Floats, b: Floats) -> Floats {
        _mm512_mul_ps(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn plus(a: Floats, b: Floats) -> Floats {
        _mm512_add_ps(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn f16(bytes: &[u8; 2 * WIDTH]) -> Floats {
        // SAFETY: as many bytes are read as there are.
        _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) })
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn i8(bytes: &[u8; WIDTH]) -> Floats {
        // SAFETY: as many bytes are read as there are.
        let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
    }
}

/// AVX2 with F16C.
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2 {
    use std::arch::x86_64::*;

    const WIDTH: usize = 8;
    type Floats = __m256;

    super::super::products::products!(#[target_feature(enable = "avx2,f16c")]);

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn zero() -> Floats {
        _mm256_setzero_ps()
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn splat(value: f32) -> Floats {
        _mm256_set1_ps(value)
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn load(floats: &[f32; WIDTH]) -> Floats {
        // SAFETY: as many floats are read as there are.
        unsafe { _mm256_loadu_ps(floats.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn store(out: &mut [f32; WIDTH], floats: Floats) {
        // SAFETY: as many floats are written as there are.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), floats) }
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn times(a: Floats, b: Floats) -> Floats {
        _mm256_mul_ps(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn plus(a: Floats, b: Floats) -> Floats {
        _mm256_add_ps(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn f16(bytes: &[u8; 2 * WIDTH]) -> Floats {
        // SAFETY: as many bytes are read as there are.
        _mm256_cvtph_ps(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn i8(bytes: &[u8; WIDTH]) -> Floats {
        // SAFETY: as many bytes are read as there are.
        let bytes = unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) };
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
    }
}

/// SSSE3, without F16C: fp16 becomes floats by integer operations.
#[cfg(target_arch = "x86_64")]
pub(super) mod ssse3 {
    use std::arch::x86_64::*;

    use crate::half_float::widen_ssse3 as f16;

    const WIDTH: usize = 4;
    type Floats = __m128;

    super::super::products::products!(#[target_feature(enable = "ssse3")]);

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn zero() -> Floats {
        _mm_setzero_ps()
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn splat(value: f32) -> Floats {
        _mm_set1_ps(value)
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn load(floats: &[f32; WIDTH]) -> Floats {
        // SAFETY: as many floats are read as there are.
        unsafe { _mm_loadu_ps(floats.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn store(out: &mut [f32; WIDTH], floats: Floats) {
        // SAFETY: as many floats are written as there are.
        unsafe { _mm_storeu_ps(out.as_mut_ptr(), floats) }
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn times(a: Floats, b: Floats) -> Floats {
        _mm_mul_ps(a, b)
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn plus(a: Floats, b: Floats) -> Floats {
        _mm_add_ps(a, b)
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn i8(bytes: &[u8; WIDTH]) -> Floats {
        let bytes = _mm_cvtsi32_si128(i32::from_le_bytes(*bytes));
        // Each byte to the top of its lane, and down again with its sign.
        let high = _mm_unpacklo_epi8(_mm_setzero_si128(), bytes);
        let high = _mm_unpacklo_epi16(_mm_setzero_si128(), high);
        _mm_cvtepi32_ps(_mm_srai_epi32::<24>(high))
    }
}

/// NEON.
#[cfg(target_arch = "aarch64")]
pub(super) mod neon {
    use std::arch::aarch64::{
        float32x4_t, vaddq_f32, vcvtq_f32_s32, vdupq_n_f32, vget_low_s16, vld1_s8, vld1q_f32, vmovl_s8,
        vmovl_s16, vmulq_f32, vst1q_f32,
    };

    const WIDTH: usize = 4;
    type Floats = float32x4_t;

    super::super::products::products!(#[target_feature(enable = "neon")]);

    #[inline]
    #[target_feature(enable = "neon")]
    fn zero() -> Floats {
        vdupq_n_f32(0.0)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn splat(value: f32) -> Floats {
        vdupq_n_f32(value)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn load(floats: &[f32; WIDTH]) -> Floats {
        // SAFETY: as many floats are read as there are.
        unsafe { vld1q_f32(floats.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn store(out: &mut [f32; WIDTH], floats: Floats) {
        // SAFETY: as many floats are written as there are.
        unsafe { vst1q_f32(out.as_mut_ptr(), floats) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn times(a: Floats, b: Floats) -> Floats {
        vmulq_f32(a, b)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn plus(a: Floats, b: Floats) -> Floats {
        vaddq_f32(a, b)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn f16(bytes: &[u8; 2 * WIDTH]) -> Floats {
        let mut floats = [0.0; WIDTH];
        for (float, bytes) in floats.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *float = widen(u16::from_le_bytes(*bytes));
        }
        load(&floats)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn i8(bytes: &[u8; WIDTH]) -> Floats {
        let [a, b, c, d] = bytes.map(u8::cast_signed);
        // SAFETY: 8 bytes are read, as many as there are.
        let bytes = unsafe { vld1_s8([a, b, c, d, 0, 0, 0, 0].as_ptr()) };
        vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))))
    }
}
