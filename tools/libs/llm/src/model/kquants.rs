//! Matrices in K-quants, where they lie in the file: blocks of 256 numbers with scales within scales. A row is taken apart to single
//! precision and multiplied with every input of the pass, so a product is exact and does not depend on what else is in the pass.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use half::f16;
use pulp::{Arch, Simd, WithSimd};
use sigmavault_gguf::{Mmap, TensorKind};
use sigmavault_ternary::Pool;

use super::error::LoadError;
use super::weights::{Stored, Tensor};
use super::{ops, parallel};

/// Numbers in a block.
const BLOCK: usize = 256;
/// Rows that one thread takes at a time.
const ROWS: usize = 16;

/// A matrix of `Q4_K`, `Q5_K` or `Q6_K` blocks.
#[derive(Debug)]
pub struct KQuants {
    kind: Kind,
    bytes: Bytes,
    rows: usize,
    columns: usize,
}

/// How a block is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Q4,
    Q5,
    Q6,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Arc<Mmap>, Range<usize>),
    Copied(Vec<u8>),
}

impl Kind {
    /// Bytes of a block.
    fn size(self) -> usize {
        match self {
            Self::Q4 => 144,
            Self::Q5 => 176,
            Self::Q6 => 210,
        }
    }
}

thread_local! {
    /// A row taken apart.
    static ROW: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl KQuants {
    /// Takes a tensor where it is mapped, and copies it where it is not.
    pub fn load(
        tensor: &Tensor<'_>,
        mapped: Option<(Arc<Mmap>, Range<usize>)>,
        rows: usize,
        columns: usize,
    ) -> Result<Self, LoadError> {
        let kind = match tensor.stored {
            Stored::As(TensorKind::Q4K) => Kind::Q4,
            Stored::As(TensorKind::Q5K) => Kind::Q5,
            Stored::As(TensorKind::Q6K) => Kind::Q6,
            _ => return Err(tensor.unusable()),
        };
        if !columns.is_multiple_of(BLOCK) || tensor.bytes.len() != rows * columns / BLOCK * kind.size() {
            return Err(LoadError::Pack {
                name: tensor.name.to_owned(),
                reason: format!(
                    "{rows} x {columns} numbers are not {} bytes of its blocks",
                    tensor.bytes.len()
                ),
            });
        }
        Ok(Self {
            kind,
            bytes: match mapped {
                Some((map, range)) => Bytes::Mapped(map, range),
                None => Bytes::Copied(tensor.bytes.to_vec()),
            },
            rows,
            columns,
        })
    }

    /// Numbers of a product.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that a product reads.
    pub fn bytes(&self) -> usize {
        self.all().len()
    }

    fn all(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map, range) => &map[range.clone()],
            Bytes::Copied(bytes) => bytes,
        }
    }

    /// The blocks of one row.
    fn blocks(&self, row: usize) -> &[u8] {
        let size = self.columns / BLOCK * self.kind.size();
        &self.all()[row * size..][..size]
    }

    /// One row.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        Arch::new().dispatch(TakeApart {
            kind: self.kind,
            blocks: self.blocks(row),
            out,
        });
    }

    /// The product with as many inputs as there are, token after token.
    pub fn product(&self, input: &[f32], out: &mut [f32], pool: &Pool) {
        let tokens = input.len() / self.columns;
        if tokens == 1 {
            self.by_rows(input, out, pool);
            return;
        }
        let mut turned = vec![0.0; out.len()];
        self.by_rows(input, &mut turned, pool);
        parallel::pieces(pool, out, self.rows, &|token, out| {
            for (o, row) in out.iter_mut().zip(turned.chunks_exact(tokens)) {
                *o = row[token];
            }
        });
    }

    /// The product, row after row.
    fn by_rows(&self, input: &[f32], out: &mut [f32], pool: &Pool) {
        let tokens = input.len() / self.columns;
        parallel::pieces(pool, out, ROWS * tokens, &|piece, out| {
            ROW.with_borrow_mut(|numbers| {
                numbers.resize(self.columns, 0.0);
                for (i, out) in out.chunks_exact_mut(tokens).enumerate() {
                    Arch::new().dispatch(RowProduct {
                        kind: self.kind,
                        blocks: self.blocks(piece * ROWS + i),
                        numbers,
                        input,
                        out,
                    });
                }
            });
        });
    }
}

