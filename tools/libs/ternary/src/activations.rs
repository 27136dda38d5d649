//! Inputs of the product, quantised.

use crate::panel::CHUNK;

/// How finely activations are quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// int8 with one scale for the token: 127 / max(|x|), the maximum held above 1e-5, rounded half to even. This is
    /// what BitNet b1.58 was trained with.
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

/// `m` rows of `k` quantised values with their scales and sums. A buffer: quantising again reuses its memory.
#[derive(Debug, Default)]
pub struct Activations {
    m: usize,
    k: usize,
    chunks: usize,
    precision: Option<Precision>,
    /// Plane by plane, row by row. A value of two planes is `256 * first + second`.
    values: Vec<[i8; CHUNK]>,
    scales: Vec<f32>,
    sums: Vec<i32>,
}

/// The largest magnitude of an int16 value whose both planes stay within -127..=127: 127 * 256 + 127.
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

    /// How it was quantised; [`Precision::Int8PerToken`] before anything was.
    pub fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::Int8PerToken)
    }

    /// Quantises `m` rows of `k` floats, row by row. Of a row (per token) or block with a value that is not finite,
    /// every product is NaN.
    ///
    /// # Panics
    /// When `x` is not `m * k` long.
    pub fn quantize(&mut self, x: &[f32], m: usize, k: usize, precision: Precision) {
        assert_eq!(x.len(), m * k, "{m} rows of {k} columns");
        self.m = m;
        self.k = k;
        self.precision = Some(precision);
        // To 256 columns, so that the widest groups find zeros behind the last column.
        self.chunks = k.next_multiple_of(256) / CHUNK;
        let planes = precision.planes();
        self.values.resize(planes * m * self.stride(), [0; CHUNK]);
        self.scales.resize(m * self.chunks, 0.0);
        self.sums.resize(planes * m * self.chunks, 0);
        if k == 0 {
            return;
        }
        for (token, x) in x.chunks_exact(k).enumerate() {
            self.quantize_row(token, x, precision);
        }
    }

    /// Every value, in both planes, is `value`, and every scale 1.
    #[cfg(test)]
    pub(crate) fn extreme(m: usize, k: usize, precision: Precision, value: i8) -> Self {
        let mut x = Self::new();
        x.quantize(&vec![1.0; m * k], m, k, precision);
        x.values.fill([value; CHUNK]);
        x.scales.fill(1.0);
        x.sums.fill(i32::from(value) * 64);
        x
    }

    /// Chunks from one row to the next: one more than there are, or rows of a tile whose length is a power of two
    /// would all fall into the same few sets of the cache.
    fn stride(&self) -> usize {
        self.chunks + 1
    }

    fn quantize_row(&mut self, token: usize, x: &[f32], precision: Precision) {
        let (chunks, stride, m) = (self.chunks, self.stride(), self.m);
        let (first, second) = self.values.split_at_mut(m * stride);
        let high = &mut first[token * stride..][..chunks];
        let scales = &mut self.scales[token * chunks..][..chunks];
        let (sums, low_sums) = self.sums.split_at_mut(m * chunks);
        let sums = &mut sums[token * chunks..][..chunks];
        let mut padded = [0.0; CHUNK];
        let mut blocks = x.chunks(CHUNK);
        let mut next = || {
            let block = blocks.next().unwrap_or_default();
            padded[..block.len()].copy_from_slice(block);
            padded[block.len()..].fill(0.0);
            padded
        };
        match precision {
            Precision::Int8PerToken => {
                let max = absmax(x);
                // Not f32::max, which would lose a NaN.
                let scale = 127.0 / if max < 1e-5 { 1e-5 } else { max };
                scales.fill(1.0 / scale);
                for (values, sum) in high.iter_mut().zip(sums) {
                    (*values, *sum) = int8(&next(), scale);
                }
            }
            Precision::Int8Blocks => {
                for ((values, sum), scale) in high.iter_mut().zip(sums).zip(scales) {
                    let block = next();
                    let max = absmax(&block);
                    *scale = max / 127.0;
                    (*values, *sum) = int8(&block, if max > 0.0 { 127.0 / max } else { 0.0 });
                }
            }
            Precision::Int16Blocks => {
                let low = &mut second[token * stride..][..chunks];
                let low_sums = &mut low_sums[token * chunks..][..chunks];
                let values = high.iter_mut().zip(low);
                for (((high, low), (sum, low_sum)), scale) in
                    values.zip(sums.iter_mut().zip(low_sums)).zip(scales)
                {
                    let block = next();
                    let max = absmax(&block);
                    *scale = max / INT16_MAX;
                    let factor = if max > 0.0 { INT16_MAX / max } else { 0.0 };
                    (*sum, *low_sum) = (0, 0);
                    for ((x, high), low) in block.iter().zip(high).zip(low) {
                        let value = round(x * factor);
                        *low = value as i8;
                        *high = ((value - i32::from(*low)) >> 8) as i8;
                        *sum += i32::from(*high);
                        *low_sum += i32::from(*low);
                    }
                }
            }
        }
    }

    /// The chunks of a row in a plane.
    pub(crate) fn values(&self, plane: usize, token: usize) -> &[[i8; CHUNK]] {
        &self.values[(plane * self.m + token) * self.stride()..][..self.chunks]
    }

    /// A row's scales, one per chunk, also when the token has only one.
    pub(crate) fn scales(&self, token: usize) -> &[f32] {
        &self.scales[token * self.chunks..][..self.chunks]
    }

    /// The sums of a row's chunks in a plane.
    pub(crate) fn sums(&self, plane: usize, token: usize) -> &[i32] {
        &self.sums[(plane * self.m + token) * self.chunks..][..self.chunks]
    }
}

/// The largest magnitude; NaN when a value is not finite, as the bits of those are above every number's.
fn absmax(x: &[f32]) -> f32 {
    let bits = x.iter().fold(0, |max: u32, x| max.max(x.to_bits() & 0x7fff_ffff));
    let max = f32::from_bits(bits);
    if max.is_finite() { max } else { f32::NAN }
}

/// Rounds half to even, for magnitudes below 2^22: adding 1.5 * 2^23 leaves the integer in the low bits of the
/// mantissa. It needs no instruction above SSE2.
fn round(x: f32) -> i32 {
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC).to_bits().cast_signed() - MAGIC.to_bits().cast_signed()
}

fn int8(block: &[f32; CHUNK], factor: f32) -> ([i8; CHUNK], i32) {
    let values = block.map(|x| round(x * factor) as i8);
    (values, values.iter().map(|value| i32::from(*value)).sum())
}
