//! The matrices, and their product with floats.
#![allow(unsafe_code)] // the choice of a tier, and outputs that threads write side by side

use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

use super::dot::{self, LANES, Q8_BLOCK, Row};
use super::half_float::widen;
use super::kquants::{self, KQuant};
use crate::bytes::Bytes;
use crate::isa::Isa;
use crate::multiply::Shared;
use crate::pool::Pool;
use crate::runs;

/// Bytes of rows a thread takes at once.
const BLOCK_BYTES: usize = 64 << 10;

/// Why bytes are no such matrix.
#[derive(Debug, thiserror::Error)]
pub enum DenseError {
    /// Another number of bytes than the shape needs.
    #[error("a {rows} x {cols} {kind} matrix has {expected:?} bytes, found {found}")]
    Length {
        /// The format.
        kind: &'static str,
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Bytes the shape needs; none when no such matrix exists.
        expected: Option<usize>,
        /// Bytes there are.
        found: usize,
    },
    /// A range beyond the end of the file.
    #[error("bytes {}..{} are not in a file of {length}: it was cut short", range.start, range.end)]
    Range {
        /// The range asked for.
        range: Range<usize>,
        /// Bytes of the file.
        length: usize,
    },
    /// No memory for a copy.
    #[error("no memory for {bytes} bytes of weights: {source}")]
    Memory {
        /// Bytes asked for.
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
    /// Blocks of 32 signed bytes behind their fp16 scale.
    Q8,
    /// Blocks of 256 with scales within scales.
    K(KQuant),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::Q8 => "Q8_0",
            Self::K(kind) => kind.name(),
        }
    }

    fn stride(self, cols: usize) -> Option<usize> {
        match self {
            Self::F16 => cols.checked_mul(2),
            Self::Q8 if cols.is_multiple_of(LANES) => (cols / LANES).checked_mul(Q8_BLOCK),
            Self::K(kind) if cols.is_multiple_of(kquants::BLOCK) => {
                (cols / kquants::BLOCK).checked_mul(kind.block_bytes())
            }
            Self::Q8 | Self::K(_) => None,
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

    /// A row and those behind it.
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
            Kind::K(kind) => kquants::take_apart(kind, self.row(row), out),
        }
    }
}

pub(super) mod sealed {
    pub trait Sealed {
        fn rows_of(&self) -> &super::Rows;
    }
}

/// A matrix that [`multiply_dense`] takes.
pub trait Dense: sealed::Sealed + Sync {
    /// Rows: outputs of the product.
    fn rows(&self) -> usize {
        self.rows_of().count
    }

    /// Columns: inputs of the product.
    fn cols(&self) -> usize {
        self.rows_of().cols
    }

    /// Bytes a product reads.
    fn bytes(&self) -> usize {
        self.rows_of().bytes.len()
    }

    /// The weights of a row as floats: an embedding's look-up.
    ///
    /// # Panics
    /// When there is no such row, or `out` is not as long as a row.
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