/// Takes blocks apart, compiled for each width of registers.
struct TakeApart<'a> {
    kind: Kind,
    blocks: &'a [u8],
    out: &'a mut [f32],
}

impl WithSimd for TakeApart<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        take_apart(self.kind, self.blocks, self.out);
    }
}

/// A row's product with every input, compiled for each width of registers.
struct RowProduct<'a> {
    kind: Kind,
    blocks: &'a [u8],
    numbers: &'a mut [f32],
    input: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for RowProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        take_apart(self.kind, self.blocks, self.numbers);
        for (out, input) in self
            .out
            .iter_mut()
            .zip(self.input.chunks_exact(self.numbers.len()))
        {
            *out = ops::dot(self.numbers, input);
        }
    }
}

#[inline(always)]
fn take_apart(kind: Kind, blocks: &[u8], out: &mut [f32]) {
    let blocks = blocks
        .chunks_exact(kind.size())
        .zip(out.as_chunks_mut::<BLOCK>().0);
    match kind {
        Kind::Q4 => blocks.for_each(|(block, out)| q4(block, out)),
        Kind::Q5 => blocks.for_each(|(block, out)| q5(block, out)),
        Kind::Q6 => blocks.for_each(|(block, out)| q6(block, out)),
    }
}

/// A half-precision number of two bytes.
#[inline(always)]
fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// The scale and the offset of each run of 32 numbers in `Q4_K` and `Q5_K`: 6 bits each, of which the last four runs' highest two
/// stand above the first four's.
#[inline(always)]
fn scales(block: &[u8]) -> [(f32, f32); 8] {
    let (scale, offset, packed) = (half(block), half(&block[2..]), &block[4..16]);
    std::array::from_fn(|run| {
        let (s, m) = if run < 4 {
            (packed[run] & 63, packed[run + 4] & 63)
        } else {
            (
                packed[run + 4] & 15 | packed[run - 4] >> 6 << 4,
                packed[run + 4] >> 4 | packed[run] >> 6 << 4,
            )
        };
        (scale * f32::from(s), offset * f32::from(m))
    })
}

#[inline(always)]
fn q4(block: &[u8], out: &mut [f32; BLOCK]) {
    let scales = scales(block);
    let (nibbles, _) = block[16..].as_chunks::<32>();
    for (pair, (nibbles, out)) in nibbles.iter().zip(out.as_chunks_mut::<64>().0).enumerate() {
        let [(low, low_offset), (high, high_offset)] = [scales[2 * pair], scales[2 * pair + 1]];
        let (first, second) = out.split_at_mut(32);
        for ((q, a), b) in nibbles.iter().zip(first).zip(second) {
            *a = low * f32::from(q & 15) - low_offset;
            *b = high * f32::from(q >> 4) - high_offset;
        }
    }
}

#[inline(always)]
fn q5(block: &[u8], out: &mut [f32; BLOCK]) {
    let scales = scales(block);
    let tops = &block[16..48];
    let (nibbles, _) = block[48..].as_chunks::<32>();
    for (pair, (nibbles, out)) in nibbles.iter().zip(out.as_chunks_mut::<64>().0).enumerate() {
        let [(low, low_offset), (high, high_offset)] = [scales[2 * pair], scales[2 * pair + 1]];
        let (first, second) = out.split_at_mut(32);
        for (((q, top), a), b) in nibbles.iter().zip(tops).zip(first).zip(second) {
            *a = low * f32::from(q & 15 | (top >> (2 * pair) & 1) << 4) - low_offset;
            *b = high * f32::from(q >> 4 | (top >> (2 * pair + 1) & 1) << 4) - high_offset;
        }
    }
}

