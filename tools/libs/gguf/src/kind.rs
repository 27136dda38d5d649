//! How the numbers of a tensor are packed.
//!
//! A type number alone is ambiguous: forks have given the same number to different formats. A number is therefore accepted
//! only if it agrees with the size of its tensor in the file (see `layout`).

use std::fmt;

/// How the numbers of a tensor are packed. The names are those of ggml; `G64` and `G128` tell the two group sizes of
/// ternary `Q2_0` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the format")]
pub enum TensorKind {
    F32,
    F16,
    BF16,
    F64,
    I8,
    I16,
    I32,
    I64,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q8_1,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    Q8K,
    Iq1S,
    Iq1M,
    Iq2Xxs,
    Iq2Xs,
    Iq2S,
    Iq3Xxs,
    Iq3S,
    Iq4Nl,
    Iq4Xs,
    Mxfp4,
    Nvfp4,
    /// One bit per weight, groups of 128.
    Q1_0,
    /// Ternary, 1.6875 bits per weight.
    Tq1_0,
    /// Ternary, 2.0625 bits per weight.
    Tq2_0,
    /// Ternary in two bits with one scale for the tensor, which lies in the 32 bytes after the weights.
    I2S,
    /// Two bits with an fp16 scale per 64 weights.
    Q2_0G64,
    /// Two bits with an fp16 scale per 128 weights: type 142, and type 42 in older files.
    Q2_0G128,
    /// An unknown type number, or one whose tensor differs in size from the known format.
    Unknown(u32),
}

/// The shape of a packed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// Numbers in a block.
    pub numbers: u64,
    /// Bytes of a block.
    pub bytes: u64,
    /// Bytes after the last block.
    pub tail: u64,
}

use TensorKind as K;

/// Kind, type number, numbers per block, bytes per block, name.
const TABLE: [(TensorKind, u32, u64, u64, &str); 37] = [
    (K::F32, 0, 1, 4, "F32"),
    (K::F16, 1, 1, 2, "F16"),
    (K::Q4_0, 2, 32, 18, "Q4_0"),
    (K::Q4_1, 3, 32, 20, "Q4_1"),
    (K::Q5_0, 6, 32, 22, "Q5_0"),
    (K::Q5_1, 7, 32, 24, "Q5_1"),
    (K::Q8_0, 8, 32, 34, "Q8_0"),
    (K::Q8_1, 9, 32, 36, "Q8_1"),
    (K::Q2K, 10, 256, 84, "Q2_K"),
    (K::Q3K, 11, 256, 110, "Q3_K"),
    (K::Q4K, 12, 256, 144, "Q4_K"),
    (K::Q5K, 13, 256, 176, "Q5_K"),
    (K::Q6K, 14, 256, 210, "Q6_K"),
    (K::Q8K, 15, 256, 292, "Q8_K"),
    (K::Iq2Xxs, 16, 256, 66, "IQ2_XXS"),
    (K::Iq2Xs, 17, 256, 74, "IQ2_XS"),
    (K::Iq3Xxs, 18, 256, 98, "IQ3_XXS"),
    (K::Iq1S, 19, 256, 50, "IQ1_S"),
    (K::Iq4Nl, 20, 32, 18, "IQ4_NL"),
    (K::Iq3S, 21, 256, 110, "IQ3_S"),
    (K::Iq2S, 22, 256, 82, "IQ2_S"),
    (K::Iq4Xs, 23, 256, 136, "IQ4_XS"),
    (K::I8, 24, 1, 1, "I8"),
    (K::I16, 25, 1, 2, "I16"),
    (K::I32, 26, 1, 4, "I32"),
    (K::I64, 27, 1, 8, "I64"),
    (K::F64, 28, 1, 8, "F64"),
    (K::Iq1M, 29, 256, 56, "IQ1_M"),
    (K::BF16, 30, 1, 2, "BF16"),
    (K::Tq1_0, 34, 256, 54, "TQ1_0"),
    (K::Tq2_0, 35, 256, 66, "TQ2_0"),
    (K::I2S, 36, 4, 1, "I2_S"),
    (K::Mxfp4, 39, 32, 17, "MXFP4"),
    (K::Nvfp4, 40, 64, 36, "NVFP4"),
    (K::Q1_0, 41, 128, 18, "Q1_0"),
    (K::Q2_0G64, 42, 64, 18, "Q2_0 (groups of 64)"),
    (K::Q2_0G128, 142, 128, 34, "Q2_0 (groups of 128)"),
];

