//! The steps of each instruction set for blocks of bytes. Where one operand must be unsigned, the sign of the weights is moved
//! to the activations: a pair of products is at most 2 x 128 x 127 = 32512, within int16. Codes of K-quants are unsigned, and
//! smaller.
#![allow(unsafe_code)] // loads and stores of whole registers
#![allow(clippy::wildcard_imports)] // the names of intrinsics tell their origin

/// Plain Rust.
pub(crate) mod plain {
    use crate::half_float::widen;

    type Bytes = [u8; BLOCK];
    type Weights = [i8; BLOCK];
    type Floats = [f32; SUMS];

    super::super::products::products!();

    #[inline(always)]
    fn bytes(bytes: &[u8; BLOCK]) -> Bytes {
        *bytes
    }

    #[inline(always)]
    fn shifted(bytes: Bytes, by: i32) -> Bytes {
        if by < 0 {
            bytes.map(|byte| byte >> -by)
        } else {
            bytes.map(|byte| byte << by)
        }
    }

    #[inline(always)]
    fn masked(bytes: Bytes, mask: u8) -> Bytes {
        bytes.map(|byte| byte & mask)
    }

    #[inline(always)]
    fn joined(a: Bytes, b: Bytes) -> Bytes {
        std::array::from_fn(|at| a[at] | b[at])
    }

    #[inline(always)]
    fn dots(codes: &Bytes, values: &[i8; BLOCK]) -> Floats {
        sums(&codes.map(u8::cast_signed), values)
    }

    #[inline(always)]
    fn nibbles(bytes: &[u8; 16]) -> Bytes {
        std::array::from_fn(|at| bytes[at % 16] >> (at / 16 * 4) & 15)
    }

    #[inline(always)]
    fn fifth(bits: u32) -> Bytes {
        std::array::from_fn(|at| (bits >> at & 1) as u8 * 16)
    }

    #[inline(always)]
    fn less(bytes: Bytes, by: u8) -> Bytes {
        bytes.map(|byte| byte.wrapping_sub(by))
    }

    #[inline(always)]
    fn levels(codes: Bytes) -> Bytes {
        codes.map(|code| small::LEVELS[usize::from(code & 15)].cast_unsigned())
    }

    #[inline(always)]
    fn signed(bytes: Bytes) -> Weights {
        bytes.map(u8::cast_signed)
    }

    #[inline(always)]
    fn weights(bytes: &[u8; BLOCK]) -> Weights {
        bytes.map(u8::cast_signed)
    }

