//! Selecting candidate tokens, and drawing one. A vocabulary has more than a hundred thousand tokens, of which a few matter: all are
//! scanned with SIMD, and only those that may be among the highest are sorted.
#![expect(clippy::float_cmp, reason = "numbers are compared with one of themselves")]
#![allow(clippy::inline_always)] // what is not inlined into a loop is not compiled for its registers

use std::cmp::Ordering;

use pulp::{Arch, Simd, WithSimd};

use super::parameters::Sampling;
use super::random::SplitMix;
use crate::model::exp;

/// Values per block, whose maximum is kept.
const BLOCK: usize = 64;

/// The lanes of a sum.
const LANES: usize = 16;

/// Buffers that are reused for all tokens of a sequence.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    list: Vec<(u32, f32)>,
    highest: Vec<f32>,
    weights: Vec<f32>,
}

/// Sorts higher values first, and equal ones by id.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "for sorting")]
fn by_value(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

impl Candidates {
    /// Draws a token by probability at the request's temperature, among those within its limits.
    pub(super) fn draw(&mut self, logits: &[f32], sampling: &Sampling, random: &mut SplitMix) -> Option<u32> {
        let max = maximum(logits);
        if max == f32::NEG_INFINITY {
            return None;
        }
        let weight = |logit| weight(logit, max, sampling.temperature);
        self.weights.clear();
        if sampling.top_k == 0 {
            self.weights.resize(logits.len(), 0.0);
            Arch::new().dispatch(Weigh {
                logits,
                max,
                temperature: sampling.temperature,
                weights: &mut self.weights,
            });
        }
        let total = sum(&self.weights);
        if sampling.top_k == 0 && sampling.top_p >= 1.0 && sampling.min_p == 0.0 {
            return pick((0u32..).zip(self.weights.iter().copied()), total, random);
        }
        if sampling.top_k > 0 {
            self.leading(logits, sampling.top_k);
            self.list.truncate(sampling.top_k);
            for candidate in &mut self.list {
                candidate.1 = weight(candidate.1);
            }
            let total: f64 = self.list.iter().map(|c| f64::from(c.1)).sum();
            keep_share(&mut self.list, f64::from(sampling.top_p) * total);
        } else if sampling.top_p < 1.0 {
            let weights = std::mem::take(&mut self.weights);
            let mut looked = BLOCK;
            loop {
                self.leading(&weights, looked);
                if keep_share(&mut self.list, f64::from(sampling.top_p) * total) || looked >= weights.len() {
                    break;
                }
                looked *= 4;
            }
            self.weights = weights;
        } else {
            self.list.clear();
            let weights = (0u32..).zip(self.weights.iter().copied());
            self.list.extend(weights.filter(|c| c.1 >= sampling.min_p));
        }
        if sampling.min_p > 0.0 {
            // The most likely one has the weight 1.
            self.list.retain(|c| c.1 >= sampling.min_p);
        }
        let total = self.list.iter().map(|c| f64::from(c.1)).sum();
        pick(self.list.iter().copied(), total, random)
    }

    /// Fills the list with the `count` highest values and possibly more, best first. NaN is left out.
    fn leading(&mut self, values: &[f32], count: usize) {
        self.highest.clear();
        self.highest.extend(values.chunks(BLOCK).map(maximum));
        // `count` blocks have a maximum of at least the bound, so at least `count` values reach it.
        let bound = match count.checked_sub(1) {
            Some(last) if count < self.highest.len() => {
                *self.highest.select_nth_unstable_by(last, |a, b| b.total_cmp(a)).1
            }
            _ => f32::NEG_INFINITY,
        };
        self.list.clear();
        let values = (0u32..).zip(values.iter().copied());
        self.list
            .extend(values.filter(|c| c.1 >= bound && c.1 > f32::NEG_INFINITY));
        self.list.sort_unstable_by(by_value);
    }

    /// The `count` highest, best first.
    pub(super) fn best(&mut self, logits: &[f32], count: usize) -> &[(u32, f32)] {
        self.leading(logits, count);
        &self.list[..count.min(self.list.len())]
    }
}

/// The weight of a logit relative to the highest. Branch-free; the highest is a special case because it may be infinite.
#[inline(always)]
fn weight(logit: f32, max: f32, temperature: f32) -> f32 {
    let weight = exp((logit - max) / temperature);
    let weight = if logit > f32::NEG_INFINITY { weight } else { 0.0 };
    if logit == max { 1.0 } else { weight }
}

/// [`weight`] of all logits, compiled for each register width.
struct Weigh<'a> {
    logits: &'a [f32],
    max: f32,
    temperature: f32,
    weights: &'a mut [f32],
}

impl WithSimd for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (out, logit) in self.weights.iter_mut().zip(self.logits) {
            *out = weight(*logit, self.max, self.temperature);
        }
    }
}

/// Keeps the shortest beginning of a list whose sum reaches `share`. Returns false if the whole list does not reach it.
fn keep_share(list: &mut Vec<(u32, f32)>, share: f64) -> bool {
    let mut sum = 0.0;
    let needed = list.iter().position(|c| {
        sum += f64::from(c.1);
        sum >= share
    });
    if let Some(last) = needed {
        list.truncate(last + 1);
    }
    needed.is_some()
}

/// Picks a candidate by weight; the weights add up to `total`. One with weight 0 is never picked.
fn pick(candidates: impl Iterator<Item = (u32, f32)>, total: f64, random: &mut SplitMix) -> Option<u32> {
    let mut left = random.unit() * total;
    let mut last = None;
    for (id, weight) in candidates.filter(|c| c.1 > 0.0) {
        last = Some(id);
        left -= f64::from(weight);
        if left < 0.0 {
            break;
        }
    }
    // Sums in another order may leave a remainder.
    last
}

/// The highest number; minus infinity if there is none.
pub(super) fn maximum(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *value);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

/// The sum, in double precision.
fn sum(values: &[f32]) -> f64 {
    let mut lanes = [0f64; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*value);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().copied().map(f64::from).sum::<f64>()
}

/// The id of the highest logit, the lowest id of equal ones; `None` if no logit is above minus infinity.
pub fn highest(logits: &[f32]) -> Option<u32> {
    let (mut best, mut value) = (None, f32::NEG_INFINITY);
    for (block, logits) in logits.chunks(BLOCK).enumerate() {
        let here = maximum(logits);
        if here > value {
            (best, value) = (Some(block), here);
        }
    }
    let first = best? * BLOCK;
    let at = logits[first..].iter().position(|logit| *logit == value)?;
    u32::try_from(first + at).ok()
}
