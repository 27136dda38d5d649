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
    fn with_simd<S: Simd>(self, _simd: S) {
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
            for q in 0..count {
                // Tokens of this page that the query may see.
                let visible = (place.position + q / place.group + 1)
                    .saturating_sub(page * PAGE)
                    .min(PAGE);
                if visible == 0 {
                    continue;
                }
                let query = &queries[q * size..][..size];
                let mut scores = scores(query, &room.keys, place.scale);
                let top = scores[..visible].iter().copied().fold(room.best[q], f32::max);
                let out = &mut out[q * size..][..size];
                if top > room.best[q] {
                    let shrink = ops::exp(room.best[q] - top);
                    room.sum[q] *= shrink;
                    for o in out.iter_mut() {
                        *o *= shrink;
                    }
                    room.best[q] = top;
                }
                for s in &mut scores {
                    *s = ops::exp(*s - top);
                }
                room.sum[q] += scores[..visible].iter().sum::<f32>();
                weigh(&scores[..visible], &room.values, out);
            }
        }
        for (out, sum) in out.chunks_exact_mut(size).zip(&room.sum) {
            for o in out {
                *o /= sum;
            }
        }
    }
}

/// Scores of one query against the 32 tokens of a page.
#[inline(always)]
fn scores(query: &[f32], keys: &[f32], scale: f32) -> [f32; PAGE] {
    let mut scores = [0f32; PAGE];
    for (q, keys) in query.iter().zip(keys.as_chunks::<PAGE>().0) {
        for (s, k) in scores.iter_mut().zip(keys) {
            *s += q * k;
        }
    }
    scores.map(|s| s * scale)
}

/// `out += sum of weights * values`, in strips that stay in registers.
#[inline(always)]
fn weigh(weights: &[f32], values: &[f32], out: &mut [f32]) {
    const STRIP: usize = 32;
    let size = out.len();
    let (strips, _) = out.as_chunks_mut::<STRIP>();
    for (i, strip) in strips.iter_mut().enumerate() {
        let mut sum = *strip;
        for (w, row) in weights.iter().zip(values.chunks_exact(size)) {
            if let Some(row) = row[i * STRIP..].first_chunk::<STRIP>() {
                for (s, v) in sum.iter_mut().zip(row) {
                    *s += w * v;
                }
            }
        }
        *strip = sum;
    }
    let done = size - size % STRIP;
    for (w, row) in weights.iter().zip(values.chunks_exact(size)) {
        for (s, v) in out[done..].iter_mut().zip(&row[done..]) {
            *s += w * v;
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
        let (tokens, size, group) = (75, 40, 2);
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
