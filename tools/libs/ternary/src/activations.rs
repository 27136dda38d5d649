//! Quantised inputs of the product.
#![allow(unsafe_code)] // the call into a tier

use crate::isa::Isa;
use crate::panel::CHUNK;

/// How finely activations are quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// int8 with one scale for the token: 127 / max(|x|), the maximum clamped to at least 1e-5, rounded half to even. BitNet
    /// b1.58 was trained with it.
    Int8PerToken,
    /// int8 with a scale for each 64 columns.
    Int8Blocks,
    /// int16 with a scale for each 64 columns, as two int8 planes: the integer kernels run twice, sums stay exact.
    Int16Blocks,
}

impl Precision {
    /// int8 planes of a value.
    pub(crate) fn planes(self) -> usize {
        match self {
            Self::Int8PerToken | Self::Int8Blocks => 1,
            Self::Int16Blocks => 2,
        }
    }
}

/// Tokens stored together: in a group of this many (or as many as are left), chunk follows chunk, and in a chunk token
/// follows token, so that a tile of a product reads its tokens contiguously.
pub(crate) const TOGETHER: usize = 16;

/// `m` rows of `k` quantised values with their scales and sums. A buffer: quantising again reuses its memory.
#[derive(Debug, Default)]
pub struct Activations {
    m: usize,
    k: usize,
    chunks: usize,
    precision: Option<Precision>,
    /// By plane. A value of two planes is `256 * first + second`.
    values: [Vec<[i8; CHUNK]>; 2],
    /// The negated sums of the chunks.
    offsets: [Vec<i32>; 2],
    scales: Vec<f32>,
}

/// Four values, repeated four times.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // SSSE3 reads it
pub(crate) struct Repeated(pub [i8; 16]);

