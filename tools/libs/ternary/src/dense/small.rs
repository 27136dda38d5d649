//! Blocks of 32 columns with one scale, as ggml lays them out. A number is its code times the scale, plus an offset:
//!
//! - Q4_0 (18 bytes): an fp16 scale; 16 bytes of codes, of which the low nibbles are the first 16 columns and the high ones the last. The
//!   offset is -8 scales.
//! - Q4_1 (20 bytes): an fp16 scale, an fp16 offset, codes as in Q4_0.
//! - Q5_0 (22 bytes): an fp16 scale, 32 bits of which bit `c` is the fifth of column `c`, codes as in Q4_0. The offset is -16 scales.
//! - Q5_1 (24 bytes): an fp16 scale, an fp16 offset, and the rest as in Q5_0.
//! - IQ4_NL (18 bytes): as Q4_0, but the codes number the entries of a table, [`LEVELS`].

use crate::half_float::widen;

/// Columns of a block.
pub(super) const BLOCK: usize = 32;
/// Bytes of a block of Q4_0, and of IQ4_NL.
pub(super) const Q4_0_BYTES: usize = 18;
/// Bytes of a block of Q4_1.
pub(super) const Q4_1_BYTES: usize = 20;
/// Bytes of a block of Q5_0.
pub(super) const Q5_0_BYTES: usize = 22;
/// Bytes of a block of Q5_1.
pub(super) const Q5_1_BYTES: usize = 24;

/// The levels of IQ4_NL, denser around zero.
pub(super) const LEVELS: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

/// The fp16 at an offset of a block.
#[inline(always)]
pub(super) fn half(block: &[u8], at: usize) -> f32 {
    widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// The code of a column; `codes` are the last 16 bytes of a block, and `tops` the fifth bits.
#[inline(always)]
fn code(codes: &[u8], tops: u32, column: usize) -> u8 {
    let nibble = codes[column % 16] >> (column / 16 * 4) & 15;
    nibble | ((tops >> column & 1) as u8 * 16)
}

/// The fifth bits at an offset of a block.
#[inline(always)]
pub(super) fn tops(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

#[inline(always)]
pub(super) fn q4_0(block: &[u8; Q4_0_BYTES], out: &mut [f32; BLOCK]) {
    let scale = half(block, 0);
    for c in 0..BLOCK {
        out[c] = scale * (f32::from(code(&block[2..], 0, c)) - 8.0);
    }
}

#[inline(always)]
pub(super) fn q4_1(block: &[u8; Q4_1_BYTES], out: &mut [f32; BLOCK]) {
    let (scale, offset) = (half(block, 0), half(block, 2));
    for c in 0..BLOCK {
        out[c] = scale * f32::from(code(&block[4..], 0, c)) + offset;
    }
}

#[inline(always)]
pub(super) fn q5_0(block: &[u8; Q5_0_BYTES], out: &mut [f32; BLOCK]) {
    let (scale, tops) = (half(block, 0), tops(block, 2));
    for c in 0..BLOCK {
        out[c] = scale * (f32::from(code(&block[6..], tops, c)) - 16.0);
    }
}

#[inline(always)]
pub(super) fn q5_1(block: &[u8; Q5_1_BYTES], out: &mut [f32; BLOCK]) {
    let (scale, offset, tops) = (half(block, 0), half(block, 2), tops(block, 4));
    for c in 0..BLOCK {
        out[c] = scale * f32::from(code(&block[8..], tops, c)) + offset;
    }
}

#[inline(always)]
pub(super) fn iq4_nl(block: &[u8; Q4_0_BYTES], out: &mut [f32; BLOCK]) {
    let scale = half(block, 0);
    for c in 0..BLOCK {
        out[c] = scale * f32::from(LEVELS[usize::from(code(&block[2..], 0, c))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the package `gguf` for a block of random codes.
    #[test]
    fn levels_are_those_of_ggml() {
        let block = [
            0, 48, 34, 121, 243, 189, 6, 131, 102, 168, 82, 193, 187, 150, 81, 243, 205, 24,
        ];
        let expected = [
            -10.375, 1.625, -8.125, 8.625, -2.75, -8.125, -2.75, 0.125, -10.375, -13.0, 4.75, -2.75, -13.0,
            -8.125, 8.625, 0.125, -10.375, -1.25, 14.125, 4.75, -15.875, 0.125, -2.75, 3.125, -4.375, 6.625,
            4.75, 1.625, -4.375, 14.125, 6.625, -13.0,
        ];
        let mut found = [0.0_f32; BLOCK];
        iq4_nl(&block, &mut found);
        assert_eq!(found.map(f32::to_bits), expected.map(f32::to_bits));
    }
}
