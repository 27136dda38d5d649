//! Dense matrices: formats, bytes and shapes.

use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

use super::dot::{self, LANES, Q8_BLOCK};
use super::quants::{self, Quant};
use crate::bytes::Bytes;
use crate::half_float::widen;

/// Why a matrix could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DenseError {
    /// The number of bytes does not match the shape.
    #[error("a {rows} x {cols} {kind} matrix has {expected:?} bytes, found {found}")]
    Length {
        /// The format.
        kind: &'static str,
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Bytes that the shape needs; `None` if the shape is invalid.
        expected: Option<usize>,
        /// Bytes given.
        found: usize,
    },
    /// A range beyond the end of the file.
    #[error("bytes {}..{} are past the end of a file of {length} bytes: it is truncated", range.start, range.end)]
    Range {
        /// The requested range.
        range: Range<usize>,
        /// The length of the file in bytes.
        length: usize,
    },
    /// No memory for a copy.
    #[error("no memory for {bytes} bytes of weights: {source}")]
    Memory {
        /// Bytes requested.
        bytes: usize,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A format of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// fp16.
    F16,
    /// Blocks of 32 signed bytes, preceded by their fp16 scale.
    Q8,
    /// Blocks of codes.
    Blocks(Quant),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::Q8 => "Q8_0",
            Self::Blocks(kind) => kind.name(),
        }
    }

    fn stride(self, cols: usize) -> Option<usize> {
        match self {
            Self::F16 => cols.checked_mul(2),
            Self::Q8 if cols.is_multiple_of(LANES) => (cols / LANES).checked_mul(Q8_BLOCK),
            Self::Blocks(kind) if cols.is_multiple_of(kind.columns()) => {
                (cols / kind.columns()).checked_mul(kind.block_bytes())
            }
            Self::Q8 | Self::Blocks(_) => None,
        }
    }
}

/// The bytes of a matrix and their shape.
#[derive(Debug)]
pub struct Rows {
    bytes: Bytes,
    kind: Kind,
    count: usize,
    cols: usize,
    stride: usize,
}

impl Rows {
    fn new(bytes: Bytes, kind: Kind, rows: usize, cols: usize) -> Result<Self, DenseError> {
        let stride = kind.stride(cols);
        let expected = stride
            .and_then(|bytes| bytes.checked_mul(rows))
            .filter(|bytes| *bytes > 0);
        match (stride, expected) {
            (Some(stride), Some(expected)) if expected == bytes.len() => Ok(Self {
                bytes,
                kind,
                count: rows,
                cols,
                stride,
            }),
            _ => Err(DenseError::Length {
                kind: kind.name(),
                rows,
                cols,
                expected,
                found: bytes.len(),
            }),
        }
    }

    /// Rows on a range of a map.
    pub(super) fn on_map(
        kind: Kind,
        map: Arc<Mmap>,
        range: Range<usize>,
        rows: usize,
        cols: usize,
    ) -> Result<Self, DenseError> {
        if map.get(range.clone()).is_none() {
            return Err(DenseError::Range {
                range,
                length: map.len(),
            });
        }
        Self::new(Bytes::Mapped { map, range }, kind, rows, cols)
    }

    /// Rows copied from bytes.
    pub(super) fn copied(kind: Kind, bytes: &[u8], rows: usize, cols: usize) -> Result<Self, DenseError> {
        let memory = |source| DenseError::Memory {
            bytes: bytes.len(),
            source,
        };
        Self::new(Bytes::copied(bytes).map_err(memory)?, kind, rows, cols)
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes of a row.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// A row and those after it.
    pub(super) fn rows_from(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.stride..]
    }

    pub(super) fn row(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.stride..][..self.stride]
    }

    fn row_f32(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.count, "row {row} of {}", self.count);
        assert_eq!(out.len(), self.cols, "a row has {} columns", self.cols);
        match self.kind {
            Kind::F16 => {
                for (out, bytes) in out.iter_mut().zip(self.row(row).as_chunks::<2>().0) {
                    *out = widen(u16::from_le_bytes(*bytes));
                }
            }
            Kind::Q8 => {
                let blocks = self.row(row).as_chunks::<Q8_BLOCK>().0;
                for (out, block) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(blocks) {
                    *out = dot::q8(block);
                }
            }
            Kind::Blocks(kind) => quants::take_apart(kind, self.row(row), out),
        }
    }
}