            /// A matrix of its own, copied from bytes.
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

/// `out[t][r] = sum over k of w[r][k] * x[t][k]`, for `m` tokens, row-major by token.
///
/// # Panics
/// When `x` is not `m * w.cols()` long, or `out` not `m * w.rows()`.
pub fn multiply_dense(w: &impl Dense, x: &[f32], m: usize, out: &mut [f32], pool: &Pool) {
    multiply_dense_with(Isa::active(), w, x, m, out, pool);
}

/// [`multiply_dense`] by a tier of choice, for tests and measurements.
///
/// # Panics
/// As [`multiply_dense`], and when the processor does not have the tier.
pub fn multiply_dense_with(isa: Isa, w: &impl Dense, x: &[f32], m: usize, out: &mut [f32], pool: &Pool) {
    let w = w.rows_of();
    assert!(isa.is_supported(), "{} is not on this processor", isa.name());
    assert_eq!(
        x.len(),
        m * w.cols,
        "activations of {m} tokens x {} columns",
        w.cols
    );
    assert_eq!(out.len(), m * w.count, "outputs of {m} tokens x {} rows", w.count);
    let x: Vec<&[f32]> = x.chunks_exact(w.cols).collect();
    let out = Shared(out.as_mut_ptr());
    let sizes = dot::tiles(isa);
    let block = (BLOCK_BYTES / w.stride)
        .max(1)
        .min(w.count.div_ceil(4 * pool.active()));
    let weights = |part: usize| w.rows_from(part * block);
    runs::share(pool, w.count.div_ceil(block), &weights, &|part| {
        let mut numbers = Vec::new();
        for row in part * block..((part + 1) * block).min(w.count) {
            let weights = match w.kind {
                Kind::F16 => Row::F16(w.row(row)),
                Kind::Q8 => Row::Q8(w.row(row)),
                Kind::K(kind) => {
                    numbers.resize(w.cols, 0.0);
                    // SAFETY: the tier was checked above.
                    unsafe { dot::take_apart(isa, kind, w.row(row), &mut numbers) };
                    Row::F32(&numbers)
                }
            };
            let mut first = 0;
            while first < m {
                let tokens = sizes.iter().copied().find(|size| *size <= m - first).unwrap_or(1);
                let mut outputs = [0.0; 4];
                // SAFETY: the tier was checked above.
                unsafe { dot::row(isa, weights, &x[first..], &mut outputs[..tokens]) };
                for (token, output) in outputs[..tokens].iter().enumerate() {
                    // SAFETY: within `out`, whose length was checked; no other part has this row.
                    unsafe { out.write((first + token) * w.count + row, &[*output]) };
                }
                first += tokens;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Dense, DenseError, F16Matrix, Q8Matrix, multiply_dense_with};
    use crate::dense::kquants::{KMatrix, KQuant, tests::blocks};
    use crate::isa::Isa;
    use crate::pool::Pool;

    fn check(w: &impl Dense, x: &[f32], m: usize) {
        let pool = Pool::new(2);
        let mut expected = vec![0.0; m * w.rows()];
        multiply_dense_with(Isa::Scalar, w, x, m, &mut expected, &pool);
        let mut row = vec![0.0; w.cols()];
        for r in 0..w.rows() {
            w.row_f32(r, &mut row);
            for t in 0..m {
                let products = row
                    .iter()
                    .zip(&x[t * w.cols()..])
                    .map(|(w, x)| f64::from(*w) * f64::from(*x));
                let (sum, size) = products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
                assert!(
                    (f64::from(expected[t * w.rows() + r]) - sum).abs() <= 1e-5 * size,
                    "row {r} token {t}"
                );
            }
        }
        for isa in Isa::supported() {
            let mut out = vec![f32::NAN; m * w.rows()];
            multiply_dense_with(isa, w, x, m, &mut out, &pool);
            assert!(
                out.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()),
                "{}",
                isa.name()
            );
            for t in 0..m {
                let mut alone = vec![f32::NAN; w.rows()];
                multiply_dense_with(isa, w, &x[t * w.cols()..][..w.cols()], 1, &mut alone, &pool);
                assert_eq!(alone, out[t * w.rows()..][..w.rows()], "token {t} alone");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn every_tier_gives_the_same_floats(
            rows in 1..20_usize,
            cols in 1..200_usize,
            m in 1..9_usize,
            weights in prop::collection::vec(-300.0..300.0_f32, 20 * 200),
            x in prop::collection::vec(-5.0..5.0_f32, 9 * 200),
        ) {
            let halves: Vec<u8> =
                weights.iter().flat_map(|w| half::f16::from_f32(*w).to_le_bytes()).take(2 * rows * cols).collect();
            check(&F16Matrix::copied(&halves, rows, cols).unwrap(), &x[..m * cols], m);
            let cols = cols.next_multiple_of(32).min(192);
            let mut blocks = Vec::new();
            for block in weights.chunks(32).take(rows * cols / 32) {
                blocks.extend(half::f16::from_f32(block[0] / 300.0).to_le_bytes());
                blocks.extend(block.iter().map(|w| ((w / 2.4) as i8).cast_unsigned()));
            }
            check(&Q8Matrix::copied(&blocks, rows, cols).unwrap(), &x[..m * cols], m);
        }

        #[test]
        fn every_tier_gives_the_same_floats_of_k_quants(
            rows in 1..10_usize,
            count in 1..3_usize,
            m in 1..9_usize,
            seed: u64,
            x in prop::collection::vec(-5.0..5.0_f32, 9 * 512),
        ) {
            for kind in KQuant::ALL {
                let cols = 256 * count;
                let w = KMatrix::copied(kind, &blocks(kind, rows * count, seed), rows, cols).unwrap();
                check(&w, &x[..m * cols], m);
            }
        }
    }

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
