//! Weighted sums of rows, read in place: what attention does with values.
#![allow(unsafe_code)] // calls into tiers that the processor supports; fp16 as bytes

use std::slice;

use super::dot::{self, Row};
use crate::half_float::widen_all;
use crate::isa::Isa;

/// Contiguous rows of one length.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// fp16, by their bits.
    Half(&'a [u16]),
    /// Floats.
    Single(&'a [f32]),
}

impl<'a> Rows<'a> {
    /// The number of elements of all rows together.
    pub fn len(self) -> usize {
        match self {
            Self::Half(rows) => rows.len(),
            Self::Single(rows) => rows.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The first `count` elements.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        match self {
            Self::Half(rows) => Self::Half(&rows[..count]),
            Self::Single(rows) => Self::Single(&rows[..count]),
        }
    }

    /// Converts the elements to floats, exactly. If they are fp16, as many elements of `next` are prefetched meanwhile.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn widen(self, out: &mut [f32], next: Option<Rows<'_>>) {
        match (self, next) {
            (Self::Half(bits), Some(Rows::Half(next))) => widen_all(bits, out, next),
            (Self::Half(bits), _) => widen_all(bits, out, &[]),
            (Self::Single(floats), _) => out.copy_from_slice(floats),
        }
    }

    fn row(self) -> Row<'a> {
        match self {
            Self::Half(rows) => {
                let bytes = size_of_val(rows);
                // SAFETY: a u16 can be read as bytes; all supported processors are little-endian, as `Row` requires.
                Row::F16(unsafe { slice::from_raw_parts(rows.as_ptr().cast(), bytes) })
            }
            Self::Single(rows) => Row::F32(rows),
        }
    }

    fn address(self) -> *const u8 {
        match self {
            Self::Half(rows) => rows.as_ptr().cast(),
            Self::Single(rows) => rows.as_ptr().cast(),
        }
    }
}

/// Adds every row times its number: `sums[j] += numbers[j][0] * rows[0] + numbers[j][1] * rows[1] + ...` for one or two (`M`) sums, which
/// are contiguous and as long as a row. Products and sums are rounded separately, in the order of the rows, so that every tier gives the
/// same floats, for one sum or two. While fp16 is read, `next`, if given, is prefetched.
///
/// # Panics
/// If `M` is not 1 or 2, `sums` is empty, the length of `rows` is not a multiple of a sum's, or there are more rows than numbers.
pub fn add_rows<const M: usize>(
    rows: Rows<'_>,
    numbers: [&[f32]; M],
    sums: &mut [f32],
    next: Option<Rows<'_>>,
) {
    add_rows_with(Isa::active(), rows, numbers, sums, next);
}

fn add_rows_with<const M: usize>(
    isa: Isa,
    rows: Rows<'_>,
    numbers: [&[f32]; M],
    sums: &mut [f32],
    next: Option<Rows<'_>>,
) {
    assert!(matches!(M, 1 | 2) && !sums.is_empty(), "one sum or two");
    let width = sums.len() / M;
    assert!(
        width * M == sums.len() && rows.len().is_multiple_of(width),
        "rows as long as sums"
    );
    let next = next.map_or_else(|| rows.address(), Rows::address);
    // SAFETY: tiers are only used on processors that support them.
    unsafe { dot::add_rows(isa, rows.row(), &numbers, sums, next) };
}

#[cfg(test)]
mod tests {
    use half::f16;
    use proptest::prelude::*;

    use super::*;

    /// Follows the definition literally.
    fn plainly(rows: &[f32], numbers: &[f32], sum: &mut [f32]) {
        for (row, number) in rows.chunks_exact(sum.len()).zip(numbers) {
            for (sum, cell) in sum.iter_mut().zip(row) {
                *sum += number * cell;
            }
        }
    }

    proptest! {
        #[test]
        fn every_tier_gives_the_same_floats(
            width in 1..150_usize,
            count in 0..40_usize,
            seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let mut random = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                f16::from_f32((state >> 40) as f32 / 8_388_608.0 - 1.0)
            };
            let halves: Vec<f16> = (0..width * count).map(|_| random()).collect();
            let bits: Vec<u16> = halves.iter().map(|half| half.to_bits()).collect();
            let floats: Vec<f32> = halves.iter().map(|half| half.to_f32()).collect();
            let numbers: [Vec<f32>; 2] = std::array::from_fn(|_| (0..count).map(|_| random().to_f32()).collect());
            let before: Vec<f32> = (0..2 * width).map(|_| random().to_f32()).collect();
            let mut expected = before.clone();
            for (sum, numbers) in expected.chunks_exact_mut(width).zip(&numbers) {
                plainly(&floats, numbers, sum);
            }
            for isa in Isa::supported() {
                for rows in [Rows::Half(&bits), Rows::Single(&floats)] {
                    let mut both = before.clone();
                    add_rows_with(isa, rows, [&numbers[0], &numbers[1]], &mut both, None);
                    prop_assert_eq!(&both, &expected, "{}, two of {:?}", isa.name(), rows);
                    let mut one = before[..width].to_vec();
                    add_rows_with(isa, rows, [&numbers[0]], &mut one, Some(rows));
                    prop_assert_eq!(&one[..], &expected[..width], "{}, one of {:?}", isa.name(), rows);
                }
            }
        }
    }
}