    #[inline(always)]
    fn sums(weights: &Weights, values: &[i8; BLOCK]) -> Floats {
        let mut sums = [0.0; SUMS];
        let fours = weights.as_chunks::<4>().0.iter().zip(values.as_chunks::<4>().0);
        for (sum, (w, x)) in sums.iter_mut().zip(fours) {
            let products = w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x));
            *sum = products.sum::<i32>() as f32;
        }
        sums
    }

    #[inline(always)]
    fn zero() -> Floats {
        [0.0; SUMS]
    }

    #[inline(always)]
    fn splat(value: f32) -> Floats {
        [value; SUMS]
    }

    #[inline(always)]
    fn halves(first: f32, second: f32) -> Floats {
        std::array::from_fn(|lane| if lane < SUMS / 2 { first } else { second })
    }

    #[inline(always)]
    fn load(floats: &[f32; SUMS]) -> Floats {
        *floats
    }

    #[inline(always)]
    fn half(bits: u16) -> Floats {
        splat(widen(bits))
    }

    #[inline(always)]
    fn times(a: Floats, b: Floats) -> Floats {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn plus(a: Floats, b: Floats) -> Floats {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn store(out: &mut [f32], floats: Floats) {
        out.copy_from_slice(&floats);
    }
}

/// The steps for 256-bit registers; the multiplication is `sum` of the module in scope.
#[cfg(target_arch = "x86_64")]
macro_rules! steps_256 {
    ($features:literal) => {
        use std::arch::x86_64::*;

        type Bytes = __m256i;
        /// Magnitudes, and the bytes themselves for their signs.
        type Weights = [__m256i; 2];
        type Floats = __m256;

        super::super::products::products!(#[target_feature(enable = $features)]);

        #[inline]
        #[target_feature(enable = $features)]
        fn bytes(bytes: &[u8; BLOCK]) -> Bytes {
            // SAFETY: 32 bytes are read, as many as there are.
            unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
        }

        /// Shifts in bits of the neighbouring byte, which must be masked out.
        #[inline]
        #[target_feature(enable = $features)]
        fn shifted(bytes: Bytes, by: i32) -> Bytes {
            let count = _mm_cvtsi32_si128(by.abs());
            if by < 0 {
                _mm256_srl_epi16(bytes, count)
            } else {
                _mm256_sll_epi16(bytes, count)
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn masked(bytes: Bytes, mask: u8) -> Bytes {
            _mm256_and_si256(bytes, _mm256_set1_epi8(mask.cast_signed()))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn joined(a: Bytes, b: Bytes) -> Bytes {
            _mm256_or_si256(a, b)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn dots(codes: &Bytes, values: &[i8; BLOCK]) -> Floats {
            // SAFETY: 32 bytes are read, as many as there are.
            let values = unsafe { _mm256_loadu_si256(values.as_ptr().cast()) };
            _mm256_cvtepi32_ps(sum(*codes, values))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn weights(block: &[u8; BLOCK]) -> Weights {
            signed(bytes(block))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn signed(bytes: Bytes) -> Weights {
            [_mm256_abs_epi8(bytes), bytes]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn nibbles(bytes: &[u8; 16]) -> Bytes {
            // SAFETY: 16 bytes are read, as many as there are.
            let both = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
            masked(_mm256_set_m128i(_mm_srli_epi16::<4>(both), both), 15)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn fifth(bits: u32) -> Bytes {
            // Each byte of the result gets the byte of its bit, and then that bit.
            let spread = _mm256_shuffle_epi8(
                _mm256_set1_epi32(bits.cast_signed()),
                _mm256_set_epi64x(
                    0x0303_0303_0303_0303,
                    0x0202_0202_0202_0202,
                    0x0101_0101_0101_0101,
                    0,
                ),
            );
            let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
            masked(_mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit), 16)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn less(bytes: Bytes, by: u8) -> Bytes {
            _mm256_sub_epi8(bytes, _mm256_set1_epi8(by.cast_signed()))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn levels(codes: Bytes) -> Bytes {
            // SAFETY: 16 bytes are read, as many as there are.
            let table = unsafe { _mm_loadu_si128(small::LEVELS.as_ptr().cast()) };
            _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), codes)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn sums(weights: &Weights, values: &[i8; BLOCK]) -> Floats {
            // SAFETY: 32 bytes are read, as many as there are.
            let values = unsafe { _mm256_loadu_si256(values.as_ptr().cast()) };
            _mm256_cvtepi32_ps(sum(weights[0], _mm256_sign_epi8(values, weights[1])))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn zero() -> Floats {
            _mm256_setzero_ps()
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn splat(value: f32) -> Floats {
            _mm256_set1_ps(value)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn halves(first: f32, second: f32) -> Floats {
            _mm256_blend_ps::<0xf0>(_mm256_set1_ps(first), _mm256_set1_ps(second))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn load(floats: &[f32; SUMS]) -> Floats {
            // SAFETY: 8 floats are read, as many as there are.
            unsafe { _mm256_loadu_ps(floats.as_ptr()) }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn half(bits: u16) -> Floats {
            _mm256_cvtph_ps(_mm_set1_epi16(bits.cast_signed()))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn times(a: Floats, b: Floats) -> Floats {
            _mm256_mul_ps(a, b)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn plus(a: Floats, b: Floats) -> Floats {
            _mm256_add_ps(a, b)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn store(out: &mut [f32], floats: Floats) {
            if let Some(out) = out.first_chunk_mut::<SUMS>() {
                // SAFETY: 8 floats are written, as many as there are.
                unsafe { _mm256_storeu_ps(out.as_mut_ptr(), floats) }
            }
        }
    };
}

/// AVX-512 with VNNI, in registers of 256 bits: a block fills one.
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512 {
    steps_256!("avx2,f16c,avx512f,avx512bw,avx512vl,avx512vnni");

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
    fn sum(weights: __m256i, values: __m256i) -> __m256i {
        _mm256_dpbusd_epi32(_mm256_setzero_si256(), weights, values)
    }
}

/// AVX-VNNI.
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx_vnni {
    steps_256!("avx2,f16c,avxvnni");

    #[inline]
    #[target_feature(enable = "avx2,avxvnni")]
    fn sum(weights: __m256i, values: __m256i) -> __m256i {
        _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), weights, values)
    }
}

/// AVX2.
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2 {
    steps_256!("avx2,f16c");

    #[inline]
    #[target_feature(enable = "avx2")]
    fn sum(weights: __m256i, values: __m256i) -> __m256i {
        _mm256_madd_epi16(_mm256_maddubs_epi16(weights, values), _mm256_set1_epi16(1))
    }
}

/// SSSE3: a block is two registers.
#[cfg(target_arch = "x86_64")]
pub(crate) mod ssse3 {
    use std::arch::x86_64::*;

    use crate::half_float::widen;

    type Bytes = [__m128i; 2];
    /// Magnitudes, and the bytes themselves for their signs.
    type Weights = [[__m128i; 2]; 2];
    type Floats = [__m128; 2];

    super::super::products::products!(#[target_feature(enable = "ssse3")]);

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn bytes(bytes: &[u8; BLOCK]) -> Bytes {
        let bytes: *const __m128i = bytes.as_ptr().cast();
        // SAFETY: 32 bytes are read, as many as there are.
        unsafe { [_mm_loadu_si128(bytes), _mm_loadu_si128(bytes.add(1))] }
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn values_of(bytes: &[i8; BLOCK]) -> Bytes {
        let bytes: *const __m128i = bytes.as_ptr().cast();
        // SAFETY: 32 bytes are read, as many as there are.
        unsafe { [_mm_loadu_si128(bytes), _mm_loadu_si128(bytes.add(1))] }
    }

    /// Shifts in bits of the neighbouring byte, which must be masked out.
    #[inline]
    #[target_feature(enable = "ssse3")]
    fn shifted([first, second]: Bytes, by: i32) -> Bytes {
        let count = _mm_cvtsi32_si128(by.abs());
        if by < 0 {
            [_mm_srl_epi16(first, count), _mm_srl_epi16(second, count)]
        } else {
            [_mm_sll_epi16(first, count), _mm_sll_epi16(second, count)]
        }
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn masked([first, second]: Bytes, mask: u8) -> Bytes {
        let mask = _mm_set1_epi8(mask.cast_signed());
        [_mm_and_si128(first, mask), _mm_and_si128(second, mask)]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn joined(a: Bytes, b: Bytes) -> Bytes {
        [_mm_or_si128(a[0], b[0]), _mm_or_si128(a[1], b[1])]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn weights(block: &[u8; BLOCK]) -> Weights {
        signed(bytes(block))
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn signed([first, second]: Bytes) -> Weights {
        [[_mm_abs_epi8(first), first], [_mm_abs_epi8(second), second]]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn nibbles(bytes: &[u8; 16]) -> Bytes {
        // SAFETY: 16 bytes are read, as many as there are.
        let both = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        masked([both, _mm_srli_epi16::<4>(both)], 15)
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn fifth(bits: u32) -> Bytes {
        // Each byte of the result gets the byte of its bit, and then that bit.
        let all = _mm_set1_epi32(bits.cast_signed());
        let bit = _mm_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
        let sixteen = |spread| _mm_cmpeq_epi8(_mm_and_si128(_mm_shuffle_epi8(all, spread), bit), bit);
        let (first, second) = (
            _mm_set_epi64x(0x0101_0101_0101_0101, 0),
            _mm_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202),
        );
        masked([sixteen(first), sixteen(second)], 16)
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn less([first, second]: Bytes, by: u8) -> Bytes {
        let by = _mm_set1_epi8(by.cast_signed());
        [_mm_sub_epi8(first, by), _mm_sub_epi8(second, by)]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn levels([first, second]: Bytes) -> Bytes {
        // SAFETY: 16 bytes are read, as many as there are.
        let table = unsafe { _mm_loadu_si128(small::LEVELS.as_ptr().cast()) };
        [_mm_shuffle_epi8(table, first), _mm_shuffle_epi8(table, second)]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn dot(unsigned: __m128i, values: __m128i) -> __m128 {
        let pairs = _mm_maddubs_epi16(unsigned, values);
        _mm_cvtepi32_ps(_mm_madd_epi16(pairs, _mm_set1_epi16(1)))
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn dots(codes: &Bytes, values: &[i8; BLOCK]) -> Floats {
        let [first, second] = values_of(values);
        [dot(codes[0], first), dot(codes[1], second)]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn sums(weights: &Weights, values: &[i8; BLOCK]) -> Floats {
        let [first, second] = values_of(values);
        let [[a, a_signs], [b, b_signs]] = *weights;
        [
            dot(a, _mm_sign_epi8(first, a_signs)),
            dot(b, _mm_sign_epi8(second, b_signs)),
        ]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn zero() -> Floats {
        [_mm_setzero_ps(); 2]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn splat(value: f32) -> Floats {
        [_mm_set1_ps(value); 2]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn halves(first: f32, second: f32) -> Floats {
        [_mm_set1_ps(first), _mm_set1_ps(second)]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn load(floats: &[f32; SUMS]) -> Floats {
        let floats = floats.as_ptr();
        // SAFETY: 8 floats are read, as many as there are.
        unsafe { [_mm_loadu_ps(floats), _mm_loadu_ps(floats.add(4))] }
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn half(bits: u16) -> Floats {
        splat(widen(bits))
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn times(a: Floats, b: Floats) -> Floats {
        [_mm_mul_ps(a[0], b[0]), _mm_mul_ps(a[1], b[1])]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn plus(a: Floats, b: Floats) -> Floats {
        [_mm_add_ps(a[0], b[0]), _mm_add_ps(a[1], b[1])]
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn store(out: &mut [f32], floats: Floats) {
        for (out, floats) in out.as_chunks_mut::<4>().0.iter_mut().zip(floats) {
            // SAFETY: 4 floats are written, as many as there are.
            unsafe { _mm_storeu_ps(out.as_mut_ptr(), floats) }
        }
    }
}
