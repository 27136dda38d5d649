//! The source formats of ternary weights, and why weights are rejected.

use super::layout::Group;

/// A source format of ternary weights. Rows follow each other; a code `c` stands for the weight `c - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// BitNet's I2_S in the x86 layout: blocks of 128 columns in 32 bytes, and after the last one 32 bytes whose first four
    /// are the scale (f32). The layouts of other architectures hold the same bytes in another order; they are rejected if they
    /// cannot be this layout, and otherwise only show in a model's answers.
    I2S,
    /// ggml TQ1_0 (type 34): 256 columns in 54 bytes, base-3 digits, fp16 scale behind.
    Tq1_0,
    /// ggml TQ2_0 (type 35): 256 columns in 66 bytes, fp16 scale behind.
    Tq2_0,
    /// ggml Q2_0 (type 42, `group` 64) and PQ2_0 (type 142 and old files of type 42, `group` 128): fp16 scale before
    /// the codes, four in a byte, lowest bits first. Code 3 stands for +2 and is kept.
    Q2_0 {
        /// Columns that share a scale: 64 or 128.
        group: u8,
    },
    /// BitNet's safetensors: uint8 of shape `rows / 4 x cols`; row `r` is in bits `2q..2q+2` of packed row
    /// `r mod rows/4`, where `q = r / (rows/4)`.
    BitnetPacked,
}

impl Encoding {
    /// Columns of a block; `cols` must be a multiple of it.
    pub fn block(self) -> usize {
        match self {
            Self::I2S => 128,
            Self::Tq1_0 | Self::Tq2_0 => 256,
            Self::Q2_0 { group } => usize::from(group),
            Self::BitnetPacked => 1,
        }
    }

    /// Bytes of a matrix in this format.
    pub fn bytes(self, rows: usize, cols: usize) -> Option<usize> {
        let blocks = rows.checked_mul(cols)? / self.block().max(1);
        match self {
            Self::I2S => blocks.checked_mul(32)?.checked_add(32),
            Self::Tq1_0 => blocks.checked_mul(54),
            Self::Tq2_0 => blocks.checked_mul(66),
            Self::Q2_0 { group } => blocks.checked_mul(2 + usize::from(group) / 4),
            Self::BitnetPacked => Some(blocks / 4),
        }
    }

    /// Which columns share a scale.
    pub(super) fn group(self) -> Group {
        match self {
            Self::I2S | Self::BitnetPacked => Group::Tensor,
            Self::Tq1_0 | Self::Tq2_0 => Group::G256,
            Self::Q2_0 { group: 64 } => Group::G64,
            Self::Q2_0 { .. } => Group::G128,
        }
    }
}

/// Why weights could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A shape that the format does not allow.
    #[error("a {rows} x {cols} matrix cannot be {encoding:?}: {reason}")]
    Shape {
        /// The format.
        encoding: Encoding,
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
        /// What does not fit.
        reason: &'static str,
    },
    /// A length that does not match the shape.
    #[error("a {rows} x {cols} matrix in {encoding:?} has {expected} bytes, found {found}")]
    Length {
        /// The format.
        encoding: Encoding,
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Bytes the shape needs.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The scale of a format without scales is missing.
    #[error("{0:?} contains no scale: the tensor's scale must be given")]
    NoScale(Encoding),
    /// A scale that is not finite.
    #[error("the scale of row {row}, group {group} is {scale}: the tensor is damaged or of another format")]
    Scale {
        /// Row.
        row: usize,
        /// Group within the row.
        group: usize,
        /// The scale.
        scale: f32,
    },
    /// A code that the format does not have.
    #[error(
        "row {row} contains a code that is invalid in {encoding:?}: the tensor is damaged or has another layout"
    )]
    Code {
        /// Row.
        row: usize,
        /// The format.
        encoding: Encoding,
    },
    /// No memory for the packed weights.
    #[error("no memory for {bytes} bytes of packed weights: {source}")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
        /// What the system said.
        source: std::io::Error,
    },
}
