//! The products of one row with one, two or four tokens, and sums of rows, compiled for each tier.
#![allow(unsafe_code)] // calls into tiers the processor was found to have

use super::half_float::widen;
use super::kquants::KQuant;
use crate::isa::Isa;

mod steps;

#[cfg(target_arch = "x86_64")]
pub(crate) use steps::ssse3::f16 as widen_ssse3;

#[cfg(target_arch = "aarch64")]
use steps::neon;
use steps::plain;
#[cfg(target_arch = "x86_64")]
use steps::{avx2, avx512, ssse3};

/// Columns of a step, and running totals.
pub(super) const LANES: usize = 32;
/// Bytes of a Q8_0 block: fp16 scale, 32 signed bytes.
pub(super) const Q8_BLOCK: usize = 34;

/// Tokens a tier takes at once, largest first.
pub(super) fn tiles(isa: Isa) -> &'static [usize] {
    match isa {
        Isa::Avx512Vnni | Isa::NeonDotprod => &[4, 2, 1],
        _ => &[2, 1],
    }
}

/// A row of weights.
#[derive(Debug, Clone, Copy)]
pub(super) enum Row<'a> {
    /// fp16.
    F16(&'a [u8]),
    /// Blocks of Q8_0.
    Q8(&'a [u8]),
    /// Floats: what is taken apart before.
    F32(&'a [f32]),
}

/// Calls a function of a tier's module.
macro_rules! by_tier {
    ($isa:expr, $name:ident($($argument:expr),*)) => {
        match $isa {
            // SAFETY: the caller's.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => unsafe { avx512::$name($($argument),*) },
            // SAFETY: the caller's.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::AvxVnni => unsafe { avx2::$name($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the caller's.
            Isa::Ssse3 => unsafe { ssse3::$name($($argument),*) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: the caller's.
            Isa::NeonDotprod => unsafe { neon::$name($($argument),*) },
            _ => plain::$name($($argument),*),
        }
    };
}

/// The products of a row with the first tokens of `x`, as many as there are outputs: one of [`tiles`].
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
pub(super) unsafe fn row(isa: Isa, row: Row<'_>, x: &[&[f32]], out: &mut [f32]) {
    by_tier!(isa, row(row, x, out));
}

/// A row of K-quants as floats.
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
pub(super) unsafe fn take_apart(isa: Isa, kind: KQuant, row: &[u8], out: &mut [f32]) {
    by_tier!(isa, take_apart(kind, row, out));
}

/// Rows of fp16 or floats, one behind the other, each times its number, are added to each sum, of which there are one or two,
/// one behind the other as well. While fp16 is read, as many lines of memory are fetched from `next` on.
///
/// # Safety
/// The processor must have the tier, see [`Isa::is_supported`].
pub(super) unsafe fn add_rows(
    isa: Isa,
    rows: Row<'_>,
    numbers: &[&[f32]],
    sums: &mut [f32],
    next: *const u8,
) {
    by_tier!(isa, add_rows(rows, numbers, sums, next));
}

/// A Q8_0 block as floats.
#[inline(always)]
pub(super) fn q8(block: &[u8; Q8_BLOCK]) -> [f32; LANES] {
    let scale = widen(u16::from_le_bytes([block[0], block[1]]));
    let mut out = [0.0; LANES];
    for (out, byte) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(byte.cast_signed()) * scale;
    }
    out
}

/// The sum of the totals, in halves.
#[inline(always)]
fn reduce(mut totals: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            totals[lane] += totals[lane + half];
        }
        half /= 2;
    }
    totals[0]
}