/// The tokens of a group, see [`TOGETHER`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Together<'a> {
    /// Tokens in the group: the stride between a token's chunks.
    pub width: usize,
    pub values: [&'a [[i8; CHUNK]]; 2],
    /// The negated sums of the chunks.
    pub offsets: [&'a [i32]; 2],
    /// Scales of the chunks, even if the token has only one.
    pub scales: &'a [f32],
}

/// The largest magnitude of an int16 value both of whose planes stay within -127..=127: 127 * 256 + 127.
const INT16_MAX: f32 = 32639.0;

impl Activations {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows: tokens.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Columns.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The precision; [`Precision::Int8PerToken`] before anything is quantised.
    pub fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::Int8PerToken)
    }

    /// Quantises `m` rows of `k` floats, row by row. If a row (per token) or block holds a value that is not finite, all of
    /// its products are NaN.
    ///
    /// # Panics
    /// If `x` is not `m * k` long.
    pub fn quantize(&mut self, x: &[f32], m: usize, k: usize, precision: Precision) {
        assert_eq!(x.len(), m * k, "{m} rows of {k} columns");
        self.m = m;
        self.k = k;
        self.precision = Some(precision);
        // Padded to 256 columns, so that the widest groups find zeros after the last column.
        self.chunks = k.next_multiple_of(256) / CHUNK;
        let planes = precision.planes();
        for plane in 0..2 {
            let size = if plane < planes { m * self.chunks } else { 0 };
            self.values[plane].resize(size, [0; CHUNK]);
            self.offsets[plane].resize(size, 0);
        }
        self.scales.resize(m * self.chunks, 0.0);
        if k == 0 {
            return;
        }
        match Isa::active() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: tiers are used on processors that were found to have them; these have AVX2.
            Isa::Avx512Vnni | Isa::AvxVnni | Isa::Avx2 => unsafe { self.quantize_rows_avx2(x, precision) },
            _ => self.quantize_rows(x, precision),
        }
    }

    /// The same with wider registers and without fused multiply-add, so with the same values.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn quantize_rows_avx2(&mut self, x: &[f32], precision: Precision) {
        self.quantize_rows(x, precision);
    }

    #[inline(always)]
    fn quantize_rows(&mut self, x: &[f32], precision: Precision) {
        for (token, x) in x.chunks_exact(self.k).enumerate() {
            self.quantize_row(token, x, precision);
        }
    }

    /// Every value, in both planes, is `value`, and every scale 1.
    #[cfg(test)]
    pub(crate) fn extreme(m: usize, k: usize, precision: Precision, value: i8) -> Self {
        let mut x = Self::new();
        x.quantize(&vec![1.0; m * k], m, k, precision);
        x.scales.fill(1.0);
        for plane in 0..2 {
            x.values[plane].fill([value; CHUNK]);
            x.offsets[plane].fill(-64 * i32::from(value));
        }
        x
    }

    /// The index of a token's first chunk, and the stride to the next.
    fn place(&self, token: usize) -> (usize, usize) {
        let first = token - token % TOGETHER;
        let width = TOGETHER.min(self.m - first);
        (first * self.chunks + token % TOGETHER, width)
    }

    #[inline(always)]
    fn quantize_row(&mut self, token: usize, x: &[f32], precision: Precision) {
        let (mut at, width) = self.place(token);
        // Not f32::max, which would lose a NaN.
        let whole = if precision == Precision::Int8PerToken {
            absmax(x)
        } else {
            0.0
        };
        let whole = 127.0 / if whole < 1e-5 { 1e-5 } else { whole };
        let mut blocks = x.chunks(CHUNK);
        let mut padded = [0.0; CHUNK];
        for _ in 0..self.chunks {
            let block = blocks.next().unwrap_or_default();
            let block = block.as_array().unwrap_or_else(|| {
                padded = [0.0; CHUNK];
                padded[..block.len()].copy_from_slice(block);
                &padded
            });
            match precision {
                Precision::Int8PerToken => {
                    self.offsets[0][at] = int8(block, whole, &mut self.values[0][at]);
                    self.scales[at] = 1.0 / whole;
                }
                Precision::Int8Blocks => {
                    let max = absmax(block);
                    let factor = if max > 0.0 { 127.0 / max } else { 0.0 };
                    self.offsets[0][at] = int8(block, factor, &mut self.values[0][at]);
                    self.scales[at] = max / 127.0;
                }
                Precision::Int16Blocks => {
                    let max = absmax(block);
                    let factor = if max > 0.0 { INT16_MAX / max } else { 0.0 };
                    let [high, low] = &mut self.values;
                    let offsets = int16(block, factor, &mut high[at], &mut low[at]);
                    (self.offsets[0][at], self.offsets[1][at]) = offsets;
                    self.scales[at] = max / INT16_MAX;
                }
            }
            at += width;
        }
    }

    /// The values of a token of one plane, four by four, repeated.
    pub(crate) fn repeated(&self, token: usize) -> Vec<Repeated> {
        let together = self.together(token);
        let chunks = together.values[0].iter().step_by(together.width);
        chunks
            .flat_map(|chunk| chunk.as_chunks::<4>().0)
            .map(|&[a, b, c, d]| Repeated([a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d]))
            .collect()
    }

    /// The group of a token, from that token on.
    pub(crate) fn together(&self, token: usize) -> Together<'_> {
        let (at, width) = self.place(token);
        let end = at - token % TOGETHER + width * self.chunks;
        let planes = if self.precision().planes() == 2 {
            [0, 1]
        } else {
            [0, 0]
        };
        Together {
            width,
            values: planes.map(|plane| &self.values[plane][at..end]),
            offsets: planes.map(|plane| &self.offsets[plane][at..end]),
            scales: &self.scales[at..end],
        }
    }
}

/// The largest magnitude; NaN if a value is not finite, as the bits of those are above every number's.
#[inline(always)]
fn absmax(x: &[f32]) -> f32 {
    let bits = x.iter().fold(0, |max: u32, x| max.max(x.to_bits() & 0x7fff_ffff));
    let max = f32::from_bits(bits);
    if max.is_finite() { max } else { f32::NAN }
}

/// Rounds half to even, for magnitudes below 2^22: adding 1.5 * 2^23 leaves the integer in the low bits of the
/// mantissa. It needs no instruction above SSE2.
#[inline(always)]
fn round(x: f32) -> i32 {
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC).to_bits().cast_signed() - MAGIC.to_bits().cast_signed()
}

/// A block as int8 with its scale, which is NaN if a value is not finite.
#[inline(always)]
pub(crate) fn int8_block<const N: usize>(block: &[f32; N]) -> ([i8; N], f32) {
    let max = absmax(block);
    let factor = if max > 0.0 { 127.0 / max } else { 0.0 };
    let mut values = [0; N];
    int8(block, factor, &mut values);
    (values, max / 127.0)
}

