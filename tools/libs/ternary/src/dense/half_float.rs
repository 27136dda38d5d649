//! fp16 to f32 without instructions for it.

/// The value of an fp16, exactly; NaN payloads are kept. Branch-free, so that loops of it become vectors, and without
/// arithmetic on subnormal floats, which is slow.
#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    const INFINITE: u32 = 0x7c00 << 13;
    const REBIAS: u32 = (127 - 15) << 23;
    let bits = u32::from(bits);
    let magnitude = (bits & 0x7fff) << 13;
    let exponent = magnitude & INFINITE;
    let normal = magnitude + REBIAS;
    // Infinities and NaN have the highest exponent, which f32 has elsewhere.
    let special = if exponent == INFINITE {
        normal + REBIAS
    } else {
        normal
    };
    // Given the exponent of 2^-14 and its leading one, a subnormal is 2^-14 too large.
    let least = f32::from_bits(REBIAS + (1 << 23));
    let subnormal = f32::from_bits(normal + (1 << 23)) - least;
    let value = if exponent == 0 {
        subnormal.to_bits()
    } else {
        special
    };
    f32::from_bits(value | (bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_65536_values_are_those_of_the_standard() {
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits).to_f32_const();
            let found = super::widen(bits);
            assert!(
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                "{bits:#06x}: {found} for {expected}"
            );
        }
    }
}