impl TensorKind {
    /// The kind that this type number stands for if the size agrees; for 42 the current meaning.
    pub(crate) fn of_id(id: u32) -> Self {
        TABLE
            .iter()
            .find(|row| row.1 == id)
            .map_or(Self::Unknown(id), |row| row.0)
    }

    /// Whether forks use this number for something else, so that only the size decides.
    pub(crate) fn is_disputed(id: u32) -> bool {
        id >= 36
    }

    /// Its type number; the current one for [`Self::Q2_0G128`].
    pub fn id(self) -> u32 {
        match self {
            Self::Unknown(id) => id,
            _ => TABLE
                .iter()
                .find(|row| row.0 == self)
                .map_or(u32::MAX, |row| row.1),
        }
    }

    /// Its block layout; `None` if the kind is unknown.
    pub fn packing(self) -> Option<Packing> {
        let row = TABLE.iter().find(|row| row.0 == self)?;
        Some(Packing {
            numbers: row.2,
            bytes: row.3,
            tail: if self == Self::I2S { 32 } else { 0 },
        })
    }

    /// The size of this many numbers in bytes; `None` if the kind is unknown, they are not a whole number of blocks, or the
    /// size overflows.
    pub fn bytes(self, numbers: u64) -> Option<u64> {
        let packing = self.packing()?;
        if !numbers.is_multiple_of(packing.numbers) {
            return None;
        }
        (numbers / packing.numbers)
            .checked_mul(packing.bytes)?
            .checked_add(packing.tail)
    }

    /// Whether it holds the weights of a ternary model.
    pub fn is_ternary(self) -> bool {
        matches!(
            self,
            Self::Tq1_0 | Self::Tq2_0 | Self::I2S | Self::Q2_0G64 | Self::Q2_0G128
        )
    }

    /// Why a tensor of this kind cannot be read at all; `None` for every known kind.
    pub fn refusal(self) -> Option<&'static str> {
        let Self::Unknown(id) = self else {
            return None;
        };
        Some(match id {
            4 | 5 | 31..=33 => "this type was removed from the format",
            36 => {
                "type 36 is read as I2_S of x86, a quarter byte per weight and 32 bytes of scale; this has another size"
            }
            37..=40 => {
                "forks use this type number for different formats, and the size fits none that is known"
            }
            42 | 142 => "the size fits neither groups of 64 nor groups of 128",
            143.. => "this type number belongs to a fork",
            _ => "this type number is not known",
        })
    }
}

impl fmt::Display for TensorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "unknown type {id}"),
            _ => f.pad(TABLE.iter().find(|row| row.0 == *self).map_or("", |row| row.4)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_kinds_are_one_to_one() {
        for (kind, id, ..) in TABLE {
            assert_eq!((TensorKind::of_id(id), kind.id()), (kind, id));
        }
        assert_eq!(TensorKind::of_id(38), TensorKind::Unknown(38));
    }

    #[test]
    fn bytes_of_ternary_kinds() {
        assert_eq!(TensorKind::Q2_0G64.bytes(2048 * 2048), Some(1_179_648));
        assert_eq!(TensorKind::Q2_0G128.bytes(2048 * 2048), Some(1_114_112));
        assert_eq!(TensorKind::I2S.bytes(2560 * 6912), Some(4_423_712));
        assert_eq!(TensorKind::Tq1_0.bytes(256), Some(54));
        assert_eq!(TensorKind::Tq2_0.bytes(256), Some(66));
        assert_eq!(TensorKind::Tq2_0.bytes(255), None);
        assert_eq!(TensorKind::F64.bytes(u64::MAX), None);
    }
}