#[inline(always)]
fn q6(block: &[u8], out: &mut [f32; BLOCK]) {
    let scale = half(&block[208..]);
    let (nibbles, _) = block[..128].as_chunks::<64>();
    let (tops, _) = block[128..192].as_chunks::<32>();
    let (scales, _) = block[192..208].as_chunks::<8>();
    let (halves, _) = out.as_chunks_mut::<128>();
    for (((nibbles, tops), scales), out) in nibbles.iter().zip(tops).zip(scales).zip(halves) {
        for (quarter, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let nibbles = &nibbles[quarter % 2 * 32..][..32];
            let shift = quarter / 2 * 4;
            let (runs, _) = out.as_chunks_mut::<16>();
            for (run, out) in runs.iter_mut().enumerate() {
                let scale = scale * f32::from(scales[2 * quarter + run].cast_signed());
                let from = 16 * run;
                for ((q, top), o) in nibbles[from..].iter().zip(&tops[from..]).zip(out) {
                    let q = q >> shift & 15 | (top >> (2 * quarter) & 3) << 4;
                    *o = scale * (f32::from(q) - 32.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor as Candle};

    use super::*;

    /// Rows and products of blocks that another implementation has quantised, and how it takes them apart.
    #[test]
    fn products_are_those_of_the_numbers_stored() {
        let pool = Pool::new(2);
        let (rows, columns) = (24, 512);
        let random = |seed: u32, count: usize| -> Vec<f32> {
            let next = |state: &mut u32| {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some((*state >> 8) as f32 / 8_388_608.0 - 1.0)
            };
            std::iter::successors(Some(seed), |s| Some(s.wrapping_add(0x9e37_79b9)))
                .filter_map(|mut s| next(&mut s))
                .take(count)
                .collect()
        };
        let numbers = Candle::from_vec(random(1, rows * columns), (rows, columns), &Device::Cpu).unwrap();
        let input = random(2, 3 * columns);
        for (kind, stored) in [
            (GgmlDType::Q4K, TensorKind::Q4K),
            (GgmlDType::Q5K, TensorKind::Q5K),
            (GgmlDType::Q6K, TensorKind::Q6K),
        ] {
            let blocks = QTensor::quantize(&numbers, kind).unwrap();
            let bytes = blocks.data().unwrap().into_owned();
            let tensor = |bytes| Tensor {
                name: "w",
                shape: vec![rows, columns],
                stored: Stored::As(stored),
                bytes,
                at: 0,
            };
            let matrix = KQuants::load(&tensor(&bytes), None, rows, columns).unwrap();
            let kept = blocks.dequantize(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
            let mut row = vec![0.0; columns];
            for (n, kept) in kept.iter().enumerate() {
                matrix.row(n, &mut row);
                assert_eq!(&row, kept, "{stored}");
            }
            let mut out = vec![0.0; 3 * rows];
            matrix.product(&input, &mut out, &pool);
            let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(x * w)).sum::<f64>();
            let exact = input
                .chunks(columns)
                .flat_map(|x| kept.iter().map(move |w| dot(x, w)));
            for (o, e) in out.iter().zip(exact) {
                assert!((f64::from(*o) - e).abs() < 1e-4, "{stored}: {o} is not {e}");
            }
            let mut second = vec![0.0; rows];
            matrix.product(&input[columns..2 * columns], &mut second, &pool);
            assert_eq!(second, out[rows..2 * rows], "{stored}: alone and beside others");
            let cut = KQuants::load(&tensor(&bytes[1..]), None, rows, columns).unwrap_err();
            assert!(cut.to_string().starts_with("repacking tensor w"), "{cut}");
        }
    }
}
