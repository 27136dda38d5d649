//! K-quants: blocks of 256 numbers in codes of 2 to 6 bits, with scales within scales, as ggml lays them out.
//!
//! A block is 8 blocks of 32 columns, each of two runs of 16. A number is its code times the scale of its run minus the
//! offset of its run:
//! - Q2_K (84 bytes): for each 16 columns a byte with 4 bits of scale and, above, of offset; 64 bytes of codes, of which bits `2n` of 32
//!   bytes are 32 columns; an fp16 scale and an fp16 step of the offsets.
//! - Q3_K (110 bytes): 32 bytes whose bits `b` are the third bits of columns `32b..32b+32`; 64 bytes of codes, as in Q2_K; 12 bytes with
//!   6 bits of scale for each 16 columns, less 32; an fp16 scale of these. The offset is 4 steps of the run.
//! - Q4_K (144 bytes): an fp16 scale and an fp16 step of the offsets; 12 bytes with 6 bits of scale and of offset for
//!   each 32 columns; 128 bytes of codes, of which the low nibbles of 32 bytes are 32 columns and the high ones the next 32.
//! - Q5_K (176 bytes): as Q4_K, and before the codes 32 bytes whose bits `b` are the fifth bits of columns `32b..32b+32`.
//! - Q6_K (210 bytes): for each 128 columns 64 bytes of low nibbles, then for each 128 columns 32 bytes of highest two bits,
//!   then a signed byte of scale for each 16 columns, then an fp16 scale of these. The offset is 32 steps of the run.

use crate::half_float::widen;

/// Columns of a block.
pub(super) const BLOCK: usize = 256;
/// Blocks of 32 columns in a block.
pub(super) const EIGHT: usize = BLOCK / 32;
/// Bytes of a block of Q2_K.
pub(super) const Q2_BYTES: usize = 84;
/// Bytes of a block of Q3_K.
pub(super) const Q3_BYTES: usize = 110;
/// Bytes of a block of Q4_K.
pub(super) const Q4_BYTES: usize = 144;
/// Bytes of a block of Q5_K.
pub(super) const Q5_BYTES: usize = 176;
/// Bytes of a block of Q6_K.
pub(super) const Q6_BYTES: usize = 210;

/// The scales of a block, for the first and the second 16 columns of each 32, and the factors of the sums of activations, which are the
/// negated offsets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs {
    pub scales: [[f32; EIGHT]; 2],
    pub offsets: [[f32; EIGHT]; 2],
}

impl Runs {
    /// The scales of a block with codes of `BITS` bits. Each is exact: a product of 11 bits and at most 8, or 13 with the 32 of
    /// Q6_K, whose lowest 5 are zero.
    #[inline(always)]
    pub fn of<const BITS: usize>(block: &[u8]) -> Self {
        let mut runs = Self {
            scales: [[0.0; EIGHT]; 2],
            offsets: [[0.0; EIGHT]; 2],
        };
        if BITS == 2 {
            let (scale, step) = (half(block, 80), half(block, 82));
            for second in 0..2 {
                for b in 0..EIGHT {
                    let both = block[2 * b + second];
                    runs.scales[second][b] = scale * f32::from(both & 15);
                    runs.offsets[second][b] = -step * f32::from(both >> 4);
                }
            }
            runs
        } else if BITS == 3 {
            let scale = half(block, 108);
            for second in 0..2 {
                for b in 0..EIGHT {
                    let run = 2 * b + second;
                    let low = block[96 + run % 8] >> (run / 8 * 4) & 15;
                    let high = block[104 + run % 4] >> (run / 4 * 2) & 3;
                    let step = f32::from(low | high << 4) - 32.0;
                    runs.scales[second][b] = scale * step;
                    runs.offsets[second][b] = -4.0 * (scale * step);
                }
            }
            runs
        } else if BITS == 6 {
            let scale = half(block, 208);
            let steps: &[u8] = &block[192..208];
            for second in 0..2 {
                for b in 0..EIGHT {
                    let step = f32::from(steps[2 * b + second].cast_signed());
                    runs.scales[second][b] = scale * step;
                    runs.offsets[second][b] = -32.0 * (scale * step);
                }
            }
            runs
        } else {
            let (scale, step) = (half(block, 0), half(block, 2));
            let [scale_bits, offset_bits] = six_bits(block);
            let (mut scales, mut offsets) = ([0.0; EIGHT], [0.0; EIGHT]);
            for b in 0..EIGHT {
                scales[b] = scale * f32::from(scale_bits[b]);
                offsets[b] = -step * f32::from(offset_bits[b]);
            }
            Self {
                scales: [scales; 2],
                offsets: [offsets; 2],
            }
        }
    }
}