/// Makes `row` of the steps in scope: `Floats`, a register of `WIDTH` floats; `zero`, `splat`, `load`, `store`,
/// `times`, `plus`; `f16`, that many fp16 widened, and `i8`, that many bytes.
macro_rules! products {
    ($(#[$feature:meta])?) => {
        use super::super::{LANES, Q8_BLOCK, Row, reduce};
        use crate::dense::kquants::{self, KQuant};
        use crate::dense::widen;
        use crate::kernel::{part, prefetch, prefetch_line};

        /// Registers of a step.
        const STEP: usize = LANES / WIDTH;

        $(#[$feature])?
        pub(in super::super) fn row(row: Row<'_>, x: &[&[f32]], out: &mut [f32]) {
            match (row, out.len()) {
                (Row::F16(row), 1) => halves::<1>(row, x, out),
                (Row::F16(row), 2) => halves::<2>(row, x, out),
                (Row::F16(row), 4) => halves::<4>(row, x, out),
                (Row::Q8(row), 1) => blocks::<1>(row, x, out),
                (Row::Q8(row), 2) => blocks::<2>(row, x, out),
                (Row::Q8(row), 4) => blocks::<4>(row, x, out),
                (Row::F32(row), 1) => singles::<1>(row, x, out),
                (Row::F32(row), 2) => singles::<2>(row, x, out),
                (Row::F32(row), 4) => singles::<4>(row, x, out),
                (_, tokens) => unreachable!("no tile of {tokens} tokens"),
            }
        }

        $(#[$feature])?
        pub(in super::super) fn take_apart(kind: KQuant, row: &[u8], out: &mut [f32]) {
            kquants::take_apart(kind, row, out);
        }

        $(#[$feature])?
        pub(in super::super) fn add_rows(rows: Row<'_>, numbers: &[&[f32]], sums: &mut [f32], next: *const u8) {
            match (rows, numbers) {
                (Row::F16(rows), [a]) => strips::<1, true>(rows, &[], [a], sums, next),
                (Row::F16(rows), [a, b]) => strips::<2, true>(rows, &[], [a, b], sums, next),
                (Row::F32(rows), [a]) => strips::<1, false>(&[], rows, [a], sums, next),
                (Row::F32(rows), [a, b]) => strips::<2, false>(&[], rows, [a, b], sums, next),
                _ => unreachable!("one or two sums of fp16 or floats"),
            }
        }

        /// Columns whose sums stay in registers, for one or two of them.
        const STRIP: usize = if WIDTH < 8 { LANES / 2 } else { LANES };

        /// The rows in strips, of fp16 if `HALF`, else of floats.
        $(#[$feature])?
        fn strips<const M: usize, const HALF: bool>(
            halves: &[u8],
            floats: &[f32],
            numbers: [&[f32]; M],
            out: &mut [f32],
            mut next: *const u8,
        ) {
            let width = out.len() / M;
            let whole = width - width % STRIP;
            // One of them has none.
            let halves_of_rows = halves.chunks_exact(2 * width);
            let floats_of_rows = floats.chunks_exact(width);
            let count = halves_of_rows.len() + floats_of_rows.len();
            for j in 0..M {
                assert!(numbers[j].len() >= count);
            }
            for at in (0..whole).step_by(STRIP) {
                let mut sums = [[zero(); STRIP / WIDTH]; M];
                for j in 0..M {
                    for s in 0..STRIP / WIDTH {
                        sums[j][s] = load(part(out, j * width + at + s * WIDTH));
                    }
                }
                let (mut halves, mut floats) = (halves_of_rows.clone(), floats_of_rows.clone());
                for row in 0..count {
                    let mut cells = [zero(); STRIP / WIDTH];
                    if HALF {
                        prefetch_line(next);
                        next = next.wrapping_add(2 * STRIP);
                        let Some(halves) = halves.next() else { break };
                        let line: &[u8; 2 * STRIP] = part(halves, 2 * at);
                        for s in 0..STRIP / WIDTH {
                            cells[s] = f16(&line.as_chunks().0[s]);
                        }
                    } else {
                        let Some(floats) = floats.next() else { break };
                        let line: &[f32; STRIP] = part(floats, at);
                        for s in 0..STRIP / WIDTH {
                            cells[s] = load(&line.as_chunks().0[s]);
                        }
                    }
                    for j in 0..M {
                        let number = splat(numbers[j][row]);
                        for s in 0..STRIP / WIDTH {
                            sums[j][s] = plus(sums[j][s], times(number, cells[s]));
                        }
                    }
                }
                for j in 0..M {
                    for s in 0..STRIP / WIDTH {
                        let out = &mut out[j * width + at + s * WIDTH..];
                        store(&mut out.as_chunks_mut().0[0], sums[j][s]);
                    }
                }
            }
            for column in whole..width {
                for j in 0..M {
                    for row in 0..count {
                        let at = row * width + column;
                        let cell = if HALF {
                            widen(u16::from_le_bytes(*part(halves, 2 * at)))
                        } else {
                            floats[at]
                        };
                        out[j * width + column] += numbers[j][row] * cell;
                    }
                }
            }
        }

        /// Of whole steps: K-quants come in blocks of 256.
        $(#[$feature])?
        fn singles<const M: usize>(row: &[f32], x: &[&[f32]], out: &mut [f32]) {
            let blocks = row.as_chunks::<LANES>().0;
            let mut tokens: [&[[f32; LANES]]; M] = [&[]; M];
            for j in 0..M {
                tokens[j] = &x[j].as_chunks().0[..blocks.len()];
            }
            let mut totals = [[zero(); STEP]; M];
            for (at, block) in blocks.iter().enumerate() {
                for s in 0..STEP {
                    let weights = load(&block.as_chunks().0[s]);
                    for j in 0..M {
                        totals[j][s] = plus(totals[j][s], times(weights, load(&tokens[j][at].as_chunks().0[s])));
                    }
                }
            }
            finish(&totals, out);
        }

        $(#[$feature])?
        fn halves<const M: usize>(row: &[u8], x: &[&[f32]], out: &mut [f32]) {
            let (blocks, rest) = row.as_chunks::<{ 2 * LANES }>();
            let mut tokens: [&[[f32; LANES]]; M] = [&[]; M];
            for j in 0..M {
                tokens[j] = &x[j].as_chunks().0[..blocks.len()];
            }
            let mut totals = [[zero(); STEP]; M];
            for (at, block) in blocks.iter().enumerate() {
                prefetch(block.as_ptr());
                for s in 0..STEP {
                    let weights = f16(&block.as_chunks().0[s]);
                    for j in 0..M {
                        totals[j][s] = plus(totals[j][s], times(weights, load(&tokens[j][at].as_chunks().0[s])));
                    }
                }
            }
            if !rest.is_empty() {
                let mut block = [0; 2 * LANES];
                block[..rest.len()].copy_from_slice(rest);
                for j in 0..M {
                    let mut padded = [0.0; LANES];
                    padded[..rest.len() / 2].copy_from_slice(x[j].as_chunks::<LANES>().1);
                    for s in 0..STEP {
                        let weights = f16(&block.as_chunks().0[s]);
                        totals[j][s] = plus(totals[j][s], times(weights, load(&padded.as_chunks().0[s])));
                    }
                }
            }
            finish(&totals, out);
        }

        $(#[$feature])?
        fn blocks<const M: usize>(row: &[u8], x: &[&[f32]], out: &mut [f32]) {
            let blocks = row.as_chunks::<Q8_BLOCK>().0;
            let mut tokens: [&[[f32; LANES]]; M] = [&[]; M];
            for j in 0..M {
                tokens[j] = &x[j].as_chunks().0[..blocks.len()];
            }
            let mut totals = [[zero(); STEP]; M];
            for (at, block) in blocks.iter().enumerate() {
                prefetch(block.as_ptr());
                let scale = splat(widen(u16::from_le_bytes([block[0], block[1]])));
                for s in 0..STEP {
                    let weights = times(i8(&block[2..].as_chunks().0[s]), scale);
                    for j in 0..M {
                        totals[j][s] = plus(totals[j][s], times(weights, load(&tokens[j][at].as_chunks().0[s])));
                    }
                }
            }
            finish(&totals, out);
        }

        $(#[$feature])?
        fn finish<const M: usize>(totals: &[[Floats; STEP]; M], out: &mut [f32]) {
            for j in 0..M {
                let mut lanes = [0.0; LANES];
                for s in 0..STEP {
                    store(&mut lanes.as_chunks_mut().0[s], totals[j][s]);
                }
                out[j] = reduce(lanes);
            }
        }
    };
}

use products;
