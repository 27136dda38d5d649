//! Causal attention over pages with the online softmax (arXiv 1805.02867): each page of keys and values is read once for all query rows
//! of a task.

use std::cell::RefCell;
use std::ops::Range;

use pulp::{Arch, NullaryFnOnce};
use sigmavault_ternary::{Isa, Rows, add_rows};

use super::ops;
use crate::model::pages::{PAGE, Pages, Run};

/// The most query heads of a task that read keys and values in place; for more heads, they are widened once for all. Two heads read
/// together.
fn few() -> usize {
    if Isa::active().widens_halves() { 4 } else { 2 }
}

/// The buffers of one thread, kept between tasks.
#[derive(Default)]
struct Room {
    widened: Widened,
    sums: Sums,
}

/// The state of the softmax, for every query.
#[derive(Default)]
struct Sums {
    /// The highest score.
    best: Vec<f32>,
    /// The sum of the weights.
    sum: Vec<f32>,
}

/// A run of a page as floats.
#[derive(Default)]
struct Widened {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Widened {
    fn take(&mut self, run: Run<'_>) -> Run<'_> {
        self.keys.resize(run.keys.len(), 0.0);
        self.values.resize(run.values.len(), 0.0);
        run.keys.widen(&mut self.keys, Some(run.values));
        run.values.widen(&mut self.values, run.next);
        Run {
            keys: Rows::Single(&self.keys),
            values: Rows::Single(&self.values),
            next: None,
        }
    }
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// The position of a task's queries.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The number of the layer among those with attention.
    pub layer: usize,
    /// Key and value head.
    pub head: usize,
    /// The number of query heads that share it.
    pub group: usize,
    /// The position of the first query row in its sequence.
    pub position: usize,
    /// The factor of scores before the softmax.
    pub scale: f32,
    /// The number of latest tokens that a row sees, the own one included; `None`: all.
    pub window: Option<usize>,
}

/// Attention of `queries` (rows of `group * size`) to all tokens up to their own, or those of the window; the result goes to `out`, in the same shape.
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

/// The work of [`attend`], compiled for each register width. The arithmetic, and so the result, is the same in all.
struct Attend<'a> {
    queries: &'a [f32],
    pages: &'a Pages,
    place: Place,
    out: &'a mut [f32],
    room: &'a mut Room,
}

impl NullaryFnOnce for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
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
        room.sums.best.clear();
        room.sums.best.resize(count, f32::NEG_INFINITY);
        room.sums.sum.clear();
        room.sums.sum.resize(count, 0.0);
        out.fill(0.0);
        let (last, few) = (place.position + rows, few());
        let queries = Queries {
            rows: queries,
            size,
            scale: place.scale,
        };
        // The first token that a row sees.
        let begin = |row: usize| {
            place
                .window
                .map_or(0, |w| (place.position + row + 1).saturating_sub(w))
        };
        for page in begin(0) / PAGE..last.div_ceil(PAGE) {
            let mut run = pages.run(place.layer, place.head, page);
            if count > few {
                run = room.widened.take(run);
            }
            for row in 0..rows {
                // The tokens of this page that are visible to the row.
                let visible = (place.position + row + 1).saturating_sub(page * PAGE).min(PAGE);
                let hidden = begin(row).saturating_sub(page * PAGE);
                if visible <= hidden {
                    continue;
                }
                let seen = hidden..visible;
                let heads = row * place.group..(row + 1) * place.group;
                let mut q = heads.start;
                while q + 2 <= heads.end {
                    step::<2>(queries, q, seen.clone(), run, &mut room.sums, out);
                    q += 2;
                }
                if q < heads.end {
                    step::<1>(queries, q, seen, run, &mut room.sums, out);
                }
            }
        }
        for (out, sum) in out.chunks_exact_mut(size).zip(&room.sums.sum) {
            for o in out {
                *o /= sum;
            }
        }
    }
}

/// The query heads of a task.
#[derive(Clone, Copy)]
struct Queries<'a> {
    rows: &'a [f32],
    /// Numbers of a head.
    size: usize,
    /// The factor of scores.
    scale: f32,
}