/// The fp16 at an offset of a block.
#[inline(always)]
fn half(block: &[u8], at: usize) -> f32 {
    widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// The scales and offsets of Q4_K and Q5_K: the top two bits of the last four blocks of 32 are stored above those of the first
/// four.
#[inline(always)]
fn six_bits(block: &[u8]) -> [[u8; EIGHT]; 2] {
    let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let (scales, offsets, last) = (word(4), word(8), word(12));
    let joined = |first: u32, low: u32| {
        let high = low & 0x0f0f_0f0f | (first >> 6 & 0x0303_0303) << 4;
        (u64::from(high) << 32 | u64::from(first & 0x3f3f_3f3f)).to_le_bytes()
    };
    [joined(scales, last), joined(offsets, last >> 4)]
}

#[inline(always)]
pub(super) fn q2(block: &[u8; Q2_BYTES], out: &mut [f32; BLOCK]) {
    let Runs { scales, offsets } = Runs::of::<2>(block);
    for (b, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (second, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            for c in 0..16 {
                let q = block[16 + 32 * (b / 4) + 16 * second + c] >> (2 * (b % 4)) & 3;
                out[c] = scales[second][b] * f32::from(q) + offsets[second][b];
            }
        }
    }
}

#[inline(always)]
pub(super) fn q3(block: &[u8; Q3_BYTES], out: &mut [f32; BLOCK]) {
    let Runs { scales, .. } = Runs::of::<3>(block);
    for (b, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (second, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            for c in 0..16 {
                let at = 16 * second + c;
                let q = block[32 + 32 * (b / 4) + at] >> (2 * (b % 4)) & 3;
                let top = block[at] >> b & 1;
                out[c] = scales[second][b] * (f32::from(q | top << 2) - 4.0);
            }
        }
    }
}

#[inline(always)]
pub(super) fn q4(block: &[u8; Q4_BYTES], out: &mut [f32; BLOCK]) {
    let Runs { scales, offsets } = Runs::of::<4>(block);
    for (pair, out) in out.as_chunks_mut::<64>().0.iter_mut().enumerate() {
        let (a, b) = (2 * pair, 2 * pair + 1);
        for c in 0..32 {
            let q = block[16 + 32 * pair + c];
            out[c] = scales[0][a] * f32::from(q & 15) + offsets[0][a];
            out[32 + c] = scales[0][b] * f32::from(q >> 4) + offsets[0][b];
        }
    }
}

#[inline(always)]
pub(super) fn q5(block: &[u8; Q5_BYTES], out: &mut [f32; BLOCK]) {
    let Runs { scales, offsets } = Runs::of::<5>(block);
    for (pair, out) in out.as_chunks_mut::<64>().0.iter_mut().enumerate() {
        let (a, b) = (2 * pair, 2 * pair + 1);
        for c in 0..32 {
            let (q, top) = (block[48 + 32 * pair + c], block[16 + c]);
            out[c] = scales[0][a] * f32::from(q & 15 | (top >> a & 1) << 4) + offsets[0][a];
            out[32 + c] = scales[0][b] * f32::from(q >> 4 | (top >> b & 1) << 4) + offsets[0][b];
        }
    }
}

#[inline(always)]
pub(super) fn q6(block: &[u8; Q6_BYTES], out: &mut [f32; BLOCK]) {
    let Runs { scales, .. } = Runs::of::<6>(block);
    for (b, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (half, quarter) = (b / 4, b % 4);
        for (second, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            for c in 0..16 {
                let at = 16 * second + c;
                let q = block[64 * half + quarter % 2 * 32 + at] >> (quarter / 2 * 4) & 15;
                let top = block[128 + 32 * half + at] >> (2 * quarter) & 3;
                out[c] = scales[second][b] * (f32::from(q | top << 4) - 32.0);
            }
        }
    }
}
