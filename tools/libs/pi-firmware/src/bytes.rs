//! Little-endian numbers at places that are checked.

/// The bytes at a place; zeros where there are none.
pub fn bytes_at<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    let slice = from.get(at..).and_then(|rest| rest.get(..N));
    slice.and_then(|slice| slice.try_into().ok()).unwrap_or([0; N])
}

/// Sixteen bits.
pub fn u16_at(from: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(from, at))
}

/// Thirty-two bits.
pub fn u32_at(from: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(from, at))
}

/// Sixty-four bits.
pub fn u64_at(from: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(from, at))
}
