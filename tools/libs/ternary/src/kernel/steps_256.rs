//! The steps that AVX2 and AVX-VNNI share.

/// Defines them in the module that defines the types.
macro_rules! steps_256 {
    ($features:literal) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn load(codes: [u8; 32]) -> Int {
            // SAFETY: 32 bytes are read, as many as there are.
            unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn words(values: &[i8; 16]) -> [Int; 4] {
            [
                _mm256_set1_epi32(word(values, 0)),
                _mm256_set1_epi32(word(values, 1)),
                _mm256_set1_epi32(word(values, 2)),
                _mm256_set1_epi32(word(values, 3)),
            ]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn planes(block: Int) -> [Int; 4] {
            let three = _mm256_set1_epi8(3);
            [
                _mm256_and_si256(block, three),
                _mm256_and_si256(_mm256_srli_epi16::<2>(block), three),
                _mm256_and_si256(_mm256_srli_epi16::<4>(block), three),
                _mm256_and_si256(_mm256_srli_epi16::<6>(block), three),
            ]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn zero() -> Int {
            _mm256_setzero_si256()
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn splat(value: i32) -> Int {
            _mm256_set1_epi32(value)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn plus(a: Int, b: Int) -> Int {
            _mm256_add_epi32(a, b)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn join(first: Int, second: Int) -> Int {
            _mm256_add_epi32(_mm256_slli_epi32::<8>(first), second)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn float(sums: Int) -> Float {
            _mm256_cvtepi32_ps(sums)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn floats(value: f32) -> Float {
            _mm256_set1_ps(value)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn times(a: Float, b: Float) -> Float {
            _mm256_mul_ps(a, b)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn plus_floats(a: Float, b: Float) -> Float {
            _mm256_add_ps(a, b)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn weights(scales: [u8; 16]) -> Float {
            // SAFETY: 16 bytes are read, as many as there are.
            _mm256_cvtph_ps(unsafe { _mm_loadu_si128(scales.as_ptr().cast()) })
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn store(out: &mut [f32; 8], value: Float) {
            // SAFETY: 8 floats are written, as many as there are.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), value) }
        }
    };
}

pub(super) use steps_256;
