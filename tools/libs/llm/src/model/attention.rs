//! Causal attention over pages, by the online softmax (arXiv 1805.02867): each page of keys and values is read once for all query
//! rows of a task.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

use super::ops;
use super::pages::{PAGE, Pages};

/// Query rows of one task. Each page read serves this many tokens times the query heads that share the key head.
pub const ROWS: usize = 16;

/// Room of one thread, kept between tasks.
#[derive(Default)]
struct Room {
    keys: Vec<f32>,
    values: Vec<f32>,
    best: Vec<f32>,
    sum: Vec<f32>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// Where a task's queries stand.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Layer, counted among those with attention.
    pub layer: usize,
    /// Key and value head.
    pub head: usize,
    /// Query heads that share it.
    pub group: usize,
    /// Position of the first query row in its sequence.
    pub position: usize,
    /// What scores are multiplied by before the softmax.
    pub scale: f32,
}

/// Attention of `queries` (rows of `group * size`) to all tokens up to their own; the result goes to `out`, in the same shape.
pub fn attend(queries: &[f32], pages: &Pages, place: Place, out: &mut [f32]) {
    ROOM.with_borrow_mut(|room| {
        Arch::new().dispatch(Attend {
            queries,
            pages,
            place,
            out,
            room,
        });
    });
}

/// The work of [`attend`], compiled for each width of registers. The arithmetic is the same in all, so the results are too.
struct Attend<'a> {
    queries: &'a [f32],
    pages: &'a Pages,
    place: Place,
    out: &'a mut [f32],
    room: &'a mut Room,
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            queries,
            pages,
            place,
            out,
            room,
        } = self;
        let size = pages.shape().size;
        let count = queries.len() / size;
        let rows = count / place.group;
        room.keys.resize(PAGE * size, 0.0);
        room.values.resize(PAGE * size, 0.0);
        room.best.clear();
        room.best.resize(count, f32::NEG_INFINITY);
        room.sum.clear();
        room.sum.resize(count, 0.0);
        out.fill(0.0);
        let last = place.position + rows;
        for page in 0..last.div_ceil(PAGE) {
            pages.read(place.layer, place.head, page, &mut room.keys, &mut room.values);
            for row in 0..rows {
                // Tokens of this page that the row may see.
                let visible = (place.position + row + 1).saturating_sub(page * PAGE).min(PAGE);
                if visible == 0 {
                    continue;
                }
                let heads = row * place.group..(row + 1) * place.group;
                let mut q = heads.start;
                // Without wide registers the compiler finds vectors in the loops of one.
                while !S::IS_SCALAR && q + 2 <= heads.end {
                    step::<S, 2>(simd, queries, q, size, visible, place.scale, room, out);
                    q += 2;
                }
                for q in q..heads.end {
                    step::<S, 1>(simd, queries, q, size, visible, place.scale, room, out);
                }
            }
        }
        for (out, sum) in out.chunks_exact_mut(size).zip(&room.sum) {
            for o in out {
                *o /= sum;
            }
        }
    }
}

/// Takes `visible` tokens of a page into the sums of `Q` queries, from number `first` on. More than one at a time: numbers are read
/// once for all, and their additions need not wait for each other. For each it is the same arithmetic.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "what the queries are taken through")]
fn step<S: Simd, const Q: usize>(
    simd: S,
    queries: &[f32],
    first: usize,
    size: usize,
    visible: usize,
    scale: f32,
    room: &mut Room,
    out: &mut [f32],
) {
    let rows: [&[f32]; Q] = std::array::from_fn(|q| &queries[(first + q) * size..][..size]);
    let mut weights = scores(simd, rows, &room.keys, scale);
    for (q, weights) in weights.iter_mut().enumerate() {
        let (best, sum) = (&mut room.best[first + q], &mut room.sum[first + q]);
        weights[visible..].fill(f32::NEG_INFINITY);
        let top = fold(weights, |a, b| if b > a { b } else { a }).max(*best);
        if top > *best {
            let shrink = ops::exp(*best - top);
            *sum *= shrink;
            for o in &mut out[(first + q) * size..][..size] {
                *o *= shrink;
            }
            *best = top;
        }
        for weight in weights.iter_mut() {
            *weight = ops::exp(*weight - top);
        }
        weights[visible..].fill(0.0);
        *sum += fold(weights, |a, b| a + b);
    }
    weigh(
        simd,
        &weights,
        visible,
        &room.values,
        &mut out[first * size..][..Q * size],
    );
}

/// All numbers together, in halves.
#[inline(always)]
fn fold(numbers: &[f32; PAGE], together: impl Fn(f32, f32) -> f32) -> f32 {
    let mut numbers = *numbers;
    let mut half = PAGE / 2;
    while half > 0 {
        let (low, high) = numbers.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            *low = together(*low, *high);
        }
        half /= 2;
    }
    numbers[0]
}

/// Registers of a sum: with two queries, as many additions at once as hide how long one takes.
const REGISTERS: usize = 4;

