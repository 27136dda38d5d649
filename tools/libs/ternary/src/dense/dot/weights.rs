//! Rows of weights, the input of the products.

use crate::half_float::widen;

/// Columns of a step, and the number of running totals.
pub(in crate::dense) const LANES: usize = 32;
/// Bytes of a Q8_0 block: fp16 scale, 32 signed bytes.
pub(in crate::dense) const Q8_BLOCK: usize = 34;

/// A row of weights.
#[derive(Debug, Clone, Copy)]
pub(in crate::dense) enum Row<'a> {
    /// fp16.
    F16(&'a [u8]),
    /// Blocks of Q8_0.
    Q8(&'a [u8]),
    /// Floats, which K-quants are converted to.
    F32(&'a [f32]),
}

/// A Q8_0 block as floats.
#[inline(always)]
pub(in crate::dense) fn q8(block: &[u8; Q8_BLOCK]) -> [f32; LANES] {
    let scale = widen(u16::from_le_bytes([block[0], block[1]]));
    let mut out = [0.0; LANES];
    for (out, byte) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(byte.cast_signed()) * scale;
    }
    out
}

/// The sum of the totals, added pairwise by halves.
#[inline(always)]
pub(super) fn reduce(mut totals: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            totals[lane] += totals[lane + half];
        }
        half /= 2;
    }
    totals[0]
}
