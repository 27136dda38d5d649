//! One token of one plane, in the tiers without a dot product of bytes in 256-bit registers or without 32 registers, which are
//! limited by the number of instructions. Further steps:
//!
//! - `Alone`, `alone`, `alone_words`: the values of a chunk, and the words of one of its blocks
//! - `apart`, `apart_add`, `apart_sum`: bit planes are not shifted and have sums of their own (`Apart`), which are combined at
//!   the end of a chunk, still narrow; `plus_narrow` adds two such sums, `sum` widens them to int32
//! - `all_weights`: the scales of a group
//! - `Masks`, `masks`: the masks of the planes
//! - `SLICES_INSIDE`: whether the inner loop runs over the slices of a block, or over the blocks of a slice

/// Defines `one` and `one_whole` from the steps in scope.
macro_rules! alone {
    ($(#[$feature:meta])?) => {
        /// One token of one plane, if one int32 sum per row suffices for the whole product. int16 sums of two chunks are added
        /// before they are widened.
        $(#[$feature])?
        fn one_whole(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
            let x = *job.together;
            let masks = masks();
            let mut sums = [zero(); SLICES];
            let mut chunks = panel.as_chunks::<CHUNK_BYTES>().0.chunks_exact(2);
            let mut at = 0;
            for pair in &mut chunks {
                let (Some(first), Some(second)) = (alone(&job, &x, at), alone(&job, &x, at + 1)) else {
                    unreachable!("activations are as long as rows");
                };
                let first = chunk(&pair[0], first, masks);
                let second = chunk(&pair[1], second, masks);
                for s in 0..SLICES {
                    sums[s] = plus(sums[s], sum(plus_narrow(first[s], second[s])));
                }
                at += 2;
            }
            if let ([last], Some(values)) = (chunks.remainder(), alone(&job, &x, at)) {
                let last = chunk(last, values, masks);
                for s in 0..SLICES {
                    sums[s] = plus(sums[s], sum(last[s]));
                }
            }
            let offset = x.offsets[0].iter().step_by(x.width).take(job.layout.chunks()).sum();
            for s in 0..SLICES {
                let sum = float(plus(sums[s], splat(offset)));
                let total = times(times(sum, floats(x.scales[0])), floats(job.layout.scale));
                store(&mut out[0].as_chunks_mut().0[s], total);
            }
        }

        /// One token of one plane.
        $(#[$feature])?
        fn one(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
            let x = *job.together;
            let masks = masks();
            let mut total = [floats(0.0); SLICES];
            let mut weight = [floats(job.layout.scale); SLICES];
            let mut at = 0;
            for (group, scales) in Groups::new(panel, job.layout) {
                if let Some(scales) = scales {
                    weight = all_weights(scales);
                }
                for codes in group {
                    let (Some(values), Some(offset), Some(scale)) =
                        (alone(&job, &x, at), x.offsets[0].get(at * x.width), x.scales.get(at * x.width))
                    else {
                        unreachable!("activations are as long as rows");
                    };
                    let sums = chunk(codes, values, masks);
                    let (offset, scale) = (splat(*offset), floats(*scale));
                    for s in 0..SLICES {
                        let sum = plus(sum(sums[s]), offset);
                        total[s] = plus_floats(total[s], times(times(float(sum), scale), weight[s]));
                    }
                    at += 1;
                }
            }
            for s in 0..SLICES {
                store(&mut out[0].as_chunks_mut().0[s], total[s]);
            }
        }

        /// The narrow sums of a chunk.
        #[inline]
        $(#[$feature])?
        fn chunk(codes: &[u8; CHUNK_BYTES], values: &Alone, masks: Masks) -> [Int; SLICES] {
            prefetch_chunk(codes);
            let mut sums = [apart(); SLICES];
            if SLICES_INSIDE {
                for i in 0..4 {
                    let words = alone_words(values, i);
                    for s in 0..SLICES {
                        sums[s] = apart_add(sums[s], load(codes.as_chunks().0[i * SLICES + s]), words, masks);
                    }
                }
            } else {
                // The sums of all slices and the words do not fit into 16 registers.
                for s in 0..SLICES {
                    for i in 0..4 {
                        let words = alone_words(values, i);
                        sums[s] = apart_add(sums[s], load(codes.as_chunks().0[i * SLICES + s]), words, masks);
                    }
                }
            }
            let mut narrow = [zero(); SLICES];
            for s in 0..SLICES {
                narrow[s] = apart_sum(sums[s]);
            }
            narrow
        }
    };
}

pub(super) use alone;