/// Quantises a block. Returns the negated sum of its values.
#[inline(always)]
fn int8<const N: usize>(block: &[f32; N], factor: f32, values: &mut [i8; N]) -> i32 {
    let mut offset = 0;
    for (x, value) in block.iter().zip(values) {
        let rounded = round(x * factor) as i8;
        *value = rounded;
        offset -= i32::from(rounded);
    }
    offset
}

/// Quantises a chunk into two planes. Returns the negated sums of their values.
#[inline(always)]
fn int16(block: &[f32; CHUNK], factor: f32, high: &mut [i8; CHUNK], low: &mut [i8; CHUNK]) -> (i32, i32) {
    let (mut high_offset, mut low_offset) = (0, 0);
    for ((x, high), low) in block.iter().zip(high).zip(low) {
        let value = round(x * factor);
        *low = value as i8;
        *high = ((value - i32::from(*low)) >> 8) as i8;
        high_offset -= i32::from(*high);
        low_offset -= i32::from(*low);
    }
    (high_offset, low_offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Activations, Precision};
    use crate::panel::CHUNK;

    /// The values of a token as floats.
    fn values(x: &Activations, token: usize) -> Vec<f64> {
        let together = x.together(token);
        let mut out = Vec::new();
        for chunk in 0..x.chunks {
            let at = chunk * together.width;
            for column in 0..CHUNK {
                let mut value = i32::from(together.values[0][at][column]);
                if x.precision() == Precision::Int16Blocks {
                    value = 256 * value + i32::from(together.values[1][at][column]);
                }
                out.push(f64::from(value) * f64::from(together.scales[at]));
            }
        }
        out.truncate(x.k());
        out
    }

    #[test]
    fn per_token_is_what_bitnet_was_trained_with() {
        let mut x = Activations::new();
        // 127 / 2 = 63.5 to a unit: ties go to the even side.
        x.quantize(
            &[
                2.0,
                -2.0,
                1.0,
                3.0 / 127.0,
                1.0 / 127.0,
                -1.0 / 127.0,
                5.0 / 127.0,
            ],
            1,
            7,
            Precision::Int8PerToken,
        );
        let together = x.together(0);
        assert_eq!(together.values[0][0][..8], [127, -127, 64, 2, 0, 0, 2, 0]);
        assert_eq!(together.offsets[0][0], -68);
        // The maximum is held above 1e-5, so that nothing is not noise.
        x.quantize(&[1e-6, 0.0], 1, 2, Precision::Int8PerToken);
        assert_eq!(x.together(0).values[0][0][..2], [13, 0]);
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        for precision in [
            Precision::Int8PerToken,
            Precision::Int8Blocks,
            Precision::Int16Blocks,
        ] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = Activations::new();
                let mut floats = vec![1.0; 3 * 128];
                floats[128 + 70] = bad;
                x.quantize(&floats, 3, 128, precision);
                assert!(x.together(1).scales[3].is_nan(), "{precision:?}");
                assert!(x.together(0).scales[3].is_finite() && x.together(2).scales[3].is_finite());
            }
        }
    }

    proptest! {
        #[test]
        fn values_are_within_half_a_step_and_the_rounding_of_floats(
            m in 1..40_usize,
            k in 1..300_usize,
            floats in prop::collection::vec(-9.0..9.0_f32, 40 * 300),
        ) {
            let floats = &floats[..m * k];
            let mut x = Activations::new();
            for (precision, steps) in
                [(Precision::Int8PerToken, 127.0), (Precision::Int8Blocks, 127.0), (Precision::Int16Blocks, 32639.0)]
            {
                x.quantize(floats, m, k, precision);
                prop_assert_eq!((x.m(), x.k(), x.precision()), (m, k, precision));
                for (token, floats) in floats.chunks_exact(k).enumerate() {
                    let size = if precision == Precision::Int8PerToken { k } else { CHUNK };
                    let found = values(&x, token);
                    for (floats, found) in floats.chunks(size).zip(found.chunks(size)) {
                        let max = floats.iter().fold(1e-5, |max: f32, x| max.max(x.abs()));
                        for (float, found) in floats.iter().zip(found) {
                            let error = (f64::from(*float) - found).abs();
                            prop_assert!(error <= f64::from(max) / steps * 0.51, "{float} as {found}");
                        }
                    }
                }
            }
        }
    }
}
