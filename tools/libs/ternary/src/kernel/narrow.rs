//! The kernel of the tiers whose registers hold a part of a panel's rows: a block is two or four registers. Each instruction
//! set is a module of steps; their order is defined here.
//!
//! - `Int`, `Float`, `LANES`: a register of sums, of floats, and the rows in it
//! - `load`: a register of codes; `words`: the four activations that each plane is multiplied with, in every lane
//! - `one`, `one_whole`: one token of one plane, see [`super::alone`]
//! - `planes`, `add`, `sum`: many tokens. Bit planes are shifted down once for all.
//! - `zero`, `splat`, `plus`, `join` (of two planes of activations), `float`, `floats`, `times`, `plus_floats`,
//!   `weights` (fp16 scales) and `store`: the rest

/// Defines `panel` from the steps in scope.
macro_rules! narrow {
    ($(#[$feature:meta])?) => {
        const SLICES: usize = PANEL_ROWS / LANES;

        $(#[$feature])?
        pub(crate) fn panel(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
            match (job.x.precision().planes(), job.tokens, job.whole()) {
                (1, 1, true) => one_whole(panel, job, out),
                (1, 1, false) => one(panel, job, out),
                (1, 2, true) => tile::<2, 1, true>(panel, job, out),
                (1, 2, false) => tile::<2, 1, false>(panel, job, out),
                (1, 4, true) => tile::<4, 1, true>(panel, job, out),
                (1, 4, false) => tile::<4, 1, false>(panel, job, out),
                (1, 8, true) => tile::<8, 1, true>(panel, job, out),
                (1, 8, false) => tile::<8, 1, false>(panel, job, out),
                (_, 1, _) => tile::<1, 2, false>(panel, job, out),
                (_, 2, _) => tile::<2, 2, false>(panel, job, out),
                (_, 4, _) => tile::<4, 2, false>(panel, job, out),
                (_, tokens, _) => unreachable!("no tile of {tokens} tokens"),
            }
        }

        /// `M` tokens of `P` planes. `WHOLE`: int32 sums over all columns.
        $(#[$feature])?
        fn tile<const M: usize, const P: usize, const WHOLE: bool>(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
            let x = *job.together;
            let mut whole = [[zero(); SLICES]; M];
            let mut total = [[floats(0.0); SLICES]; M];
            let mut weight = [floats(job.layout.scale); SLICES];
            let mut at = 0;
            for (group, scales) in Groups::new(panel, job.layout) {
                if let Some(scales) = scales {
                    for s in 0..SLICES {
                        weight[s] = weights(scales.as_chunks().0[s]);
                    }
                }
                for codes in group {
                    prefetch_chunk(codes);
                    for s in 0..SLICES {
                        let mut sums = [[zero(); M]; P];
                        for i in 0..4 {
                            let planes = planes(load(codes.as_chunks().0[i * SLICES + s]));
                            for p in 0..P {
                                let values: &[[i8; CHUNK]; M] = part(x.values[p], at);
                                for j in 0..M {
                                    sums[p][j] = add(sums[p][j], planes, words(&values[j].as_chunks::<16>().0[i]));
                                }
                            }
                        }
                        let scales: &[f32; M] = part(x.scales, at);
                        for j in 0..M {
                            let offset: &[i32; M] = part(x.offsets[0], at);
                            let mut sum = plus(sum(sums[0][j]), splat(offset[j]));
                            if P == 2 {
                                let offset: &[i32; M] = part(x.offsets[1], at);
                                sum = join(sum, plus(self::sum(sums[P - 1][j]), splat(offset[j])));
                            }
                            if WHOLE {
                                whole[j][s] = plus(whole[j][s], sum);
                            } else {
                                let scaled = times(float(sum), floats(scales[j]));
                                total[j][s] = plus_floats(total[j][s], times(scaled, weight[s]));
                            }
                        }
                    }
                    at += x.width;
                }
            }
            for j in 0..M {
                for s in 0..SLICES {
                    if WHOLE {
                        total[j][s] = times(times(float(whole[j][s]), floats(x.scales[j])), weight[s]);
                    }
                    store(&mut out[j].as_chunks_mut().0[s], total[j][s]);
                }
            }
        }
    };
}

pub(super) use narrow;
