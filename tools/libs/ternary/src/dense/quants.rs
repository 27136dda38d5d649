//! The formats in blocks of codes, by their names in ggml.

use super::kquants::{self, Q2_BYTES, Q3_BYTES, Q4_BYTES, Q5_BYTES, Q6_BYTES};
use super::small::{self, Q4_0_BYTES, Q4_1_BYTES, Q5_0_BYTES, Q5_1_BYTES};

/// A format of weights in blocks: K-quants of 256 columns, and the older and smaller ones of 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quant {
    /// ggml's type 2.
    Q4_0,
    /// ggml's type 3.
    Q4_1,
    /// ggml's type 6.
    Q5_0,
    /// ggml's type 7.
    Q5_1,
    /// IQ4_NL: ggml's type 20.
    Iq4Nl,
    /// Q2_K: ggml's type 10.
    Q2K,
    /// Q3_K: ggml's type 11.
    Q3K,
    /// Q4_K: ggml's type 12.
    Q4K,
    /// Q5_K: ggml's type 13.
    Q5K,
    /// Q6_K: ggml's type 14.
    Q6K,
}

impl Quant {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Iq4Nl,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// As ggml calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Iq4Nl => "IQ4_NL",
            Self::Q2K => "Q2_K",
            Self::Q3K => "Q3_K",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Columns of a block.
    pub fn columns(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Iq4Nl => small::BLOCK,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K => kquants::BLOCK,
        }
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::Q4_0 | Self::Iq4Nl => Q4_0_BYTES,
            Self::Q4_1 => Q4_1_BYTES,
            Self::Q5_0 => Q5_0_BYTES,
            Self::Q5_1 => Q5_1_BYTES,
            Self::Q2K => Q2_BYTES,
            Self::Q3K => Q3_BYTES,
            Self::Q4K => Q4_BYTES,
            Self::Q5K => Q5_BYTES,
            Self::Q6K => Q6_BYTES,
        }
    }

    /// Where a block has fp16 numbers.
    pub fn halves(self) -> &'static [usize] {
        match self {
            Self::Q4_0 | Self::Q5_0 | Self::Iq4Nl => &[0],
            Self::Q4_1 | Self::Q5_1 | Self::Q4K | Self::Q5K => &[0, 2],
            Self::Q2K => &[80, 82],
            Self::Q3K => &[108],
            Self::Q6K => &[208],
        }
    }
}

/// Converts blocks to floats. Inlined, so that it is compiled for the tier that calls it.
#[inline(always)]
pub(super) fn take_apart(kind: Quant, blocks: &[u8], out: &mut [f32]) {
    match kind {
        Quant::Q4_0 => each(blocks.as_chunks::<Q4_0_BYTES>().0, out, small::q4_0),
        Quant::Q4_1 => each(blocks.as_chunks::<Q4_1_BYTES>().0, out, small::q4_1),
        Quant::Q5_0 => each(blocks.as_chunks::<Q5_0_BYTES>().0, out, small::q5_0),
        Quant::Q5_1 => each(blocks.as_chunks::<Q5_1_BYTES>().0, out, small::q5_1),
        Quant::Iq4Nl => each(blocks.as_chunks::<Q4_0_BYTES>().0, out, small::iq4_nl),
        Quant::Q2K => each(blocks.as_chunks::<Q2_BYTES>().0, out, kquants::q2),
        Quant::Q3K => each(blocks.as_chunks::<Q3_BYTES>().0, out, kquants::q3),
        Quant::Q4K => each(blocks.as_chunks::<Q4_BYTES>().0, out, kquants::q4),
        Quant::Q5K => each(blocks.as_chunks::<Q5_BYTES>().0, out, kquants::q5),
        Quant::Q6K => each(blocks.as_chunks::<Q6_BYTES>().0, out, kquants::q6),
    }
}

#[inline(always)]
fn each<const SIZE: usize, const COLUMNS: usize>(
    blocks: &[[u8; SIZE]],
    out: &mut [f32],
    one: impl Fn(&[u8; SIZE], &mut [f32; COLUMNS]),
) {
    for (block, out) in blocks.iter().zip(out.as_chunks_mut::<COLUMNS>().0) {
        one(block, out);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::Quant;

    /// Random blocks whose fp16 numbers have a realistic magnitude.
    pub fn blocks(kind: Quant, count: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut bytes = vec![0; count * kind.block_bytes()];
        for byte in &mut bytes {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            *byte = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
        }
        for block in bytes.chunks_exact_mut(kind.block_bytes()) {
            for half in kind.halves() {
                // From 2^-7 to 2^-3, of either sign.
                block[half + 1] = block[half + 1] & 0x8f | 0x20;
            }
        }
        bytes
    }
}
