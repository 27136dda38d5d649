use std::ops::Range;

use crate::kind::TensorKind;

/// A tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Its dimensions, the fastest first: a matrix of `r` rows and `c` columns has `[c, r]`.
    pub shape: Vec<u64>,
    /// How its numbers are packed.
    pub kind: TensorKind,
    /// The type number that the file states.
    pub type_id: u32,
    /// Its bytes in the file, without padding; up to the next tensor if the kind is unknown.
    pub range: Range<usize>,
}

impl TensorInfo {
    /// The number of elements.
    pub fn elements(&self) -> u64 {
        // The product was checked when the file was read.
        self.shape.iter().product()
    }

    /// Elements in a row: the first dimension.
    pub fn columns(&self) -> u64 {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Rows: the product of all dimensions but the first.
    pub fn rows(&self) -> u64 {
        self.shape.iter().skip(1).product()
    }
}

/// A tensor with its bytes.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// What it is.
    pub info: &'a TensorInfo,
    /// Its packed numbers.
    pub bytes: &'a [u8],
}