/// Scores of queries against the tokens of a page.
#[inline(always)]
fn scores<S: Simd, const Q: usize>(
    simd: S,
    queries: [&[f32]; Q],
    keys: &[f32],
    scale: f32,
) -> [[f32; PAGE]; Q] {
    let mut scores = [[0f32; PAGE]; Q];
    let keys = keys.as_chunks::<PAGE>().0;
    if S::IS_SCALAR {
        for (query, scores) in queries.iter().zip(&mut scores) {
            for (q, keys) in query.iter().zip(keys) {
                for (s, k) in scores.iter_mut().zip(keys) {
                    *s += q * k;
                }
            }
        }
    }
    let width = REGISTERS * S::F32_LANES;
    for from in (0..PAGE).step_by(width).filter(|_| !S::IS_SCALAR) {
        let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; Q];
        for (element, keys) in keys.iter().enumerate() {
            let Some(keys) = S::as_simd_f32s(&keys[from..]).0.first_chunk::<REGISTERS>() else {
                unreachable!("a page is a multiple of registers");
            };
            for q in 0..Q {
                let query = simd.splat_f32s(queries[q][element]);
                for r in 0..REGISTERS {
                    sums[q][r] = simd.add_f32s(sums[q][r], simd.mul_f32s(query, keys[r]));
                }
            }
        }
        for q in 0..Q {
            let scores = &mut scores[q][from..from + width];
            S::as_mut_simd_f32s(scores).0.copy_from_slice(&sums[q]);
        }
    }
    for score in scores.as_flattened_mut() {
        *score *= scale;
    }
    scores
}

/// `out += sum of weights * values` over the first tokens of a page, for each row of `out`, in strips that stay in registers.
#[inline(always)]
fn weigh<S: Simd, const Q: usize>(
    simd: S,
    weights: &[[f32; PAGE]; Q],
    tokens: usize,
    values: &[f32],
    out: &mut [f32],
) {
    let size = out.len() / Q;
    let width = REGISTERS * S::F32_LANES;
    let done = if S::IS_SCALAR { 0 } else { size - size % width };
    for at in (0..done).step_by(width) {
        let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; Q];
        for q in 0..Q {
            let out = &out[q * size + at..][..width];
            sums[q].copy_from_slice(S::as_simd_f32s(out).0);
        }
        for (token, row) in values.chunks_exact(size).take(tokens).enumerate() {
            let Some(row) = S::as_simd_f32s(&row[at..]).0.first_chunk::<REGISTERS>() else {
                unreachable!("a strip lies within the row");
            };
            for q in 0..Q {
                let weight = simd.splat_f32s(weights[q][token]);
                for r in 0..REGISTERS {
                    sums[q][r] = simd.add_f32s(sums[q][r], simd.mul_f32s(weight, row[r]));
                }
            }
        }
        for q in 0..Q {
            let out = &mut out[q * size + at..][..width];
            S::as_mut_simd_f32s(out).0.copy_from_slice(&sums[q]);
        }
    }
    for (weights, out) in weights.iter().zip(out.chunks_exact_mut(size)) {
        for (weight, row) in weights.iter().zip(values.chunks_exact(size)).take(tokens) {
            for (s, v) in out[done..].iter_mut().zip(&row[done..]) {
                *s += weight * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pages::{KvKind, Shape};

    /// Plain attention of one query, in double precision.
    fn plain(query: &[f32], keys: &[Vec<f32>], values: &[Vec<f32>], scale: f32) -> Vec<f64> {
        let scores: Vec<f64> = keys
            .iter()
            .map(|k| {
                query
                    .iter()
                    .zip(k)
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum::<f64>()
                    * f64::from(scale)
            })
            .collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
        let sum: f64 = weights.iter().sum();
        (0..query.len())
            .map(|i| {
                weights
                    .iter()
                    .zip(values)
                    .map(|(w, v)| w * f64::from(v[i]))
                    .sum::<f64>()
                    / sum
            })
            .collect()
    }

    #[test]
    fn it_equals_plain_attention_across_pages() {
        for (tokens, size, group) in [(75, 40, 2), (75, 64, 3), (33, 96, 1)] {
            equals_plain_attention(tokens, size, group);
        }
    }

    fn equals_plain_attention(tokens: usize, size: usize, group: usize) {
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let mut pages = Pages::new(Shape {
            layers: 1,
            heads: 1,
            size,
            kind: KvKind::F32,
        });
        pages.prepare(0, tokens);
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for t in 0..tokens {
            let key: Vec<f32> = (0..size).map(|_| 2.0 * random()).collect();
            let value: Vec<f32> = (0..size).map(|_| random()).collect();
            pages.write(0, t, &key, &value);
            keys.push(key);
            values.push(value);
        }
        let rows = 16;
        let queries: Vec<f32> = (0..rows * group * size).map(|_| 2.0 * random()).collect();
        let place = Place {
            layer: 0,
            head: 0,
            group,
            position: tokens - rows,
            scale: 0.3,
        };
        let mut out = vec![0.0; queries.len()];
        attend(&queries, &pages, place, &mut out);
        for (q, (query, ours)) in queries.chunks_exact(size).zip(out.chunks_exact(size)).enumerate() {
            let seen = tokens - rows + q / group + 1;
            for (a, b) in ours.iter().zip(plain(query, &keys[..seen], &values[..seen], 0.3)) {
                assert!((f64::from(*a) - b).abs() < 2e-6, "query {q}: {a} is not {b}");
            }
        }
    }
}