pub(super) mod sealed {
    pub trait Sealed {
        fn rows_of(&self) -> &super::Rows;
    }
}

/// A matrix that can be multiplied with floats by [`multiply_dense`](super::multiply_dense).
pub trait Dense: sealed::Sealed + Sync {
    /// Rows: outputs of the product.
    fn rows(&self) -> usize {
        self.rows_of().count
    }

    /// Columns: inputs of the product.
    fn cols(&self) -> usize {
        self.rows_of().cols
    }

    /// Bytes read by a product.
    fn bytes(&self) -> usize {
        self.rows_of().bytes.len()
    }

    /// The weights of a row as floats: an embedding's look-up.
    ///
    /// # Panics
    /// If there is no such row, or `out` is not as long as a row.
    fn row_f32(&self, row: usize, out: &mut [f32]) {
        self.rows_of().row_f32(row, out);
    }
}

macro_rules! matrix {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(Rows);

        impl $name {
            /// A matrix on a range of a map, in the file's own byte order; nothing is copied.
            pub fn on_map(
                map: Arc<Mmap>,
                range: Range<usize>,
                rows: usize,
                cols: usize,
            ) -> Result<Self, DenseError> {
                Rows::on_map($kind, map, range, rows, cols).map(Self)
            }

            /// A matrix in its own memory, copied from bytes.
            pub fn copied(bytes: &[u8], rows: usize, cols: usize) -> Result<Self, DenseError> {
                Rows::copied($kind, bytes, rows, cols).map(Self)
            }
        }

        impl sealed::Sealed for $name {
            fn rows_of(&self) -> &Rows {
                &self.0
            }
        }

        impl Dense for $name {}
    };
}

matrix!(
    /// fp16 weights, row by row: BitNet's tied head.
    F16Matrix,
    Kind::F16
);
matrix!(
    /// ggml Q8_0 (type 8): blocks of 32 columns in 34 bytes. The columns are a multiple of 32.
    Q8Matrix,
    Kind::Q8
);

/// A matrix in blocks of codes. The columns are a multiple of those of a block.
#[derive(Debug)]
pub struct QuantMatrix(Rows);

impl QuantMatrix {
    /// A matrix on a range of a map, in the file's own byte order; nothing is copied.
    pub fn on_map(
        kind: Quant,
        map: Arc<Mmap>,
        range: Range<usize>,
        rows: usize,
        cols: usize,
    ) -> Result<Self, DenseError> {
        Rows::on_map(Kind::Blocks(kind), map, range, rows, cols).map(Self)
    }

    /// A matrix in its own memory, copied from bytes.
    pub fn copied(kind: Quant, bytes: &[u8], rows: usize, cols: usize) -> Result<Self, DenseError> {
        Rows::copied(Kind::Blocks(kind), bytes, rows, cols).map(Self)
    }
}

impl sealed::Sealed for QuantMatrix {
    fn rows_of(&self) -> &Rows {
        &self.0
    }
}

impl Dense for QuantMatrix {}

#[cfg(test)]
mod tests {
    use super::{DenseError, F16Matrix, Q8Matrix};

    #[test]
    fn other_lengths_are_refused_with_the_right_one() {
        let error = F16Matrix::copied(&[0; 20], 3, 4).unwrap_err();
        assert!(
            matches!(
                error,
                DenseError::Length {
                    expected: Some(24),
                    found: 20,
                    ..
                }
            ),
            "{error}"
        );
        let error = Q8Matrix::copied(&[0; 34], 1, 31).unwrap_err();
        assert!(
            matches!(error, DenseError::Length { expected: None, .. }),
            "{error}"
        );
        assert!(F16Matrix::copied(&[], 0, 4).is_err());
        assert!(F16Matrix::copied(&[0; 8], usize::MAX, 4).is_err());
    }
}
