//! fp16 to f32 without instructions for it.

/// The value of an fp16, exactly; NaN payloads are kept. Branch-free, so that loops of it become vectors.
#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let magnitude = (bits & 0x7fff) << 13;
    // The exponent is 112 too low; a product with 2^112 also makes subnormals normal. Exact.
    let value = f32::from_bits(magnitude) * f32::from_bits((127 + 112) << 23);
    // Infinities and NaN have the highest exponent, which f32 has elsewhere.
    let special = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(value.to_bits() | special | (bits & 0x8000) << 16)
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