/// Adds the tokens of a page that are `seen` to the sums of `Q` queries from number `first` on: two at a time if possible, as keys and values are
/// read once for both. The arithmetic of each is the same.
#[inline(always)]
fn step<const Q: usize>(
    queries: Queries<'_>,
    first: usize,
    seen: Range<usize>,
    run: Run<'_>,
    sums: &mut Sums,
    out: &mut [f32],
) {
    let Queries { rows, size, scale } = queries;
    let rows: [&[f32]; Q] = std::array::from_fn(|q| &rows[(first + q) * size..][..size]);
    let mut weights = [[0.0; PAGE]; Q];
    add_rows(run.keys, rows, weights.as_flattened_mut(), Some(run.values));
    for (q, weights) in weights.iter_mut().enumerate() {
        let (best, sum) = (&mut sums.best[first + q], &mut sums.sum[first + q]);
        for weight in weights.iter_mut() {
            *weight *= scale;
        }
        weights[..seen.start].fill(f32::NEG_INFINITY);
        weights[seen.end..].fill(f32::NEG_INFINITY);
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
        weights[..seen.start].fill(0.0);
        weights[seen.end..].fill(0.0);
        *sum += fold(weights, |a, b| a + b);
    }
    let weights: [&[f32]; Q] = std::array::from_fn(|q| &weights[q][..seen.end]);
    let (values, out) = (
        run.values.first(seen.end * size),
        &mut out[first * size..][..Q * size],
    );
    add_rows(values, weights, out, run.next);
}

/// The sum, added pairwise by halves.
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

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::model::pages::{KvKind, Shape};

    /// Straightforward attention of one query, in double precision.
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
        for (tokens, size) in [(75, 40), (75, 64), (33, 96), (64, 128)] {
            for (rows, group) in [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 2), (16, 2), (16, 3)] {
                for kind in [KvKind::F32, KvKind::F16] {
                    for window in [None, Some(1), Some(20), Some(33), Some(1000)] {
                        equals_plain_attention(tokens, size, kind, rows, group, window);
                    }
                }
            }
        }
    }

    fn equals_plain_attention(
        tokens: usize,
        size: usize,
        kind: KvKind,
        rows: usize,
        group: usize,
        window: Option<usize>,
    ) {
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let mut pages = Pages::new(Shape {
            layers: 1,
            heads: 1,
            size,
            kind,
        });
        pages.prepare(0, tokens);
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for t in 0..tokens {
            // Numbers that both kinds represent exactly.
            let mut half = || f16::from_f32(random()).to_f32();
            let key: Vec<f32> = (0..size).map(|_| 2.0 * half()).collect();
            let value: Vec<f32> = (0..size).map(|_| half()).collect();
            pages.write(0, t, &key, &value);
            keys.push(key);
            values.push(value);
        }
        let queries: Vec<f32> = (0..rows * group * size).map(|_| 2.0 * random()).collect();
        let place = Place {
            layer: 0,
            head: 0,
            group,
            position: tokens - rows,
            scale: 0.3,
            window,
        };
        let mut out = vec![0.0; queries.len()];
        attend(&queries, &pages, place, &mut out);
        // The bound grows with the length and number of sums in single precision.
        let long = size > 96 || size > 64 && rows * group > 32;
        let bound = if long { 5e-6 } else { 2e-6 };
        for (q, (query, ours)) in queries.chunks_exact(size).zip(out.chunks_exact(size)).enumerate() {
            let end = tokens - rows + q / group + 1;
            let seen = end.saturating_sub(window.unwrap_or(end))..end;
            for (a, b) in ours
                .iter()
                .zip(plain(query, &keys[seen.clone()], &values[seen], 0.3))
            {
                assert!(
                    (f64::from(*a) - b).abs() < bound,
                    "{size}, {rows} of {group}, window {window:?}, query {q}: {a} is not {b}"
                );
            }
        }
    }
}
