//! Decoding one row of a source format into codes and scales.

use super::encoding::Encoding;

/// Weights in a block of the K-quant family.
const QK_K: usize = 256;

/// Four codes from the four bit pairs of a byte, lowest first.
fn spread(byte: u8) -> [u8; 4] {
    let b = u32::from(byte);
    ((b | b << 6 | b << 12 | b << 18) & 0x0303_0303).to_le_bytes()
}

/// Writes the codes of a row, `codes.len()` columns, and its scales (fp16 bits, one per group of the format).
/// Lengths were checked by the caller.
pub(super) fn row(
    encoding: Encoding,
    bytes: &[u8],
    rows: usize,
    row: usize,
    codes: &mut [u8],
    scales: &mut [u16],
) {
    let cols = codes.len();
    match encoding {
        Encoding::I2S => i2s(&bytes[row * cols / 4..][..cols / 4], codes),
        Encoding::BitnetPacked => {
            let quarter = rows / 4;
            let shift = 2 * (row / quarter);
            let packed = &bytes[row % quarter * cols..][..cols];
            for (code, byte) in codes.iter_mut().zip(packed) {
                *code = byte >> shift & 3;
            }
        }
        Encoding::Q2_0 { group } => {
            let size = 2 + usize::from(group) / 4;
            let blocks = &bytes[row * (cols / usize::from(group)) * size..];
            let groups = codes.chunks_exact_mut(usize::from(group));
            for ((codes, block), scale) in groups.zip(blocks.chunks_exact(size)).zip(scales) {
                *scale = u16::from_le_bytes([block[0], block[1]]);
                for (four, byte) in codes.as_chunks_mut::<4>().0.iter_mut().zip(&block[2..]) {
                    *four = spread(*byte);
                }
            }
        }
        Encoding::Tq1_0 => {
            let blocks = &bytes[row * (cols / QK_K) * 54..];
            let groups = codes.as_chunks_mut::<QK_K>().0.iter_mut();
            for ((codes, block), scale) in groups.zip(blocks.as_chunks::<54>().0).zip(scales) {
                *scale = u16::from_le_bytes([block[52], block[53]]);
                tq1_0(block, codes);
            }
        }
        Encoding::Tq2_0 => {
            let blocks = &bytes[row * (cols / QK_K) * 66..];
            let groups = codes.as_chunks_mut::<QK_K>().0.iter_mut();
            for ((codes, block), scale) in groups.zip(blocks.as_chunks::<66>().0).zip(scales) {
                *scale = u16::from_le_bytes([block[64], block[65]]);
                for (half, qs) in codes
                    .as_chunks_mut::<128>()
                    .0
                    .iter_mut()
                    .zip(block.as_chunks::<32>().0)
                {
                    for (plane, codes) in half.as_chunks_mut::<32>().0.iter_mut().enumerate() {
                        for (code, byte) in codes.iter_mut().zip(qs) {
                            *code = byte >> (2 * plane) & 3;
                        }
                    }
                }
            }
        }
    }
}

/// I2_S in the x86 layout: 128 columns in 32 bytes, byte `i` holding columns `i`, `32 + i`, `64 + i` and `96 + i` from its top
/// bits down.
fn i2s(bytes: &[u8], codes: &mut [u8]) {
    for (codes, block) in codes
        .as_chunks_mut::<128>()
        .0
        .iter_mut()
        .zip(bytes.as_chunks::<32>().0)
    {
        for (plane, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for (code, byte) in codes.iter_mut().zip(block) {
                *code = byte >> (6 - 2 * plane) & 3;
            }
        }
    }
}

/// Five (or, in the last four bytes, four) base-3 digits in a byte, as a fixed-point fraction: multiplying by 3^n
/// modulo 256 brings digit `n` to the top, and the top digit of a byte is `byte * 3 >> 8`.
fn tq1_0(block: &[u8; 54], codes: &mut [u8; QK_K]) {
    const POWERS: [u8; 5] = [1, 3, 9, 27, 81];
    let digit = |byte: u8, power: u8| ((u16::from(byte.wrapping_mul(power)) * 3) >> 8) as u8;
    let mut at = 0;
    for (bytes, digits) in [(&block[..32], 5), (&block[32..48], 5), (&block[48..52], 4)] {
        for power in &POWERS[..digits] {
            for byte in bytes {
                codes[at] = digit(*byte, *power);
                at += 1;
            }
        }
    }
}
