//! The products of a row with one, two or four tokens, written once for all tiers.

use super::activations::SUMS;

/// The sum of the totals, added pairwise by halves.
#[inline(always)]
pub(super) fn reduce(mut totals: [f32; 2 * SUMS]) -> f32 {
    let mut half = SUMS;
    while half > 0 {
        for lane in 0..half {
            totals[lane] += totals[lane + half];
        }
        half /= 2;
    }
    totals[0]
}

/// Defines `product`, and the products of Q8_0, from the steps in scope: `Weights`, 32 bytes prepared for the tier by `weights`;
/// `Floats`, eight floats; `sums`, the sums of a block as floats; `zero`, `splat`, `half` (an fp16 as float in all lanes), `times`,
/// `plus`, `store`.
macro_rules! products {
    ($(#[$feature:meta])?) => {
        use crate::dense::dot::Q8_BLOCK;
        use crate::dense::kquants::{EIGHT, Q2_BYTES, Q3_BYTES, Q4_BYTES, Q5_BYTES, Q6_BYTES, Runs};
        use crate::dense::matrix::Kind;
        use crate::dense::quants::Quant;
        use crate::dense::small::{self, Q4_0_BYTES, Q4_1_BYTES, Q5_0_BYTES, Q5_1_BYTES};
        use crate::dense::q8::activations::{BLOCK, SUMS, Token};
        use crate::dense::q8::products::{k_products, reduce, small_products};
        use crate::prefetch::prefetch;

        k_products!($(#[$feature])?);
        small_products!($(#[$feature])?);

        $(#[$feature])?
        pub(in super::super) fn product(kind: Kind, row: &[u8], tokens: &[Token<'_>], out: &mut [f32]) {
            match *tokens {
                [a, b, c, d] => of_kind(kind, [a, b, c, d], row, out),
                [a, b] => of_kind(kind, [a, b], row, out),
                [a] => of_kind(kind, [a], row, out),
                _ => unreachable!("no tile of {} tokens", tokens.len()),
            }
        }

        $(#[$feature])?
        fn of_kind<const M: usize>(kind: Kind, tokens: [Token<'_>; M], row: &[u8], out: &mut [f32]) {
            match kind {
                Kind::Q8 => tile(tokens, row, out),
                Kind::Blocks(Quant::Q4_0) => small_tile::<Q4_0, Q4_0_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Q4_1) => small_tile::<Q4_1, Q4_1_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Q5_0) => small_tile::<Q5_0, Q5_0_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Q5_1) => small_tile::<Q5_1, Q5_1_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Iq4Nl) => small_tile::<IQ4_NL, Q4_0_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Q2K) => k_tile::<2, Q2_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Q3K) => k_tile::<3, Q3_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Q4K) => k_tile::<4, Q4_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Q5K) => k_tile::<5, Q5_BYTES, M>(tokens, row, out),
                Kind::Blocks(Quant::Q6K) => k_tile::<6, Q6_BYTES, M>(tokens, row, out),
                Kind::F16 => unreachable!("the types of matrices are Q8Matrix and QuantMatrix"),
            }
        }

        /// The scale of a block, and its weights.
        #[inline]
        $(#[$feature])?
        fn block_of(block: &[u8; Q8_BLOCK]) -> (Floats, Weights) {
            let Some((scale, values)) = block.split_first_chunk::<2>() else {
                unreachable!("a block begins with its scale");
            };
            let Some(values) = values.first_chunk::<BLOCK>() else {
                unreachable!("a block holds 32 bytes");
            };
            (half(u16::from_le_bytes(*scale)), weights(values))
        }

        $(#[$feature])?
        fn tile<const M: usize>(mut tokens: [Token<'_>; M], row: &[u8], out: &mut [f32]) {
            let blocks = row.as_chunks::<Q8_BLOCK>().0;
            for j in 0..M {
                tokens[j].values = &tokens[j].values[..blocks.len()];
                tokens[j].scales = &tokens[j].scales[..blocks.len()];
            }
            let mut totals = [[zero(); 2]; M];
            let (pairs, last) = blocks.as_chunks::<2>();
            for (at, pair) in pairs.iter().enumerate() {
                for (odd, block) in pair.iter().enumerate() {
                    prefetch(block.as_ptr());
                    let (scale, values) = block_of(block);
                    for j in 0..M {
                        let b = 2 * at + odd;
                        let sums = times(sums(&values, &tokens[j].values[b]), splat(tokens[j].scales[b]));
                        totals[j][odd] = plus(totals[j][odd], times(sums, scale));
                    }
                }
            }
            if let [block] = last {
                let (scale, values) = block_of(block);
                for j in 0..M {
                    let b = blocks.len() - 1;
                    let sums = times(sums(&values, &tokens[j].values[b]), splat(tokens[j].scales[b]));
                    totals[j][0] = plus(totals[j][0], times(sums, scale));
                }
            }
            finish(&totals, out);
        }

        $(#[$feature])?
        fn finish<const M: usize>(totals: &[[Floats; 2]; M], out: &mut [f32]) {
            for j in 0..M {
                let mut lanes = [0.0; 2 * SUMS];
                let (first, second) = lanes.split_at_mut(SUMS);
                store(first, totals[j][0]);
                store(second, totals[j][1]);
                out[j] = reduce(lanes);
            }
        }
    };
}

/// Defines `k_tile`, the products of K-quants, from the steps in scope: `Bytes`, 32 of them, made by `bytes`; `shifted` (to the left),
/// `masked`, `joined` (or); `dots`, the sums of a block of unsigned bytes as floats; `halves`, a float in the first four lanes and
/// another in the last; `load`; and those of [`products`].
///
/// Codes are at most 63 and activations at least -128, so that a pair of products is within 2 x 63 x 128 = 16128, in int16,
/// and a sum of four within 32256, exact as int32 and as float.
macro_rules! k_products {
    ($(#[$feature:meta])?) => {
        $(#[$feature])?
        fn k_tile<const BITS: usize, const SIZE: usize, const M: usize>(
            tokens: [Token<'_>; M],
            row: &[u8],
            out: &mut [f32],
        ) {
            let blocks = row.as_chunks::<SIZE>().0;
            let mut values: [&[[[i8; BLOCK]; EIGHT]]; M] = [&[]; M];
            let mut scales: [&[[f32; EIGHT]]; M] = [&[]; M];
            let mut sums: [[&[[f32; EIGHT]]; 2]; M] = [[&[]; 2]; M];
            for j in 0..M {
                values[j] = &tokens[j].values.as_chunks().0[..blocks.len()];
                scales[j] = &tokens[j].scales.as_chunks().0[..blocks.len()];
                for second in 0..2 {
                    sums[j][second] = &tokens[j].sums[second].as_chunks().0[..blocks.len()];
                }
            }
            let mut totals = [[zero(); 2]; M];
            for (at, block) in blocks.iter().enumerate() {
                let runs = Runs::of::<BITS>(block);
                let mut factors = [[[0.0; EIGHT]; 2]; M];
                let mut eight: [&[[i8; BLOCK]; EIGHT]; M] = [&[[0; BLOCK]; EIGHT]; M];
                for j in 0..M {
                    eight[j] = &values[j][at];
                    for second in 0..2 {
                        for b in 0..EIGHT {
                            factors[j][second][b] = scales[j][at][b] * runs.scales[second][b];
                        }
                        let offsets = times(load(&sums[j][second][at]), load(&runs.offsets[second]));
                        totals[j][second] = plus(totals[j][second], offsets);
                    }
                }
                pair::<BITS, SIZE, 0, M>(block, eight, &factors, &mut totals);
                pair::<BITS, SIZE, 1, M>(block, eight, &factors, &mut totals);
                pair::<BITS, SIZE, 2, M>(block, eight, &factors, &mut totals);
                pair::<BITS, SIZE, 3, M>(block, eight, &factors, &mut totals);
            }
            finish(&totals, out);
        }

        /// Adds the products of two blocks of 32 columns.
        #[inline]
        $(#[$feature])?
        fn pair<const BITS: usize, const SIZE: usize, const PAIR: usize, const M: usize>(
            block: &[u8; SIZE],
            values: [&[[i8; BLOCK]; EIGHT]; M],
            factors: &[[[f32; EIGHT]; 2]; M],
            totals: &mut [[Floats; 2]; M],
        ) {
            // At most 53 bytes apart, so that every line is prefetched.
            prefetch(block.as_ptr().wrapping_add(PAIR * SIZE / 4));
            let codes = codes::<BITS, SIZE, PAIR>(block);
            for odd in 0..2 {
                let b = 2 * PAIR + odd;
                for j in 0..M {
                    let [first, second] = &factors[j];
                    let factor = match BITS {
                        4 | 5 => splat(first[b]),
                        _ => halves(first[b], second[b]),
                    };
                    totals[j][odd] = plus(totals[j][odd], times(dots(&codes[odd], &values[j][b]), factor));
                }
            }
        }

        /// The codes of two blocks of 32 columns. The top bits are moved above the nibbles.
        #[inline]
        $(#[$feature])?
        fn codes<const BITS: usize, const SIZE: usize, const PAIR: usize>(block: &[u8; SIZE]) -> [Bytes; 2] {
            // The shift that moves bits 2n and 2n + 1 to bits 4 and 5.
            const UP: [i32; 4] = [4, 2, 0, -2];
            let (half, within) = (PAIR / 2, PAIR % 2);
            match BITS {
                2 => {
                    let both = bytes(thirty_two(block, 16 + 32 * half));
                    let by = [0, -4][within];
                    [masked(shifted(both, by), 3), masked(shifted(both, by - 2), 3)]
                }
                3 => {
                    let both = bytes(thirty_two(block, 32 + 32 * half));
                    let tops = bytes(thirty_two(block, 0));
                    let (by, up) = ([0, -4][within], [2, 0, -2, -4][PAIR]);
                    [
                        joined(masked(shifted(both, by), 3), masked(shifted(tops, up), 4)),
                        joined(masked(shifted(both, by - 2), 3), masked(shifted(tops, up - 1), 4)),
                    ]
                }
                4 => {
                    let nibbles = bytes(thirty_two(block, 16 + 32 * PAIR));
                    [masked(nibbles, 15), masked(shifted(nibbles, -4), 15)]
                }
                5 => {
                    let nibbles = bytes(thirty_two(block, 48 + 32 * PAIR));
                    let tops = bytes(thirty_two(block, 16));
                    let up = UP[PAIR];
                    [
                        joined(masked(nibbles, 15), masked(shifted(tops, up), 16)),
                        joined(masked(shifted(nibbles, -4), 15), masked(shifted(tops, up - 1), 16)),
                    ]
                }
                _ => {
                    let first = bytes(thirty_two(block, 64 * half));
                    let second = bytes(thirty_two(block, 64 * half + 32));
                    let tops = bytes(thirty_two(block, 128 + 32 * half));
                    let low = [0, -4][within];
                    [
                        joined(masked(shifted(first, low), 15), masked(shifted(tops, UP[2 * within]), 48)),
                        joined(masked(shifted(second, low), 15), masked(shifted(tops, UP[2 * within + 1]), 48)),
                    ]
                }
            }
        }

        /// 32 bytes of a block.
        #[inline]
        $(#[$feature])?
        fn thirty_two<const SIZE: usize>(block: &[u8; SIZE], at: usize) -> &[u8; BLOCK] {
            let Some(bytes) = block[at..].first_chunk() else {
                unreachable!("codes end within the block");
            };
            bytes
        }
    };
}

/// Defines `small_tile`, the products of blocks of 32 columns with one scale, from the steps in scope: `nibbles`, the low ones of 16 bytes
/// and then the high ones; `fifth`, 16 where a bit is set; `less`, bytes less a number; `levels`, the entries of IQ4_NL; `signed`, which
/// makes `Weights` of bytes; and those of [`products`] and [`k_products`].
macro_rules! small_products {
    ($(#[$feature:meta])?) => {
        const Q4_0: u8 = 0;
        const Q4_1: u8 = 1;
        const Q5_0: u8 = 2;
        const Q5_1: u8 = 3;
        const IQ4_NL: u8 = 4;

        $(#[$feature])?
        fn small_tile<const KIND: u8, const SIZE: usize, const M: usize>(
            mut tokens: [Token<'_>; M],
            row: &[u8],
            out: &mut [f32],
        ) {
            let blocks = row.as_chunks::<SIZE>().0;
            for j in 0..M {
                tokens[j].values = &tokens[j].values[..blocks.len()];
                tokens[j].scales = &tokens[j].scales[..blocks.len()];
                tokens[j].sums = [&tokens[j].sums[0][..blocks.len()], &tokens[j].sums[1][..blocks.len()]];
            }
            let (mut totals, mut offsets) = ([[zero(); 2]; M], [0.0; M]);
            let (pairs, last) = blocks.as_chunks::<2>();
            for (at, pair) in pairs.iter().enumerate() {
                for (odd, block) in pair.iter().enumerate() {
                    small_block::<KIND, SIZE, M>(block, &tokens, 2 * at + odd, odd, &mut totals, &mut offsets);
                }
            }
            if let [block] = last {
                let b = blocks.len() - 1;
                small_block::<KIND, SIZE, M>(block, &tokens, b, 0, &mut totals, &mut offsets);
            }
            finish(&totals, out);
            if KIND == Q4_1 || KIND == Q5_1 {
                for j in 0..M {
                    out[j] += offsets[j];
                }
            }
        }

        /// Adds the products of a block.
        #[inline]
        $(#[$feature])?
        fn small_block<const KIND: u8, const SIZE: usize, const M: usize>(
            block: &[u8; SIZE],
            tokens: &[Token<'_>; M],
            b: usize,
            odd: usize,
            totals: &mut [[Floats; 2]; M],
            offsets: &mut [f32; M],
        ) {
            prefetch(block.as_ptr());
            let Some(sixteen) = block.last_chunk::<16>() else {
                unreachable!("a block ends with its codes");
            };
            let mut codes = nibbles(sixteen);
            if KIND == Q5_0 || KIND == Q5_1 {
                codes = joined(codes, fifth(small::tops(block, if KIND == Q5_0 { 2 } else { 4 })));
            }
            let scale = half(u16::from_le_bytes([block[0], block[1]]));
            if KIND == Q4_1 || KIND == Q5_1 {
                let offset = small::half(block, 2);
                for j in 0..M {
                    let sums = times(dots(&codes, &tokens[j].values[b]), splat(tokens[j].scales[b]));
                    totals[j][odd] = plus(totals[j][odd], times(sums, scale));
                    offsets[j] += (tokens[j].sums[0][b] + tokens[j].sums[1][b]) * offset;
                }
                return;
            }
            let weights = signed(match KIND {
                Q4_0 => less(codes, 8),
                Q5_0 => less(codes, 16),
                _ => levels(codes),
            });
            for j in 0..M {
                let sums = times(sums(&weights, &tokens[j].values[b]), splat(tokens[j].scales[b]));
                totals[j][odd] = plus(totals[j][odd], times(sums, scale));
            }
        }
    };
}

pub(super) use {k_products, products, small_products};
