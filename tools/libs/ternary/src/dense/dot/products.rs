//! The products of a row with one, two or four tokens, and sums of rows, written once for all tiers.

/// Defines `row`, `take_apart` and `add_rows` from the steps in scope: `Floats`, a register of `WIDTH` floats; `zero`, `splat`, `load`,
/// `store`, `times`, `plus`; `f16`, which widens that many fp16, and `i8`, which converts that many bytes.
macro_rules! products {
    ($(#[$feature:meta])?) => {
        use crate::dense::dot::weights::{LANES, Q8_BLOCK, Row, reduce};
        use crate::dense::quants::{self, Quant};
        use crate::half_float::widen;
        use crate::prefetch::{prefetch, prefetch_line};
        use crate::slices::part;

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
        pub(in super::super) fn take_apart(kind: Quant, row: &[u8], out: &mut [f32]) {
            quants::take_apart(kind, row, out);
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

        /// Columns whose sums stay in registers, for one or two sums.
        const STRIP: usize = if WIDTH < 8 { LANES / 2 } else { LANES };

        /// Adds rows strip by strip, of fp16 if `HALF`, otherwise of floats.
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
            // One of the two is empty.
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

        /// Rows are whole steps: K-quants come in blocks of 256.
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

pub(super) use products;
